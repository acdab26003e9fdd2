import { locmem } from '../caches/locmem.js'
import { BoundedMap } from '../core/bounded-map.js'
import type { LinkStore } from '../core/link-store.js'
import type { Cells, Clock, Loaded, Outcome, SessionEngine, SessionIndex, SessionRecord, Sweep } from '../core/types.js'
import { CacheLinks } from './links/in-cache.js'
import { CacheIndex } from './user-index/in-cache.js'

export interface MemoryEngineOptions {
  /** The most sessions kept (default 100,000); past it the one that was saved longest ago goes. */
  readonly max?: number
  readonly clock?: Clock
}

/**
 * Sessions in this process's memory: for development, tests and small sites of one process. Bounded, and what is past its
 * end goes; gone when the process ends.
 *
 * @example
 * ```ts
 * import { memoryEngine } from 'sojourn/engines/memory'
 *
 * const engine = memoryEngine({ max: 1000 })
 * ```
 */
export function memoryEngine(options: MemoryEngineOptions = {}): SessionEngine {
  return new MemoryEngine(options.max ?? 100_000, options.clock ?? Date.now)
}

/** A session is in four groups at most, each of which may be marked as over. One that made room for another would let its sessions live. */
const LINKS_OF_ONE = 8

class MemoryEngine implements SessionEngine {
  readonly name = 'memory'
  readonly synchronous = true
  readonly users: SessionIndex
  readonly links: LinkStore
  readonly #sessions: BoundedMap<Cells>

  constructor(max: number, clock: Clock) {
    this.#sessions = new BoundedMap(max, clock)
    this.users = new CacheIndex(locmem({ clock }), '', clock)
    this.links = new CacheLinks(locmem({ clock, max: LINKS_OF_ONE * max }), '', clock)
  }

  load(key: string): Loaded | null {
    const kept = this.#sessions.get(key)
    return kept === undefined ? null : { cells: kept.value, version: kept, expires: () => kept.expires }
  }

  create(key: string, { cells, expires }: SessionRecord): Outcome {
    return this.#sessions.add(key, cells, expires)
  }

  save(key: string, { cells, expires }: SessionRecord, expected?: unknown): Outcome {
    return this.#sessions.replace(key, cells, expires, expected)
  }

  touch(key: string, expires: number): 'saved' | 'missing' {
    return this.#sessions.touch(key, expires)
  }

  delete(key: string, expected?: unknown): 'deleted' | 'missing' | 'conflict' {
    return this.#sessions.delete(key, expected)
  }

  exists(key: string): boolean {
    return this.#sessions.has(key)
  }

  clearExpired(): number {
    return this.#sessions.clearExpired()
  }

  sweep(now: number): Sweep {
    return this.#sessions.sweep(now)
  }
}
