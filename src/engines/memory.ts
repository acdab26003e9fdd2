import type { Cells, Clock, Loaded, Outcome, SessionEngine, SessionRecord } from '../core/types.js'

export interface MemoryEngineOptions {
  /** The most sessions kept (default 100,000); past it the one that was saved longest ago goes. */
  readonly max?: number
  readonly clock?: Clock
}

/** What is kept under a key; a new object at every save, so that the object itself is the version. */
interface Kept {
  readonly cells: Cells
  readonly expires: number
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

class MemoryEngine implements SessionEngine {
  readonly name = 'memory'
  readonly synchronous = true
  readonly #max: number
  readonly #clock: Clock
  /** In the order of the last save. */
  readonly #sessions = new Map<string, Kept>()

  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
  }

  load(key: string): Loaded | null {
    const kept = this.#alive(key)
    return kept === undefined ? null : { cells: kept.cells, version: kept, expires: () => kept.expires }
  }

  create(key: string, record: SessionRecord): Outcome {
    if (this.#sessions.has(key)) return 'conflict'
    if (this.#sessions.size >= this.#max) this.#makeRoom()
    return this.#keep(key, record)
  }

  save(key: string, record: SessionRecord, expected?: unknown): Outcome {
    const kept = this.#alive(key)
    if (kept === undefined) return 'missing'
    if (expected !== undefined && kept !== expected) return 'conflict'
    this.#sessions.delete(key)
    return this.#keep(key, record)
  }

  touch(key: string, expires: number): 'saved' | 'missing' {
    const kept = this.#alive(key)
    if (kept === undefined)
      return 'missing'
      // The data stay what they were, so a writer that loaded them may still save: the version must not change.
    ;(kept as { expires: number }).expires = expires
    return 'saved'
  }

  delete(key: string, expected?: unknown): 'deleted' | 'missing' | 'conflict' {
    const kept = this.#alive(key)
    if (kept === undefined) return 'missing'
    if (expected !== undefined && kept !== expected) return 'conflict'
    this.#sessions.delete(key)
    return 'deleted'
  }

  exists(key: string): boolean {
    return this.#sessions.has(key)
  }

  clearExpired(): number {
    const now = this.#clock()
    let cleared = 0
    for (const [key, { expires }] of this.#sessions) {
      if (expires > now) continue
      this.#sessions.delete(key)
      cleared++
    }
    return cleared
  }

  #alive(key: string): Kept | undefined {
    const kept = this.#sessions.get(key)
    return kept !== undefined && kept.expires > this.#clock() ? kept : undefined
  }

  #keep(key: string, { cells, expires }: SessionRecord): Outcome {
    const kept = { cells, expires }
    this.#sessions.set(key, kept)
    return { version: kept }
  }

  #makeRoom(): void {
    if (this.clearExpired() > 0) return
    for (const key of this.#sessions.keys()) {
      this.#sessions.delete(key)
      return
    }
  }
}
