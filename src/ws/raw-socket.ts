import type { PlainResponse } from '../core/types.js'

/** As much of Node's socket as an answer needs. */
export interface RawSocket {
  end(text: string, done: () => void): unknown
  destroy(): unknown
  on(event: 'error', listener: () => void): unknown
}

/** A socket of which one can hear that it broke. */
interface Breakable {
  on(event: 'error', listener: () => void): unknown
  off(event: 'error', listener: () => void): unknown
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  503: 'Service Unavailable',
}

const nothing = (): void => undefined

/** Answers a request that was not let become a WebSocket, by the socket that comes with Node's `upgrade`, and closes that. */
export function refuseUpgrade(socket: RawSocket, { status, headers, body }: PlainResponse): void {
  const lines = Object.entries({
    ...headers,
    Connection: 'close',
    'Content-Length': new TextEncoder().encode(body).length,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', nothing)
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
}

/**
 * Nobody listens to the socket of an `upgrade` request yet, and one that its client resets meanwhile would end the process by an error that
 * nobody has handled.
 */
export async function whileItMayBreak<T>(request: object, run: () => Promise<T>): Promise<T> {
  const { socket } = request as { readonly socket?: Partial<Breakable> }
  if (typeof socket?.on !== 'function' || typeof socket.off !== 'function') return run()
  socket.on('error', nothing)
  try {
    return await run()
  } finally {
    socket.off('error', nothing)
  }
}
