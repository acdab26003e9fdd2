import { setTimeout as sleep } from 'node:timers/promises'

/** How often those who wait look whether they may go on, in milliseconds. */
const LOOK = 2

/**
 * Places where a page waits until a test lets it go on, so that what happens at once is decided by the test. Who waits looks again and
 * again: workerd ends a request that waits for nothing but another one.
 */
export class Gates {
  readonly #arrived = new Set<string>()
  readonly #open = new Set<string>()
  #allOpen = false

  /** For the page: waits at this gate. */
  async pass(name: string): Promise<void> {
    this.#arrived.add(name)
    while (!this.#allOpen && !this.#open.has(name)) await sleep(LOOK)
  }

  /** For the test: resolves when somebody waits at this gate. */
  async arrival(name: string): Promise<void> {
    while (!this.#allOpen && !this.#arrived.has(name)) await sleep(LOOK)
  }

  open(name: string): void {
    this.#open.add(name)
  }

  openAll(): void {
    this.#allOpen = true
  }
}
