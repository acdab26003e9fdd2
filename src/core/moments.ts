import type { Clock } from './types.js'

/** Milliseconds by which a moment may be ahead of the clock. What is further was a clock that has been set right since. */
const AHEAD = 1000

/**
 * The moments of logins and of their ends in this process, whole milliseconds since 1970: a clock has the same one for both, and whoever logs in
 * after an end is not to be ended by it.
 */
export class Moments {
  readonly #clock: Clock
  #begun = 0
  #ended = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Of a login: later than all ends before it. */
  ofLogin(): number {
    const now = this.#now()
    this.#begun = Math.max(now, this.#ended + 1)
    return this.#begun
  }

  /** Of an end: no earlier than any login before it. */
  ofEnd(): number {
    const now = this.#now()
    this.#ended = Math.max(now, this.#begun)
    return this.#ended
  }

  #now(): number {
    const now = Math.floor(this.#clock())
    if (Math.max(this.#begun, this.#ended) > now + AHEAD) this.#begun = this.#ended = 0
    return now
  }
}
