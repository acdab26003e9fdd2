import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { logoutScope } from '../auth/login.js'
import type { User } from '../auth/user.js'
import { getSession } from '../core/get-session.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { Site } from '../core/site.js'
import type { Clock, MaybePromise } from '../core/types.js'
import { getToken } from '../csrf/index.js'
import { ImproperlyConfigured, SojournError } from '../errors.js'
import { CookieJar } from './cookie-jar.js'
import { unseenVisit } from './unseen-visit.js'
import { forceLogin, peekSession } from './visitor-session.js'

const TOKEN_FIELD = 'csrfmiddlewaretoken'
const TOKEN_HEADER = 'X-CSRFToken'

/** Milliseconds that a connection is kept for the next request. A server closes it after five seconds, and would hang up on who speaks just then. */
const LONGEST_IDLE = 1_000

/** As many as browsers follow. */
const MOST_REDIRECTS = 20

const PLAIN_HTTP =
  "This client speaks http:// and nothing else. For a site behind HTTPS, visit its server itself and say so as its proxy does: { headers: { 'x-forwarded-proto': 'https' } }."

export interface ClientOptions<T extends object = SessionData> {
  /** The site behind the server, or what has it as `.site`: for `session`, `editSession`, `forceLogin` and `logout`. */
  readonly site?: Site<T> | { readonly site: Site<T> }
  /** The time by which cookies end; without it the site's. */
  readonly clock?: Clock
  /** What goes with every request: `{ host: 'shop.example' }`, `{ 'x-forwarded-proto': 'https' }`. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Whether to go where redirects lead, to the page at their end. Default false. */
  readonly follow?: boolean
}

/** The fields of a form; a list is as many fields of that name. */
export type FormFields = Readonly<Record<string, string | readonly string[]>>

/** A request, for whoever comes to another one by its answer. */
interface Asked {
  readonly method: string
  readonly url: URL
  readonly options: RequestOptions
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
 * One visitor: an HTTP client that keeps cookies as a browser does, and the token of the last form it was shown. Mirrors `django.test.Client`: one
 * that knows the site looks at its session, changes it and logs in without a password. For an app that does not listen yet there is `testClient`.
 * It visits one site by `http:`; another one, or `https:`, is `ImproperlyConfigured`.
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
export class Client<T extends object = SessionData> implements AsyncDisposable {
  readonly origin: URL
  readonly cookies: CookieJar
  readonly headers: Readonly<Record<string, string>>
  /**
   * The token of the last page that held one; `post` sends it. Where the site is known and the last answer held none, `post` sends one that the
   * site makes, as a script would.
   */
  token: string | undefined
  readonly #site: Site | undefined
  readonly #agent = new Agent({ keepAlive: true, timeout: LONGEST_IDLE })

  constructor(origin: string | URL, { site: given, clock, headers = {} }: ClientOptions<T> = {}) {
    const site = given !== undefined && 'site' in given ? given.site : given
    this.origin = new URL(origin)
    if (this.origin.protocol !== 'http:') throw new ImproperlyConfigured(PLAIN_HTTP)
    this.cookies = new CookieJar(clock ?? site?.settings.clock)
    this.headers = headers
    this.#site = site as Site | undefined
  }

  get(path: string, options?: RequestOptions): Promise<ClientResponse> {
    return this.request('GET', path, options)
  }

  /** Submits a form. A token goes with it, unless the fields bring one. */
  async post(path: string, fields: FormFields = {}, options: RequestOptions = {}): Promise<ClientResponse> {
    const pairs = Object.entries(fields).flatMap(([name, given]) =>
      [given].flat().map((value): [string, string] => [name, value]),
    )
    const form = new URLSearchParams(pairs)
    const token = form.has(TOKEN_FIELD) ? undefined : await this.#anyToken()
    if (token !== undefined) form.set(TOKEN_FIELD, token)
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', ...options.headers }
    return this.request('POST', path, { body: form.toString(), ...options, headers })
  }

  /** Sends a value as JSON, and a token in a header, as scripts do. */
  async send(method: string, path: string, value: unknown, options: RequestOptions = {}): Promise<ClientResponse> {
    const token = await this.#anyToken()
    const headers = {
      'Content-Type': 'application/json',
      ...(token === undefined ? {} : { [TOKEN_HEADER]: token }),
      ...options.headers,
    }
    return this.request(method, path, { body: JSON.stringify(value), ...options, headers })
  }

