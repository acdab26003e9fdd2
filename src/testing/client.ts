import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Clock } from '../core/types.js'
import { CookieJar } from './cookie-jar.js'

const TOKEN_FIELD = 'csrfmiddlewaretoken'

export interface ClientOptions {
  /** The time by which cookies end; the same as the site's. */
  readonly clock?: Clock
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A response that has arrived in full. */
export interface ClientResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The Set-Cookie lines, as sent. */
  readonly setCookies: readonly string[]
  readonly bytes: Buffer
  readonly text: string
  json<T = Record<string, unknown>>(): T
}

/**
 * One visitor: an HTTP client that keeps cookies as a browser does, and the token of the last form it was shown.
 *
 * @example
 * ```ts
 * import { Client } from 'sojourn/testing'
 *
 * const visitor = new Client('http://127.0.0.1:8000')
 * await visitor.get('/login')
 * await visitor.post('/login', { username: 'john_doe', password: 'a secret' })
 * console.log(visitor.cookies.get('sessionid') !== undefined) // true
 * ```
 */
export class Client {
  readonly origin: URL
  readonly cookies: CookieJar
  /** The token of the last page that held one; `post` sends it. */
  token: string | undefined
  readonly #agent = new Agent({ keepAlive: true })

  constructor(origin: string | URL, { clock = Date.now }: ClientOptions = {}) {
    this.origin = new URL(origin)
    this.cookies = new CookieJar(clock)
  }

  get(path: string, options?: RequestOptions): Promise<ClientResponse> {
    return this.request('GET', path, options)
  }

  /** Submits a form. The token of the last page goes with it, unless the fields bring one. */
  post(
    path: string,
    fields: Readonly<Record<string, string>> = {},
    options: RequestOptions = {},
  ): Promise<ClientResponse> {
    const form = new URLSearchParams(fields)
    if (this.token !== undefined && !form.has(TOKEN_FIELD)) form.set(TOKEN_FIELD, this.token)
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', ...options.headers }
    return this.request('POST', path, { body: form.toString(), ...options, headers })
  }

  /** A request answered by a redirect, and the page it leads to. */
  async follow(path: string, options?: RequestOptions): Promise<ClientResponse> {
    const response = await this.get(path, options)
    const { location } = response.headers
    return location === undefined ? response : this.get(location)
  }

  async request(method: string, path: string, options?: RequestOptions): Promise<ClientResponse> {
    const response = await this.open(method, path, options)
    const bytes = Buffer.concat((await response.toArray()) as Buffer[])
    const text = bytes.toString()
    this.token = tokenIn(text) ?? this.token
    return {
      status: response.statusCode as number,
      headers: response.headers,
      setCookies: response.headers['set-cookie'] ?? [],
      bytes,
      text,
      json: () => JSON.parse(text),
    }
  }

  /** Resolves as soon as the head of the response is there; the body is the caller's to read, or to destroy. */
  open(method: string, path: string, { headers, body }: RequestOptions = {}): Promise<IncomingMessage> {
    const url = new URL(path, this.origin)
    const cookie = this.cookies.header(url.pathname)
    return new Promise((resolve, reject) => {
      const sent = request(url, {
        method,
        agent: this.#agent,
        headers: {
          ...(cookie === '' ? {} : { Cookie: cookie }),
          ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      })
      sent.on('error', reject)
      sent.on('response', (response) => {
        for (const line of response.headers['set-cookie'] ?? []) this.cookies.take(line, url.pathname)
        resolve(response)
      })
      sent.end(body)
    })
  }

  /** Closes the connections that are kept open. */
  close(): void {
    this.#agent.destroy()
  }
}

/** The value of a page's hidden field, its attributes in any order. */
function tokenIn(page: string): string | undefined {
  const field = page.match(new RegExp(`<input\\b[^>]*\\bname=["']?${TOKEN_FIELD}\\b[^>]*>`, 'i'))?.[0]
  return field?.match(/\bvalue=["']?([A-Za-z0-9]+)/i)?.[1]
}
