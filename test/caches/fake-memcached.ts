import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** A server that answers as a test wants, for what no real one does on demand, and that keeps all it was sent. */
export interface FakeMemcached extends AsyncDisposable {
  readonly url: string
  /** Every byte that came after the greetings, as latin1. */
  received(): string
  /** When connections came, in milliseconds. */
  readonly connections: readonly number[]
  /** How many of them are open. */
  open(): number
}

export interface FakeAnswers {
  readonly version?: string
  /** What it says to `stats settings`, a name and a value a line. */
  readonly settings?: Readonly<Record<string, string>>
  /** What it does with what came after the greeting, a piece at a time. */
  answer?(socket: Socket, piece: string): void
}

const GREETING = 'version\r\nstats settings\r\n'

export async function fakeMemcached({
  version = '1.6.18',
  settings = {},
  answer,
}: FakeAnswers): Promise<FakeMemcached> {
  let received = ''
  const connections: number[] = []
  const sockets = new Set<Socket>()
  const stats = Object.entries(settings).map(([name, value]) => `STAT ${name} ${value}\r\n`)
  const server = createServer((socket) => {
    connections.push(performance.now())
    sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (piece: string) => {
      const rest = piece.startsWith(GREETING) ? piece.slice(GREETING.length) : piece
      if (rest !== piece) socket.write(`VERSION ${version}\r\n${stats.join('')}END\r\n`)
      if (rest === '') return
      received += rest
      if (rest.startsWith('quit')) socket.end()
      else answer?.(socket, rest)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return {
    url: `memcached://127.0.0.1:${address.port}`,
    received: () => received,
    connections,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
