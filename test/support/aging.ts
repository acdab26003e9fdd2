import type { Cache } from '../../src/caches/cache.js'
import type { TestClock } from '../../src/testing/clock.js'

/** A cache whose server keeps ends by its own clock: after the test's clock was turned, what is left of everything is shortened as much. */
export class Aging {
  readonly #ends = new Map<string, number>()
  readonly #clock: TestClock

  constructor(clock: TestClock) {
    this.#clock = clock
  }

  /** Remembers the ends that were given. */
  watch(cache: Cache): Cache {
    const note = (key: string, end: number): void => void this.#ends.set(key, end)
    return new Proxy(cache, {
      get: (target, name) => {
        if (name === 'add' || name === 'replace') {
          return (key: string, value: Uint8Array, end: number, expected?: unknown) => {
            note(key, end)
            return name === 'add' ? target.add(key, value, end) : target.replace(key, value, end, expected)
          }
        }
        if (name === 'touch') {
          return (key: string, end: number) => {
            note(key, end)
            return target.touch(key, end)
          }
        }
        const own = target[name as keyof Cache] as unknown
        return typeof own === 'function' ? own.bind(target) : own
      },
    })
  }

  /** Gives every key anew what is left of it. */
  async turn(seconds: number, cache: Cache): Promise<void> {
    this.#clock.turn(seconds)
    await Promise.all([...this.#ends].map(([key, end]) => cache.touch(key, end)))
  }
}
