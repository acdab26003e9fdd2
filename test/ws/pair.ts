import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

/** Both ends of a WebSocket. */
export interface Pair extends AsyncDisposable {
  readonly socket: WebSocket
  readonly client: WebSocket
  /** What the client came with. */
  readonly request: IncomingMessage
  /** The client leaves without a word, and the server has heard of it. */
  leave(): Promise<void>
}

export async function pair(headers: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers })
  const [[socket, request]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as unknown as [
    [WebSocket, IncomingMessage],
  ]
  return {
    socket,
    client,
    request,
    async leave() {
      const closed = once(socket, 'close')
      client.terminate()
      await closed
    },
    async [Symbol.asyncDispose]() {
      client.terminate()
      server.close()
    },
  }
}
