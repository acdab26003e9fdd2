/** One transaction at a time for each session of this process: they would only make each other run again. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<R>(key: string, run: () => Promise<R>): Promise<R> {
    const before = this.#last.get(key)
    const mine = (async () => {
      await before?.catch(() => undefined)
      return run()
    })()
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}
