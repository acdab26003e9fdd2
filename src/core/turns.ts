import { NestedTransact, StoreUnavailable } from '../errors.js'
import { runtime } from './runtime.js'

/** Milliseconds that one waits for others. Whoever waits longer is most likely inside of what it waits for. */
const PATIENCE = 10_000

/** One at a time in this process for each key: a session's transactions, a value's changes would only make each other run again. */
export class Turns {
  /** Ends with what the store failed with, if it did. */
  readonly #last = new Map<string, Promise<StoreUnavailable | undefined>>()

  /**
   * Runs when those before are done. After 10 s of waiting it fails with `NestedTransact`, or `hurry`s: what runs must bear that.
   *
   * @param until a moment (`performance.now()`) at which its patience ends, if that comes before
   */
  async take<R>(key: string, run: () => Promise<R>, hurry = false, until = Number.POSITIVE_INFINITY): Promise<R> {
    // Nobody waits for another request where it may have been cut off; then only the store decides who comes first.
    if (!runtime.shares) return run()
    const before = this.#last.get(key)
    const patience = Math.min(PATIENCE, until - performance.now())
    const inTurn = (failure: unknown): Promise<R> => {
      // Whoever waited while the store failed would only wait as long once more.
      if (failure !== undefined) throw failure
      return run()
    }
    const mine = before === undefined ? run() : patiently(before, hurry, patience).then(inTurn)
    // Whoever comes next waits for all before, also if one of them lost patience.
    const last = Promise.allSettled([before, mine]).then(([, mine]) =>
      mine.status === 'rejected' && mine.reason instanceof StoreUnavailable ? mine.reason : undefined,
    )
    this.#last.set(key, last)
    try {
      return await mine
    } finally {
      last.then(() => {
        if (this.#last.get(key) === last) this.#last.delete(key)
      })
    }
  }
}

/** When something is over, however it ended; without patience (10 s, in milliseconds) fails with `NestedTransact`, or `hurry`s on. */
export function patiently<T>(other: Promise<T>, hurry = false, patience = PATIENCE): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => (hurry ? resolve(undefined) : reject(new NestedTransact())), patience)
    const over = (value?: T): void => {
      clearTimeout(timer)
      resolve(value)
    }
    other.then(over, () => over())
  })
}
