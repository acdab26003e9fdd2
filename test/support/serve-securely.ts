import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Served } from 'sojourn/testing'
import { certificate } from './certificate.js'

/** Serves a listener by HTTPS at a port that the system chose, with a certificate that nobody vouches for. */
export async function serveSecurely(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Served> {
  const server = createServer(await certificate(), listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
