import { DeadlinePassed } from '../../core/fair-timeout.js'

interface Waiting {
  readonly since: number
  readonly reject: (error: unknown) => void
}

/**
 * One limit for many operations, with one timer for all of them: as all have the same limit, the one that began first ends first. What
 * is given up here may still be answered later, and the answer then goes nowhere.
 */
export class Deadline {
  readonly #limit: number
  /** In the order in which they began. */
  readonly #waiting = new Set<Waiting>()
  #timer: NodeJS.Timeout | null = null

  constructor(milliseconds: number) {
    this.#limit = milliseconds
  }

  of<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { since: performance.now(), reject }
      this.#waiting.add(waiting)
      if (this.#timer === null) this.#arm(this.#limit)
      answer.then(
        (value) => {
          this.#waiting.delete(waiting)
          resolve(value)
        },
        (error: unknown) => {
          this.#waiting.delete(waiting)
          reject(error)
        },
      )
    })
  }

  /** Holds no process: what is waited for does, if anything. */
  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#expire(), milliseconds).unref()
  }

  #expire(): void {
    this.#timer = null
    for (const waiting of this.#waiting) {
      const left = waiting.since + this.#limit - performance.now()
      if (left > 1) {
        this.#arm(left)
        return
      }
      this.#waiting.delete(waiting)
      waiting.reject(new DeadlinePassed(this.#limit))
    }
  }
}

export const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
