import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * A port on the loopback that nobody listens on. It is not one of those the kernel gives away by itself: while a server
 * is down, its port must not become some connection's own, least of all that of a client that tries to reconnect, which
 * would then be connected to itself. Ten thousand further there is one for the bus of a Redis cluster.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const wanted = ephemeralFrom() < 32_000 ? 0 : 12_000 + Math.floor(Math.random() * 10_000)
    const port = await listenOnce(wanted)
    if (port !== undefined) return port
  }
}

/** Where the range begins from which Linux takes ports for connections and for `listen(0)`. */
function ephemeralFrom(): number {
  return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10)
}

/** The port listened on for a moment; `undefined` if it is taken. */
async function listenOnce(wanted: number): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen(wanted, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return undefined
  }
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : undefined
}
