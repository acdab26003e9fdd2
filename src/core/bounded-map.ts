import type { Clock } from './types.js'

/** What is kept under a key; a new object at every save, so that the object itself is the version. */
export interface Kept<Value> {
  readonly value: Value
  readonly expires: number
}

/** So many are looked at for some that are past their end, whenever there is no room. All of them would take a millisecond at each save. */
const LOOKED_AT = 100

/**
 * Values with an end, in this process's memory, with saves that compare before they replace. Bounded: past `max` what is found to be past
 * its end goes, else the one that was saved longest ago.
 */
export class BoundedMap<Value> {
  readonly #max: number
  readonly #clock: Clock
  /** In the order of the last save. */
  readonly #kept = new Map<string, Kept<Value>>()
  /** Where the next look for some that are past their end goes on. */
  #round = this.#kept.entries()

  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
  }

  get(key: string): Kept<Value> | undefined {
    const kept = this.#kept.get(key)
    return kept !== undefined && kept.expires > this.#clock() ? kept : undefined
  }

  /** Whether anything is kept under the key, past its end or not. */
  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** Stores under a key that nobody has, not even one that is past its end. */
  add(key: string, value: Value, expires: number): { readonly version: Kept<Value> } | 'conflict' {
    if (this.#kept.has(key)) return 'conflict'
    if (this.#kept.size >= this.#max) this.#makeRoom()
    return this.#keep(key, value, expires)
  }

  replace(
    key: string,
    value: Value,
    expires: number,
    expected?: unknown,
  ): { readonly version: Kept<Value> } | 'missing' | 'conflict' {
    const kept = this.get(key)
    if (kept === undefined) return 'missing'
    if (expected !== undefined && kept !== expected) return 'conflict'
    this.#kept.delete(key)
    return this.#keep(key, value, expires)
  }

  touch(key: string, expires: number): 'saved' | 'missing' {
    const kept = this.get(key) as { expires: number } | undefined
    if (kept === undefined) return 'missing'
    // The data stay what they were, so a writer that loaded them may still save: the version must not change.
    kept.expires = expires
    return 'saved'
  }

  delete(key: string, expected?: unknown): 'deleted' | 'missing' | 'conflict' {
    const kept = this.get(key)
    if (kept === undefined) return 'missing'
    if (expected !== undefined && kept !== expected) return 'conflict'
    this.#kept.delete(key)
    return 'deleted'
  }

  forget(key: string): void {
    this.#kept.delete(key)
  }

  /** Deletes what is past its end, and says how many. */
  clearExpired(): number {
    return this.sweep(this.#clock()).next(Number.POSITIVE_INFINITY)
  }

  /** The same little by little: each `next` goes on where the last one ended. */
  sweep(now: number): { count(): number; next(limit: number): number } {
    // An iterator of a Map bears whatever is deleted and added meanwhile, and leaving a loop does not end it.
    const rest = this.#kept.entries()
    return {
      count: () => [...this.#kept.values()].filter(({ expires }) => expires <= now).length,
      next: (limit) => {
        let cleared = 0
        for (const [key, { expires }] of rest) {
          if (expires > now) continue
          this.#kept.delete(key)
          if (++cleared >= limit) break
        }
        return cleared
      },
    }
  }

  #keep(key: string, value: Value, expires: number): { readonly version: Kept<Value> } {
    const version = { value, expires }
    this.#kept.set(key, version)
    return { version }
  }

  #makeRoom(): void {
    if (this.#clearSome() > 0) return
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key)
      return
    }
  }

  #clearSome(): number {
    const now = this.#clock()
    let cleared = 0
    for (let looked = 0; looked <= Math.min(LOOKED_AT, this.#max); looked++) {
      const { done, value } = this.#round.next()
      if (done) this.#round = this.#kept.entries()
      else if (value[1].expires <= now && this.#kept.delete(value[0])) cleared++
    }
    return cleared
  }
}
