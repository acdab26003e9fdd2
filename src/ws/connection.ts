import { ImproperlyConfigured } from '../errors.js'

/** What lives as long as a socket or a stream of events does, and says when it ends. */
export type Connection = SocketConnection | ResponseConnection | SignalConnection

/** A WebSocket: of `ws`, Deno or Workers. One of Bun tells nobody of its end, and is asked at each look. */
export interface SocketConnection {
  readonly readyState: number
  addEventListener?(type: 'close', listener: () => void): unknown
  removeEventListener?(type: 'close', listener: () => void): unknown
}

/** A response of Node, or another stream that is written to. */
export interface ResponseConnection {
  readonly writableEnded: boolean
  readonly destroyed?: boolean
  on(type: 'close', listener: () => void): unknown
  off(type: 'close', listener: () => void): unknown
}

/** An `AbortSignal`. */
export interface SignalConnection {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): unknown
  removeEventListener(type: 'abort', listener: () => void): unknown
}

/** `WebSocket.CLOSING`; the next one is `CLOSED`. */
const CLOSING = 2

export function isClosing({ readyState }: { readonly readyState: number }): boolean {
  return readyState >= CLOSING
}

/** Whether it has ended already: its `close` may be over before anybody could listen. */
export function hasEnded(connection: Connection): boolean {
  if (isSocket(connection)) return isClosing(connection)
  if (isSignal(connection)) return connection.aborted
  // Responses of HTTP/2 do not tell by themselves that their client has left.
  const { stream } = connection as { readonly stream?: { readonly destroyed?: boolean } }
  return connection.destroyed === true || connection.writableEnded || stream?.destroyed === true
}

/** Calls `listener` when it ends; gives what stops that. */
export function whenEnded(connection: Connection, listener: () => void): () => void {
  if (isSocket(connection)) {
    connection.addEventListener?.('close', listener)
    return () => connection.removeEventListener?.('close', listener)
  }
  if (isSignal(connection)) {
    connection.addEventListener('abort', listener)
    return () => connection.removeEventListener('abort', listener)
  }
  connection.on('close', listener)
  return () => connection.off('close', listener)
}

/**
 * A request of Node is over when all of it has been read, long before its response is, and nothing would be watched. Throws
 * `ImproperlyConfigured` for that, and for whatever else says nothing of its end.
 */
export function refuseEndless(connection: Connection): void {
  if (typeof connection === 'object' && connection !== null) {
    if (isSocket(connection) || isSignal(connection) || typeof connection.writableEnded === 'boolean') return
  }
  throw new ImproperlyConfigured(
    'until of watch is what ends with the socket or the stream of events: a WebSocket, a response of Node (no request), or an AbortSignal.',
  )
}

// Sockets of node:net have a `readyState` too, which is a word.
function isSocket(connection: Connection): connection is SocketConnection {
  return typeof (connection as Partial<SocketConnection>).readyState === 'number'
}

// Requests of Node have an `aborted` too.
function isSignal(connection: Connection): connection is SignalConnection {
  const { aborted, addEventListener } = connection as Partial<SignalConnection>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/**
 * Whether the connection below a request of Node is gone. With HTTP/2 that is its stream; other requests have none. Asking may throw there once
 * the stream has left its connection.
 */
export function isCutOff(request: object): boolean {
  try {
    return (request as { readonly socket?: { readonly destroyed?: boolean } }).socket?.destroyed === true
  } catch {
    return false
  }
}
