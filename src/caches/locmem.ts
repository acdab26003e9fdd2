import { BoundedMap } from '../core/bounded-map.js'
import type { Clock } from '../core/types.js'
import type { Cache, Cached, Stored } from './cache.js'

export interface LocmemOptions {
  /** The most values kept (default 100,000); past it the one that was saved longest ago goes. */
  readonly max?: number
  readonly clock?: Clock
}

/**
 * A cache in this process's memory, as Django's `LocMemCache`: no other process sees it, be it ours or Django's, and it is
 * gone when this one ends. For development and tests.
 *
 * @example
 * ```ts
 * import { locmem } from 'sojourn/caches/locmem'
 *
 * const cache = locmem({ max: 1000 })
 * ```
 */
export function locmem(options: LocmemOptions = {}): Cache {
  return new Locmem(options.max ?? 100_000, options.clock ?? Date.now)
}

class Locmem implements Cache {
  readonly name = 'locmem'
  readonly synchronous = true
  readonly consistency = 'compare-and-set'
  readonly #values: BoundedMap<Uint8Array>

  constructor(max: number, clock: Clock) {
    this.#values = new BoundedMap(max, clock)
  }

  get(key: string): Cached | null {
    const kept = this.#values.get(key)
    return kept === undefined ? null : { value: kept.value, version: kept, expires: kept.expires }
  }

  add(key: string, value: Uint8Array, expires: number): Stored | 'conflict' {
    // What is past its end is nobody's in a cache.
    if (!this.has(key)) this.#values.forget(key)
    return this.#values.add(key, value, expires)
  }

  replace(key: string, value: Uint8Array, expires: number, expected?: unknown): Stored | 'missing' | 'conflict' {
    return this.#values.replace(key, value, expires, expected)
  }

  touch(key: string, expires: number): 'saved' | 'missing' {
    return this.#values.touch(key, expires)
  }

  delete(key: string, expected?: unknown): 'deleted' | 'missing' | 'conflict' {
    return this.#values.delete(key, expected)
  }

  has(key: string): boolean {
    return this.#values.get(key) !== undefined
  }

  close(): void {}
}
