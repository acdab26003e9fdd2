import { NestedTransact } from '../errors.js'

/** Milliseconds that one waits for its turn. Whoever waits longer is most likely inside of what it waits for. */
const PATIENCE = 10_000

/** One transaction at a time for each session of this process: they would only make each other run again. */
export class Turns {
  readonly #last = new Map<string | object, Promise<unknown>>()

  /** Runs when those before are done. After 10 s of waiting it fails with `NestedTransact`, or `hurry`s: what runs must bear that. */
  async take<R>(key: string | object, run: () => Promise<R>, hurry = false): Promise<R> {
    const before = this.#last.get(key)
    const mine = before === undefined ? run() : after(before, hurry).then(run)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}

/** When somebody's turn is over, however it ended. */
function after(turn: Promise<unknown>, hurry: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => (hurry ? resolve() : reject(new NestedTransact())), PATIENCE)
    const over = (): void => {
      clearTimeout(timer)
      resolve()
    }
    turn.then(over, over)
  })
}