  /**
   * A page, or the one that its redirects lead to; `post(path, fields, { follow: true })` does the same behind a form. Where one leads to another
   * site this rejects with `ImproperlyConfigured`: look at `headers.location` of `get`.
   */
  follow(path: string, options: RequestOptions = {}): Promise<ClientResponse> {
    return this.get(path, { ...options, follow: true })
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<ClientResponse> {
    const { follow = false, ...once } = options
    let response = await this.#ask(method, path, once)
    let asked: Asked = { method, url: new URL(path, this.origin), options: once }
    for (let led = 0; follow; led++) {
      const next = this.#next(response, asked)
      if (next === undefined) break
      if (led === MOST_REDIRECTS)
        throw new ImproperlyConfigured(`${path} leads from one redirect to another, without an end.`)
      response = await this.#ask(next.method, next.url.href, next.options)
      asked = next
    }
    return response
  }

  /** What a redirect asks for. With 307 and 308 that is the same once more; else a page. */
  #next({ status, headers: { location } }: ClientResponse, asked: Asked): Asked | undefined {
    if (location === undefined || status < 300 || status > 399) return undefined
    const there = new URL(location, asked.url)
    // The site knows itself by the name that this client calls it by.
    const isHere = there.origin === this.origin.origin || there.host === this.#host(asked.options)
    // Whole, as a path that begins with two slashes would be another site.
    const url = isHere ? new URL(`${this.origin.origin}${there.pathname}${there.search}`) : there
    if (status === 307 || status === 308) return { ...asked, url }
    const kept = Object.entries(asked.options.headers ?? {}).filter(([name]) => !/^content-/i.test(name))
    return { method: 'GET', url, options: { headers: Object.fromEntries(kept) } }
  }

  async #ask(method: string, path: string, options: RequestOptions): Promise<ClientResponse> {
    const response = await this.open(method, path, options)
    const bytes = Buffer.concat((await response.toArray()) as Buffer[])
    const text = bytes.toString()
    this.token = tokenIn(text) ?? (this.#site === undefined ? this.token : undefined)
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
    const url = this.#urlOf(path)
    const cookie = this.cookies.header(url.pathname)
    return new Promise((resolve, reject) => {
      const sent = request(url, {
        method,
        agent: this.#agent,
        headers: {
          ...(cookie === '' ? {} : { Cookie: cookie }),
          ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
          ...this.headers,
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

  /**
   * The session that this visitor has now, as the store has it; an empty one where there is none. It is to be looked at: what would change, save or
   * end it throws `SessionSealed`, for there is `editSession`, and lists and objects in it are frozen. Django's `client.session`.
   */
  async session(): Promise<Session<T>> {
    return (await peekSession(this.#knownSite(), this)) as unknown as Session<T>
  }

  /**
   * Changes this visitor's session, or begins one, as a page would that a request ran: saved when `edit` is done, and the cookie is taken. Gives
   * what `edit` does. If it throws, nothing is kept.
   */
  editSession<R>(edit: (session: Session<T>) => MaybePromise<R>): Promise<R> {
    return unseenVisit(this.#knownSite(), this, async (scope) => edit(await getSession<T>(scope.request)))
  }

  /**
   * Logs this visitor in without a password, with all else that a login does. Mirrors Django's `force_login`.
   *
   * @param user one of the site's, such as `await userBackend(site).createUser('ann')` makes
   * @param backend the path of the user's backend; the first of the site's without it
   */
  async forceLogin(user: User, backend?: string): Promise<void> {
    await forceLogin(this.#knownSite(), this, user, backend)
    // Forms of pages from before are refused, as after any login.
    this.token = undefined
  }

  /** Ends the session and forgets all cookies, as Django's `client.logout()`. */
  async logout(): Promise<void> {
    await unseenVisit(this.#knownSite(), this, logoutScope)
    this.cookies.clear()
    this.token = undefined
  }

  /** Closes the connections that are kept open; of `testClient` the server too. */
  async close(): Promise<void> {
    this.#agent.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The jar knows no hosts: what it holds goes to this one and to no other. As in browsers, cookies do not tell ports apart. */
  #urlOf(path: string): URL {
    const url = new URL(path, this.origin)
    if (url.hostname === this.origin.hostname && url.protocol === this.origin.protocol) return url
    throw new ImproperlyConfigured(`This client visits ${this.origin.origin}, and ${url.origin} is another site.`)
  }

  #host({ headers }: RequestOptions = {}): string | undefined {
    return Object.entries({ ...this.headers, ...headers }).findLast(([name]) => name.toLowerCase() === 'host')?.[1]
  }

  /** The token of the page that the visitor is on, or one that the site makes. */
  async #anyToken(): Promise<string | undefined> {
    const site = this.#site
    if (this.token !== undefined || site === undefined) return this.token
    try {
      return await unseenVisit(site, this, async ({ request, session }) => {
        if (site.settings.csrfUseSessions) await session.load()
        return getToken(request)
      })
    } catch (error) {
      // What keeps the site from making one, a store that fails, is for it to answer.
      if (error instanceof SojournError) return undefined
      throw error
    }
  }

  #knownSite(): Site {
    if (this.#site !== undefined) return this.#site
    throw new ImproperlyConfigured(
      'This client knows no site: new Client(origin, { site }), or testClient(app, { site }).',
    )
  }
}

/** The value of a page's hidden field, its attributes in any order. */
function tokenIn(page: string): string | undefined {
  const field = page.match(new RegExp(`<input\\b[^>]*\\bname=["']?${TOKEN_FIELD}\\b[^>]*>`, 'i'))?.[0]
  return field?.match(/\bvalue=["']?([A-Za-z0-9]+)/i)?.[1]
}
