import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** The project that is built for the contract of a framework (`prepareContract`). */
export function contractProject(name: string): string {
  return join(process.env['SOJOURN_ROOT'] ?? '', 'test/contracts', `${name}-contract`, 'project')
}

/** A port for a server that has to be told one before it listens. */
export async function portFor(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Tells the driver where, once somebody answers there. */
export async function tellWhenUp(port: number): Promise<void> {
  const origin = `http://127.0.0.1:${port}`
  while ((await fetch(origin).catch(() => null)) === null) await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(`contract at ${origin}`)
}
