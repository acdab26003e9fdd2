import { createServer, Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server } from 'node:net'

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Serves on Node's own server, or what Bun and Deno have in its place, and tells the driver where. */
export async function serveOnNode(listener: Listener): Promise<void> {
  console.log(`contract at ${await listen(createServer(listener))}`)
}

/** Where a server listens from now on. */
export function listen(server: Server): Promise<string> {
  // The driver may be silent for longer than five seconds, and must not speak into a connection that is just being closed.
  if (server instanceof HttpServer) server.keepAliveTimeout = 70_000
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}
