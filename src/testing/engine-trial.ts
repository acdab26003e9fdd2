import assert from 'node:assert/strict'
import type { Site } from '../core/site.js'
import type { Cells, MaybePromise, Outcome, Saved, SessionEngine, SessionRecord, Version } from '../core/types.js'
import { sojourn } from '../sojourn.js'
import { randomString } from '../wire/crypto.js'
import type { TestClock } from './clock.js'
import type { ContractCase } from './trial.js'

/** An engine to be tried, and what a claim has to know of it. */
export interface EngineUnderTest {
  readonly engine: SessionEngine
  /** The clock that the engine was given. */
  readonly clock: TestClock
  /** The same store as another process sees it; without it, claims of two processes use `engine` twice. */
  again?(): MaybePromise<SessionEngine>
  /**
   * Lets time pass, in seconds; without it the clock is turned. Where the store keeps ends by a clock of its own (Redis, Memcached), turn
   * the clock and shorten what is left of every session as well.
   */
  age?(seconds: number): MaybePromise<void>
  /** The finest step in which the store keeps an end, in seconds (default 0.001). With a clock of its own at least 1, and 2 where that counts in whole seconds. */
  readonly granularity?: number
  /** The largest session that the store takes, in bytes of JSON (default 1 MiB, which is sojourn's own limit). */
  readonly maxBytes?: number
  /** Ends what `start` began; without it the engines' own `close` is called. */
  close?(): MaybePromise<void>
}

/**
 * What an engine promises: all that `SessionEngine` says (`compare-and-set`), all but what needs comparing (`last-write-wins`), or only
 * that a key is its data (`stateless`).
 */
export type EnginePromise = 'compare-and-set' | 'last-write-wins' | 'stateless'

/** What a claim is tried on. */
export interface EngineTrial {
  readonly engine: SessionEngine
  readonly clock: TestClock
  readonly granularity: number
  readonly maxBytes: number
  /** The engine of another process on the same store; the same one each time. */
  other(): Promise<SessionEngine>
  age(seconds: number): Promise<void>
}

/** Claims, each with what shows it. */
export type EngineClaims = Readonly<Record<string, (trial: EngineTrial) => Promise<void>>>

export function engineCases(
  claims: EngineClaims,
  start: () => MaybePromise<EngineUnderTest>,
  promise: EnginePromise,
): readonly ContractCase[] {
  return Object.entries(claims).map(([name, show]) => ({ name, run: () => attempt(start, promise, show) }))
}

async function attempt(
  start: () => MaybePromise<EngineUnderTest>,
  promise: EnginePromise,
  show: EngineClaims[string],
): Promise<void> {
  const under = await start()
  const { engine, clock, granularity = 0.001, maxBytes = 2 ** 20 } = under
  let another: MaybePromise<SessionEngine> | undefined
  const unhandled: unknown[] = []
  const noticed = (reason: unknown): unknown => unhandled.push(reason)
  process.on('unhandledRejection', noticed)
  try {
    assert.equal(promiseOf(engine), promise, 'what the engine says it promises')
    await show({
      engine,
      clock,
      granularity,
      maxBytes,
      async other() {
        another ??= under.again?.() ?? engine
        return another
      },
      async age(seconds) {
        if (under.age === undefined) clock.turn(seconds)
        else await under.age(seconds)
      },
    })
    assert.deepEqual(unhandled, [], 'a rejection was left unhandled')
  } finally {
    process.off('unhandledRejection', noticed)
    if (under.close !== undefined) await under.close()
    else for (const each of new Set([engine, await another])) await each?.close?.()
  }
}

function promiseOf({ stateless, consistency = 'compare-and-set' }: SessionEngine): EnginePromise {
  return stateless ? 'stateless' : consistency
}

/** A key as the core makes them, which nobody else has: claims may share one server. */
export function newKey(): string {
  return randomString(32, 'abcdefghijklmnopqrstuvwxyz0123456789')
}

/** A record that ends in so many seconds. */
export function recordOf(
  { clock }: Pick<EngineTrial, 'clock'>,
  data: Cells | Readonly<Record<string, string>>,
  seconds = 60,
): SessionRecord {
  return { cells: data instanceof Map ? data : new Map(Object.entries(data)), expires: clock() + seconds * 1000 }
}

/** Keeps a new session; its key and version. */
export async function created(
  trial: Pick<EngineTrial, 'clock' | 'engine'>,
  data: Cells | Readonly<Record<string, string>> = { a: '1' },
  seconds?: number,
): Promise<{ readonly key: string; readonly version: Version }> {
  const key = newKey()
  return { key, version: savedVersion(await trial.engine.create(key, recordOf(trial, data, seconds))) }
}

/** The version that a save gives; fails if it is none. */
export function savedVersion(outcome: Outcome): Version {
  assert.ok(isSaved(outcome), `expected it to be saved, and it is '${String(outcome)}'`)
  return outcome.version
}

export function isSaved(outcome: Outcome): outcome is Saved {
  return typeof outcome === 'object' && outcome !== null && 'version' in outcome
}

/** The data under a key, as entries in order; `null` if there is nothing. Fails where they do not verify. */
export async function found(
  engine: SessionEngine,
  key: string,
): Promise<readonly (readonly [string, string])[] | null> {
  const loaded = await engine.load(key)
  assert.notEqual(loaded, undefined, 'load gives null for what is not there')
  if (loaded === null) return null
  assert.equal(loaded.corrupted ?? false, false, 'what was kept does not verify')
  return [...loaded.cells]
}

/** A site over an engine. */
export function siteOver(engine: SessionEngine, clock: TestClock, sessionStoreTimeout = 5): Site {
  return sojourn({
    secretKey: 'a secret of the contract, of more than fifty characters',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: engine,
    sessionStoreTimeout,
    clock,
  })
}
