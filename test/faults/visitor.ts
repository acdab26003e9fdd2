import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from './application.js'
import type { Outcome, PageKind, Tally } from './outcomes.js'

/** Milliseconds after which a visitor goes away. */
const PATIENCE = 10_000

/** What the pages answer. */
export interface Page {
  readonly owner?: string | null
  readonly n?: number
  readonly unavailable?: boolean
}

export interface Answer {
  /** 0 where none came. */
  readonly status: number
  readonly page: Page
  readonly retryAfter: string | undefined
  /** `name=value` of the session cookie that was sent, if one was; without a value where it was deleted. */
  readonly cookie: string | undefined
}

const NOTHING: Answer = { status: 0, page: {}, retryAfter: undefined, cookie: undefined }

/** What a visitor makes of an answer that is no error. */
export type Judge = (answer: Answer) => Outcome

/** Somebody who asks one thing at a time, over one connection. */
export class Visitor {
  cookie = ''
  readonly #application: Application
  readonly #tally: Tally
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(application: Application, tally: Tally) {
    this.#application = application
    this.#tally = tally
  }

  /** Asks, judges and notes. `judge` is for answers that are no errors; cookies are looked at before. */
  async ask(
    kind: PageKind,
    path: string,
    judge: Judge,
  ): Promise<{ readonly answer: Answer; readonly outcome: Outcome }> {
    const began = performance.now()
    const sent = this.cookie
    const answer = await this.send(path)
    const ended = performance.now()
    const outcome = this.#outcomeOf(kind, sent, answer, judge)
    const detail = `${path} ${answer.status} ${JSON.stringify(answer.page)} ${Math.round(ended - began)} ms`
    this.#tally.add({ kind, outcome, began, ended, wait: ended - began, detail })
    return { answer, outcome }
  }

  #outcomeOf(kind: PageKind, sent: string, answer: Answer, judge: Judge): Outcome {
    const { status, retryAfter, cookie } = answer
    if (status === 0) return 'CRASH'
    if (status >= 200 && status < 300) {
      const judged = judge(answer)
      const isKept = cookie === undefined || cookie === sent || answer.page.owner === null
      return judged === 'OK' && !isKept && (kind === 'read' || kind === 'write') ? 'COOKIE_WIPED' : judged
    }
    if (status === 503 && retryAfter !== undefined && kind !== 'plain') {
      // A login may have made the new session before it failed; then its visitor is told.
      return cookie === undefined || cookie === sent || kind === 'login' ? 'CLEAR_ERROR' : 'COOKIE_WIPED'
    }
    return judge(answer) === 'DECLARED' ? 'DECLARED' : 'WRONG_ERROR'
  }

  /** Logs in, without a word to anybody. A process that has just begun may need a moment until it reaches its store. */
  async arrive(owner: string): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      const { cookie } = await this.send(`/login?owner=${owner}`)
      if (cookie !== undefined) {
        this.cookie = cookie
        return
      }
      await sleep(100)
    }
    throw new Error(`${owner} cannot log in. ${this.#application.complaints}`)
  }

  leave(): void {
    this.#agent.destroy()
  }

  /** Asks without a word to anybody. */
  send(path: string): Promise<Answer> {
    return new Promise((resolve) => {
      const nothing = (): void => resolve(NOTHING)
      const sent = request({
        ...{ host: '127.0.0.1', port: this.#application.port, path, agent: this.#agent },
        headers: this.cookie === '' ? {} : { Cookie: this.cookie },
        signal: AbortSignal.timeout(PATIENCE),
      })
      sent.on('error', nothing)
      sent.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        response.on('error', nothing)
        response.on('end', () => {
          const { headers, statusCode: status = 0 } = response
          const page = headers['content-type'] === 'application/json' ? (JSON.parse(text) as Page) : {}
          const cookie = headers['set-cookie']?.find((line) => line.startsWith('sessionid='))?.split(';')[0]
          resolve({ status, page, retryAfter: headers['retry-after'], cookie })
        })
      })
      sent.end()
    })
  }
}
