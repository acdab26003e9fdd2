import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Loaded, MaybePromise, Outcome, SessionEngine, SessionRecord, Slide, Version } from '../core/types.js'

/** What a site can ask of an engine. */
export type EngineOperation = 'load' | 'create' | 'save' | 'touch' | 'delete' | 'exists' | 'clearExpired'

/** How a watched engine behaves besides counting. Each may be changed while it is in use. */
export interface Watching {
  /**
   * How long an operation takes: milliseconds, half before it and half after, as on a network; 0 is a turn of the event loop. Or a
   * function that says so of each operation, or returns a promise that the operation waits for.
   */
  delay?: number | ((operation: EngineOperation) => number | Promise<unknown> | undefined)
  /** Operations that fail, without reaching the engine. */
  fail?: readonly EngineOperation[]
  /** Operations that never answer. */
  hang?: readonly EngineOperation[]
}

/** An engine that counts what it is asked, and can be slow, fail and hang. */
export interface WatchedEngine extends SessionEngine, Watching {
  /** Every operation asked for, in order. */
  readonly asked: readonly EngineOperation[]
  /** How often an operation, or any at all, was asked for. */
  count(operation?: EngineOperation): number
  /** Begins to count anew. */
  recount(): void
}

/**
 * Wraps an engine, to count what a request costs it and to see how a site bears its faults. One that is given `delay` or `hang` at once
 * is asynchronous, whatever it wraps.
 *
 * @example
 * ```ts
 * import { memoryEngine } from 'sojourn/engines/memory'
 * import { watched } from 'sojourn/testing'
 *
 * const engine = watched(memoryEngine(), { delay: 50 })
 * await engine.load('a-key-that-nobody-has')
 * console.log(engine.count('load')) // 1
 * engine.fail = ['save']
 * ```
 */
export function watched(engine: SessionEngine, watching: Watching = {}): WatchedEngine {
  return new Watched(engine, watching)
}

class Watched implements WatchedEngine {
  readonly name: string
  readonly synchronous: boolean
  readonly stateless?: boolean
  readonly asked: EngineOperation[] = []
  delay: Watching['delay']
  fail: Watching['fail']
  hang: Watching['hang']
  readonly consistency?: SessionEngine['consistency']
  readonly users?: SessionEngine['users']
  readonly links?: SessionEngine['links']
  readonly touch?: SessionEngine['touch']
  readonly clearExpired?: SessionEngine['clearExpired']
  readonly #engine: SessionEngine

  constructor(engine: SessionEngine, { delay, fail, hang }: Watching) {
    this.#engine = engine
    this.name = engine.name
    this.synchronous = engine.synchronous && delay === undefined && hang === undefined
    if (engine.stateless !== undefined) this.stateless = engine.stateless
    if (engine.consistency !== undefined) this.consistency = engine.consistency
    if (engine.users !== undefined) this.users = engine.users
    if (engine.links !== undefined) this.links = engine.links
    Object.assign(this, { delay, fail, hang })
    // A site asks whether these are there.
    if (engine.touch) this.touch = (key, expires) => this.#ask('touch', () => engine.touch?.(key, expires) ?? 'missing')
    if (engine.clearExpired) this.clearExpired = () => this.#ask('clearExpired', () => engine.clearExpired?.() ?? 0)
  }

  count(operation?: EngineOperation): number {
    return operation === undefined ? this.asked.length : this.asked.filter((each) => each === operation).length
  }

  recount(): void {
    this.asked.length = 0
  }

  load(key: string, slide?: Slide): MaybePromise<Loaded | null> {
    return this.#ask('load', () => this.#engine.load(key, slide))
  }

  create(key: string, record: SessionRecord): MaybePromise<Outcome> {
    return this.#ask('create', () => this.#engine.create(key, record))
  }

  save(key: string, record: SessionRecord, expected?: Version): MaybePromise<Outcome> {
    return this.#ask('save', () => this.#engine.save(key, record, expected))
  }

  delete(key: string, expected?: Version): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return this.#ask('delete', () => this.#engine.delete(key, expected))
  }

  exists(key: string): MaybePromise<boolean> {
    return this.#ask('exists', () => this.#engine.exists(key))
  }

  close(): MaybePromise<void> {
    return this.#engine.close?.()
  }

  #ask<T>(operation: EngineOperation, run: () => MaybePromise<T>): MaybePromise<T> {
    this.asked.push(operation)
    if (this.hang?.includes(operation)) return new Promise(() => undefined)
    const delay = typeof this.delay === 'function' ? this.delay(operation) : this.delay
    const answer = (): MaybePromise<T> => {
      if (this.fail?.includes(operation)) throw new Error(`the watched engine was told to fail at ${operation}`)
      return run()
    }
    return this.synchronous && delay === undefined ? answer() : slowly(delay, answer)
  }
}

async function slowly<T>(delay: number | Promise<unknown> | undefined, answer: () => MaybePromise<T>): Promise<T> {
  if (typeof delay !== 'number') {
    await delay
    return answer()
  }
  if (delay === 0) await nextTurn()
  else await sleep(delay / 2)
  const result = await answer()
  if (delay > 0) await sleep(delay / 2)
  return result
}
