import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { MaybePromise } from '../core/types.js'

/** A server that listens on the loopback, at a port the system chose. */
export interface Served {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  readonly server: Server
  close(): Promise<void>
}

/** Serves a listener: a function of Node's request and response, such as an Express app. */
export async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Serves a Fetch handler over Node's HTTP, as runtimes that speak Fetch do. */
export function serveFetch(handler: (request: Request) => MaybePromise<Response>): Promise<Served> {
  return serve((incoming, outgoing) => {
    answer(incoming, outgoing, handler).catch(() => outgoing.destroy())
  })
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: (request: Request) => MaybePromise<Response>,
): Promise<void> {
  const response = await handler(requestOf(incoming))
  outgoing.statusCode = response.status
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value)
  if (response.body === null || incoming.method === 'HEAD') {
    await response.body?.cancel()
    outgoing.end()
    return
  }
  // A body that has not begun must not keep its head back.
  outgoing.flushHeaders()
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), outgoing)
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = 'GET', url = '/', headers } = incoming
  const hasBody = method !== 'GET' && method !== 'HEAD'
  return new Request(new URL(url, `http://${headers.host}`), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((each): [string, string] => [name, each]),
    ),
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' } : {}),
  } as RequestInit)
}
