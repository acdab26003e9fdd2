import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  /** The status line and the headers. */
  readonly head: string
  readonly body: string
}

/** A GET request in bytes, to be sent many times. */
export function requestBytes(path: string, cookie: string | null): Buffer {
  const line = cookie === null ? '' : `Cookie: ${cookie}\r\n`
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n${line}\r\n`)
}

/**
 * A connection that is kept: one request at a time, read with as little work as possible, so that the client is not what is
 * measured. Understands answers with a Content-Length, which is what every subject sends.
 */
export class Connection {
  readonly #socket: Socket
  #text = ''
  #next: ((answer: Answer) => void) | null = null
  #failed: (error: Error) => void = () => undefined
  #isClosed = false

  constructor(port: number) {
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(32 * 1024),
        callback: (bytes, buffer) => {
          this.#read((buffer as Buffer).toString('latin1', 0, bytes))
          return true
        },
      },
    })
    this.#socket.on('error', (error) => this.#failed(error))
    this.#socket.on('close', () => {
      this.#isClosed = true
      this.#failed(closed())
    })
  }

  /** Calls `next` with the answer. Only one request may be under way. */
  send(request: Buffer, next: (answer: Answer) => void, failed: (error: Error) => void): void {
    this.#next = next
    this.#failed = failed
    // A server closes what was idle for some seconds, and nobody would be told again.
    if (this.#isClosed) failed(closed())
    else this.#socket.write(request)
  }

  ask(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => this.send(request, resolve, reject))
  }

  close(): void {
    this.#failed = () => undefined
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    const text = this.#text === '' ? chunk : this.#text + chunk
    const blank = text.indexOf('\r\n\r\n')
    const start = blank + 4
    const length = blank < 0 ? Number.NaN : contentLength(text)
    if (Number.isNaN(length) || text.length < start + length) {
      this.#text = text
      return
    }
    this.#text = ''
    const next = this.#next
    this.#next = null
    next?.({ status: Number(text.slice(9, 12)), head: text.slice(0, blank), body: text.slice(start, start + length) })
  }
}

function closed(): Error {
  return new Error('The server closed the connection.')
}

function contentLength(text: string): number {
  let at = text.indexOf('Content-Length: ')
  if (at < 0) at = text.indexOf('content-length: ')
  if (at < 0) throw new Error(`An answer without Content-Length: ${text.slice(0, 200)}`)
  return Number.parseInt(text.slice(at + 16, at + 24), 10)
}

/** `name=value` of the cookies an answer sets. As in a browser the last of a name stays. */
export function cookiesOf({ head }: Answer): string | null {
  const pairs = [...head.matchAll(/^set-cookie: ([^;\r]*)/gim)].map(([, pair = '']) => pair)
  const byName = new Map(pairs.map((pair) => [pair.split('=', 1)[0], pair]))
  return pairs.length === 0 ? null : [...byName.values()].join('; ')
}
