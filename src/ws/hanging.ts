/** What is known of a look-up that has not ended. */
interface Hung {
  /** How many of it were begun in vain. */
  readonly times: number
  /** The round in which the next one is due. */
  readonly due: number
}

/**
 * Sessions whose user is being looked up for longer than anybody waits. One that never ends costs memory and perhaps a connection, so each
 * next one is begun after twice as many rounds.
 */
export class Hanging {
  readonly #hung = new Map<string, Hung>()
  #round = 0

  /** Begins a round, for the sessions that are there. */
  begin(sessions: { has(name: string): boolean }): void {
    this.#round++
    for (const name of this.#hung.keys()) if (!sessions.has(name)) this.#hung.delete(name)
  }

  /** Whether the user of a session may be looked up in this round. */
  isDue(name: string): boolean {
    return (this.#hung.get(name)?.due ?? 0) <= this.#round
  }

  /** Nobody waits for this one any more. True the first time. */
  add(name: string): boolean {
    const times = (this.#hung.get(name)?.times ?? 0) + 1
    this.#hung.set(name, { times, due: this.#round + 2 ** times })
    return times === 1
  }

  /** It has ended, and whoever answers is well again. */
  delete(name: string): void {
    this.#hung.delete(name)
  }
}
