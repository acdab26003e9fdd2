import type { IncomingMessage } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { Client, type RequestOptions } from './client.js'

/** A visitor who speaks HTTP/2, without encryption; all requests are on one connection. */
export class Http2Client extends Client {
  #connection: ClientHttp2Session | null = null

  override open(method: string, path: string, { headers, body }: RequestOptions = {}): Promise<IncomingMessage> {
    const url = new URL(path, this.origin)
    const cookie = this.cookies.header(url.pathname)
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      const stream = this.#connect().request({
        ':method': method,
        ':path': url.pathname + url.search,
        ...(cookie === '' ? {} : { cookie }),
        ...headers,
      })
      stream.on('error', reject)
      stream.on('close', () => reject(new Error('the stream was closed without an answer')))
      stream.on('response', (received) => {
        for (const line of received['set-cookie'] ?? []) this.cookies.take(line, url.pathname)
        resolve(asMessage(stream, received))
      })
      stream.end(body)
    })
    // Whoever closes the client may have asked for something that they no longer wait for.
    answer.catch(() => undefined)
    return answer
  }

  override async close(): Promise<void> {
    this.#connection?.destroy()
    this.#connection = null
    await super.close()
  }

  #connect(): ClientHttp2Session {
    if (this.#connection === null || this.#connection.closed) {
      this.#connection = connect(this.origin)
      this.#connection.on('error', () => undefined)
    }
    return this.#connection
  }
}

/** As much of a message of HTTP/1.1 as readers of an answer look at. */
function asMessage(stream: ClientHttp2Stream, headers: IncomingHttpHeaders & { ':status'?: number }): IncomingMessage {
  const { ':status': statusCode } = headers
  return Object.assign(stream, { statusCode, headers, statusMessage: '' }) as unknown as IncomingMessage
}
