import { connect } from 'node:net'
import { serverProgram } from './programs.js'
import { startServer, type TestServer } from './server.js'

/** Starts a Memcached, with more arguments if given. It forgets all whenever it ends. */
export function startMemcached(options: { readonly arguments?: readonly string[] } = {}): Promise<TestServer> {
  return startServer({
    name: 'memcached',
    command: (_, port) => [
      serverProgram('memcached'),
      ...['-U', '0', '-l', '127.0.0.1', '-p', String(port), ...(options.arguments ?? [])],
    ],
    url: (port) => `memcached://127.0.0.1:${port}`,
    isOurs: async ({ port, pid }) => /^STAT pid (\d+)\r$/m.exec(await stats(port))?.[1] === String(pid),
  })
}

function stats(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('stats\r\n'))
    socket.setEncoding('latin1')
    socket.setTimeout(1000, () => socket.destroy(new Error('memcached does not answer')))
    socket.on('data', (more: string) => {
      text += more
      if (text.endsWith('END\r\n')) socket.end(() => resolve(text))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('memcached closed the connection')))
  })
}
