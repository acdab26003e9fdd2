import { type AnswerHead, FetchResponseHead } from './on-fetch/response.js'
import { isUpgrade, UpgradeHead } from './on-fetch/upgrade-head.js'
import { standsForFailure } from './standing.js'

/** As much of Hono's context as is needed here. */
interface Context {
  get res(): Response
  set res(response: Response | undefined)
  header(name: string, value?: string): void
  newResponse(body: null): Response
}

/** The answer of one of Hono's contexts, as it was when sojourn began and as it is now. */
export class HonoAnswer {
  readonly #c: Context
  readonly #prepared: Headers
  /** What was said by `c.header` and `c.res.headers` before the handler began: it holds for every answer (CORS, security). */
  readonly #before: readonly [string, string][]

  constructor(c: Context) {
    this.#c = c
    // Sets nothing. Hono has headers for all its answers from now on, and gives them away by the next line.
    c.header('X-Sojourn', undefined)
    this.#prepared = c.newResponse(null).headers
    this.#before = [...this.#prepared].filter(([name]) => standsForFailure(name))
  }

  /**
   * The head of what is the answer now. What `c.text()` and its kin have made on @hono/node-server has the very headers that were prepared for
   * this visitor: they are changed where they are, since a copy would make a stream of its text. Any other response may be everybody's.
   */
  head(): AnswerHead<Response> {
    const { res } = this.#c
    if (isUpgrade(res)) return new UpgradeHead(res)
    return new FetchResponseHead(res, res.headers === this.#prepared ? this.#prepared : undefined)
  }

  /** The answer becomes this one as it is: what Hono is given while it has one already, it mixes with that. */
  replace(response: Response): void {
    if (response === this.#c.res) return
    this.#c.res = undefined
    this.#c.res = response
  }

  /** Of the answer that the app has still to make of an error nothing is known but what was said before. */
  failure(error: unknown): FailureHead {
    return new FailureHead(error, this.#before)
  }
}

/** What goes with the answer to an error, whatever the app makes of it. */
export class FailureHead extends FetchResponseHead {
  readonly error: unknown

  constructor(error: unknown, before: readonly [string, string][]) {
    const { status = 500 } = error as { status?: number }
    super(new Response(null, { status, headers: [...before] }))
    this.error = error
  }
}
