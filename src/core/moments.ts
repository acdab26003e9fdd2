import type { Clock } from './types.js'

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
    this.#begun = Math.max(Math.floor(this.#clock()), this.#ended + 1)
    return this.#begun
  }

  /** Of an end: no earlier than any login before it. */
  ofEnd(): number {
    this.#ended = Math.max(Math.floor(this.#clock()), this.#begun)
    return this.#ended
  }
}
