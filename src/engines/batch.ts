/** The most keys that one statement asks for. */
const MOST = 100

type MaybePromise<T> = T | Promise<T>

interface Asked<T> {
  readonly key: string
  readonly resolve: (found: T | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers what is asked for in one turn of the event loop, and asks once: many requests that arrive together make one round
 * trip. One that comes alone is asked for as ever; it waits for the end of the turn, which costs it nothing of note.
 */
export class Batch<T> {
  readonly #one: (key: string) => MaybePromise<T | undefined>
  readonly #many: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>
  #asked: Asked<T>[] = []

  constructor(
    one: (key: string) => MaybePromise<T | undefined>,
    many: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>,
  ) {
    this.#one = one
    this.#many = many
  }

  get(key: string): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#send())
      this.#asked.push({ key, resolve, reject })
    })
  }

  #send(): void {
    const all = this.#asked
    this.#asked = []
    for (let at = 0; at < all.length; at += MOST) void this.#ask(all.slice(at, at + MOST))
  }

  async #ask(asked: readonly Asked<T>[]): Promise<void> {
    const [first] = asked
    try {
      if (first !== undefined && asked.length === 1) return first.resolve(await this.#one(first.key))
      const found = await this.#many([...new Set(asked.map(({ key }) => key))])
      for (const { key, resolve } of asked) resolve(found.get(key))
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}
