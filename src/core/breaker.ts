/** Milliseconds until a store that is down is asked again; doubled up to the longest, so that it is found within half a second of its return. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 300

/**
 * Stops asking a store that does not answer: nobody waits for it in vain, and it is not stormed when it comes back. While it
 * is down one request at a time tries it, after a pause that grows with each failure and is never quite the same.
 *
 * Failures that come at once never count, however many there are: nobody waits for them. Nor does an answer that says no (full, read-only,
 * locked by somebody else): it is one that the store gave.
 */
export class Breaker {
  readonly #now: () => number
  readonly #probeTime: number
  /** 0 while the store is asked as ever. */
  #pause = 0
  #until = 0
  #successes = 0

  /**
   * @param probeTime milliseconds after which a try that nobody heard of again no longer holds the others back
   * @param now milliseconds that only grow
   */
  constructor(probeTime: number, now: () => number = () => performance.now()) {
    this.#probeTime = probeTime
    this.#now = now
  }

  /** Whether the store may be asked; whoever gets a yes tells how it went. */
  admits(): boolean {
    if (this.#pause === 0) return true
    const now = this.#now()
    if (now < this.#until) return false
    this.#until = now + this.#probeTime
    return true
  }

  /** How often the store has answered so far: for `failed`. */
  get successes(): number {
    return this.#successes
  }

  succeeded(): void {
    this.#successes++
    this.#pause = 0
  }

  /** An operation failed, which began after so many successes. The store is down if it was waited for in vain, and nobody else got an answer meanwhile. */
  failed(successesBefore: number, waited: boolean): void {
    const isDown = this.#pause > 0 || (waited && successesBefore === this.#successes)
    if (!isDown) return
    this.#pause = this.#pause === 0 ? FIRST_PAUSE : Math.min(this.#pause * 2, LONGEST_PAUSE)
    this.#until = this.#now() + this.#pause * (0.75 + Math.random() / 2)
  }
}
