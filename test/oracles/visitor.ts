import { Agent, type IncomingMessage, request } from 'node:http'
import type { App } from './apps.js'
import type { Ending } from './history.js'
import type { Page } from './pages.js'

/** Milliseconds that nobody may have to wait, whatever fails. */
export const BUDGET = 1200
/** Milliseconds after which a visitor goes away. */
const PATIENCE = 10_000

/** What must never happen to a visitor, and how often it did. */
export class Forbidden {
  /** A 200 by a page that took a session that is there for none. */
  silentAnonymous = 0
  /** A session cookie that was taken away or replaced. */
  cookiesWiped = 0
  /** An answer that took longer than the budget while something failed, or that did not come at all. */
  hangs = 0
  /** An error that does not say when to come back. */
  unclearErrors = 0
  /** A connection that a living process dropped. */
  crashes = 0
  /** An error on a page that has no use for a session. */
  plainErrors = 0

  get sum(): number {
    return Object.values(this).reduce((sum: number, n: number) => sum + n, 0)
  }

  toString(): string {
    return Object.entries(this)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')
  }
}

export interface Answer {
  readonly ending: Ending
  /** 0 where none came. */
  readonly status: number
  readonly page: Page
  readonly setCookie: string | undefined
  readonly milliseconds: number
}

/** Somebody with a session, who asks one thing at a time, of whichever process. */
export class Visitor {
  /** As `name=value`; empty before there is one. */
  cookie = ''
  /** The longest that an answer took, in milliseconds. */
  longest = 0
  /** How long those answers took that were above the budget. */
  readonly slow: number[] = []
  /** Logging out is what is being tried: to have no session is no fault then. */
  mayEnd = false
  readonly #forbidden: Forbidden
  readonly #agent: Agent

  /** @param agent the connections of all who come from one browser; one of its own unless given */
  constructor(forbidden: Forbidden, agent: Agent = new Agent({ keepAlive: true, maxSockets: 1 })) {
    this.#forbidden = forbidden
    this.#agent = agent
  }

  /** Takes the cookie of the answer for its own. */
  async begin(app: App): Promise<void> {
    if (!(await this.begins(app))) throw new Error(`No session could be made. ${app.complaints}`)
  }

  /** Whether there was a session to begin. */
  async begins(app: App): Promise<boolean> {
    const { status, setCookie } = await this.ask(app, '/begin')
    this.cookie = setCookie?.split(';')[0] ?? ''
    return status === 200 && this.cookie !== ''
  }

  /** Asks for a page, with the cookie it has; whatever is wrong with the answer is noted. */
  async ask(app: App, path: string): Promise<Answer> {
    const begin = performance.now()
    const wasDown = app.isDown
    const answer = await this.#send(app, path).catch(() => undefined)
    const milliseconds = performance.now() - begin
    this.longest = Math.max(this.longest, milliseconds)
    if (milliseconds >= PATIENCE) this.#forbidden.hangs++
    else if (milliseconds > BUDGET) this.slow.push(milliseconds)
    if (answer === undefined) {
      if (!wasDown && !app.isDown) this.#forbidden.crashes++
      return { ending: 'unknown', status: 0, page: {}, setCookie: undefined, milliseconds }
    }
    const { status, page, headers } = answer
    const setCookie = headers['set-cookie']?.find((line) => !line.startsWith('csrf'))
    if (status >= 500 && !(status === 503 && headers['retry-after'] !== undefined)) this.#forbidden.unclearErrors++
    const isOk = status >= 200 && status < 300
    if (!this.mayEnd && isOk && page.anonymous === true) this.#forbidden.silentAnonymous++
    if (!this.mayEnd && this.cookie !== '' && setCookie !== undefined && setCookie.split(';')[0] !== this.cookie) {
      this.#forbidden.cookiesWiped++
    }
    if (path === '/plain' && !isOk) this.#forbidden.plainErrors++
    // What was answered by a page without a session was not done.
    const isDone = isOk && page.anonymous !== true
    const ending = isDone ? 'acknowledged' : isOk || status < 500 ? 'refused' : 'unknown'
    return { ending, status, page, setCookie, milliseconds }
  }

  /** A visitor of the same session. */
  twin(agent?: Agent): Visitor {
    const other = new Visitor(this.#forbidden, agent)
    other.cookie = this.cookie
    other.mayEnd = this.mayEnd
    return other
  }

  leave(): void {
    this.#agent.destroy()
  }

  #send(app: App, path: string): Promise<{ status: number; page: Page; headers: IncomingMessage['headers'] }> {
    return new Promise((resolve, reject) => {
      const sent = request({
        ...{ host: '127.0.0.1', port: app.port, path, method: 'POST', agent: this.#agent },
        headers: { 'Content-Length': '0', ...(this.cookie === '' ? {} : { Cookie: this.cookie }) },
        signal: AbortSignal.timeout(PATIENCE),
      })
      sent.on('error', reject)
      sent.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => (text += more))
        response.on('error', reject)
        response.on('end', () => {
          const isJson = response.headers['content-type'] === 'application/json'
          const page = (isJson ? JSON.parse(text) : {}) as Page
          resolve({ status: response.statusCode ?? 0, page, headers: response.headers })
        })
      })
      sent.end()
    })
  }
}
