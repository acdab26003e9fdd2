import { SojournError, StoreUnavailable } from '../errors.js'
import { isAnswer } from './answer.js'
import { Breaker } from './breaker.js'
import { DeadlinePassed, FairTimeout } from './fair-timeout.js'
import { isPromise } from './maybe.js'
import { isMissingTable, MIGRATE } from './missing-tables.js'
import type { MaybePromise, SiteEvents } from './types.js'

/** A store is slow that takes this share of an operation's deadline; a save may then take so many deadlines in all. */
const SLOW = 0.15
const SAVE_SHARE = 1.2
/** Whoever fails after more than this share of a deadline has waited in vain: drivers give up before we do. */
const IN_VAIN = 0.1

/** Asks a store that may fail, hang or be slow: nobody waits past the deadline, nor for a store that is known to be down. */
export class Asking {
  readonly #name: string
  readonly #noticed: (failure: SiteEvents['store_failed']) => void
  readonly #breaker: Breaker
  /** Milliseconds that an operation may take. */
  readonly #patience: number
  /** What the store failed with, for whoever is told that it is down. */
  #lastCause: unknown
  /** Milliseconds that operations took of late, the last one for a quarter of it. */
  #pace = 0

  /** @param patience milliseconds that an operation may take */
  constructor(name: string, patience: number, noticed: (failure: SiteEvents['store_failed']) => void) {
    this.#name = name
    this.#noticed = noticed
    this.#patience = patience
    this.#breaker = new Breaker(patience * 2)
  }

  /**
   * When a save is given up that began then, with all its tries and its waiting for others (both `performance.now()`). Nothing limits it
   * while the store is swift. While it is slow, each writer before it adds two times what an operation takes, and a request with its load
   * shall not wait for much more than two deadlines.
   */
  lastMoment(began: number): number {
    return this.#pace > this.#patience * SLOW ? began + this.#patience * SAVE_SHARE : Number.POSITIVE_INFINITY
  }

  /**
   * Throws, or rejects with, `StoreUnavailable` where the store fails or does not answer in time.
   *
   * @param until a moment (`performance.now()`) at which it is given up, if that comes before its deadline
   */
  ask<T>(operation: string, run: () => MaybePromise<T>, until = Number.POSITIVE_INFINITY): MaybePromise<T> {
    if (until !== Number.POSITIVE_INFINITY && performance.now() > until)
      throw this.#unavailable(operation, new Error('it was too slow for so many writers'))
    const breaker = this.#breaker
    if (!breaker.admits()) throw this.#told(operation, this.#lastCause)
    const { successes } = breaker
    let answer: MaybePromise<T>
    try {
      answer = run()
    } catch (error) {
      throw this.#failed(operation, error, successes, false)
    }
    if (isPromise(answer)) return this.#within(operation, answer, successes, until)
    breaker.succeeded()
    return answer
  }

  #within<T>(operation: string, answer: Promise<T>, successes: number, until: number): Promise<T> {
    const began = performance.now()
    const patience = Math.min(this.#patience, until - began)
    return new Promise((resolve, reject) => {
      let isLate = false
      const timeout = new FairTimeout(patience, () => {
        isLate = true
        this.#pace += (patience - this.#pace) / 4
        // Less than its whole time says nothing of the store: others were before it.
        const isWhole = patience === this.#patience
        const cause = isWhole ? new DeadlinePassed(patience) : new Error(`not done within ${Math.round(patience)} ms`)
        reject(this.#failed(operation, cause, successes, isWhole))
      })
      answer.then(
        (value) => {
          timeout.clear()
          if (!isLate) this.#pace += (performance.now() - began - this.#pace) / 4
          // Also where it came too late: the store is back.
          this.#breaker.succeeded()
          resolve(value)
        },
        (error: unknown) => {
          timeout.clear()
          const waited = performance.now() - began > this.#patience * IN_VAIN
          if (!isLate) reject(this.#failed(operation, error, successes, waited))
        },
      )
    })
  }

  /** What an operation's failure is to whoever asked. An error that is ours is about the session, and no fault of the store. */
  #failed(operation: string, cause: unknown, successes: number, waited: boolean): SojournError {
    if (cause instanceof SojournError && !(cause instanceof StoreUnavailable)) {
      this.#breaker.succeeded()
      return cause
    }
    if (isAnswer(cause)) this.#breaker.succeeded()
    else this.#breaker.failed(successes, waited)
    this.#lastCause = cause
    const error = this.#unavailable(operation, cause)
    this.#noticed({ engine: this.#name, operation, error })
    return error
  }

  #unavailable(operation: string, cause: unknown): StoreUnavailable {
    return cause instanceof StoreUnavailable ? cause : this.#told(operation, cause)
  }

  /** Each request has an error of its own: what one handler writes on it no other visitor sees. */
  #told(operation: string, cause: unknown): StoreUnavailable {
    const message = `The session store '${this.#name}' failed at ${operation}; the session was left as it is.`
    return new StoreUnavailable(isMissingTable(cause) ? `${message} ${MIGRATE}` : message, { cause })
  }
}
