import assert from 'node:assert/strict'
import type { Outcome, SessionEngine } from '../core/types.js'
import { created, type EngineClaims, type EngineTrial, found, isSaved, newKey, recordOf } from './engine-trial.js'

const ROUNDS = 20

/** Many writers at once, of two processes: one wins, and what was ended stays so. */
export const racing: EngineClaims = {
  'of 20 that save at once at one version one wins': (trial) => oneWins(trial, 20),
  'of 200 that save at once at one version one wins': (trial) => oneWins(trial, 200),

  'of 20 that create one key at once one wins': async (trial) => {
    const engines = await both(trial)
    for (let round = 0; round < 5; round++) {
      const key = newKey()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => engineAt(engines, n).create(key, recordOf(trial, { n: `${n}` }))),
      )
      const winner = theOne(outcomes)
      assert.deepEqual(await found(trial.engine, key), [['n', `${winner}`]])
    }
  },

  'a save and a deletion at once: the session is over, and a late save is told so': async (trial) => {
    const engines = await both(trial)
    await inEveryOrder(async (order) => {
      const { key, version } = await created(trial)
      const save = () => engineAt(engines, 0).save(key, recordOf(trial, { a: '2' }), version)
      const [saved, deleted] = await order(save, () => engineAt(engines, 1).delete(key))
      assert.equal(deleted, 'deleted')
      assert.ok(isSaved(saved) || saved === 'missing', `the save is told '${String(saved)}'`)
      const expected = isSaved(saved) ? saved.version : version
      for (const engine of engines) {
        assert.equal(await engine.exists(key), false, 'it was brought back')
        assert.equal(await engine.save(key, recordOf(trial, { a: '3' }), expected), 'missing')
        assert.equal(await engine.load(key), null, 'it was brought back')
      }
    })
  },

  'a save and a deletion at once, both at one version: one of them wins': async (trial) => {
    const engines = await both(trial)
    await inEveryOrder(async (order) => {
      const { key, version } = await created(trial)
      const save = () => engineAt(engines, 0).save(key, recordOf(trial, { a: '2' }), version)
      const [saved, deleted] = await order(save, () => trial.engine.delete(key, version))
      if (isSaved(saved)) {
        assert.equal(deleted, 'conflict')
        assert.deepEqual(await found(trial.engine, key), [['a', '2']])
      } else {
        assert.deepEqual([saved, deleted], ['missing', 'deleted'])
        assert.equal(await trial.engine.exists(key), false)
      }
    })
  },

  'a touch and a save at once: both happen': async (trial) => {
    const engines = await both(trial)
    await inEveryOrder(async (order) => {
      const { key, version } = await created(trial)
      const touch = () => engineAt(engines, 1).touch?.(key, trial.clock() + 60_000) ?? 'saved'
      const [saved, touched] = await order(
        () => engineAt(engines, 0).save(key, recordOf(trial, { a: '2' }), version),
        touch,
      )
      assert.ok(isSaved(saved), `the save is told '${String(saved)}'`)
      assert.equal(touched, 'saved')
      assert.deepEqual(await found(trial.engine, key), [['a', '2']])
    })
  },

  'a touch and a deletion at once: the session is over': async (trial) => {
    const engines = await both(trial)
    await inEveryOrder(async (order) => {
      const { key } = await created(trial)
      const touch = () => engineAt(engines, 0).touch?.(key, trial.clock() + 120_000)
      const [, deleted] = await order(touch, () => engineAt(engines, 1).delete(key))
      assert.equal(deleted, 'deleted')
      assert.equal(await trial.engine.exists(key), false, 'it was brought back')
    })
  },
}

async function oneWins(trial: EngineTrial, writers: number): Promise<void> {
  const engines = await both(trial)
  const { key } = await created(trial, { n: 'null' })
  // Each process knows the session by a version of its own.
  const versions = await Promise.all(engines.map(async (engine) => (await engine.load(key))?.version))
  const outcomes = await Promise.all(
    Array.from({ length: writers }, (_, n) =>
      engineAt(engines, n).save(key, recordOf(trial, { n: `${n}` }), versions[n % versions.length]),
    ),
  )
  const winner = theOne(outcomes)
  assert.deepEqual(await found(trial.engine, key), [['n', `${winner}`]])
}

/** The number of the one that was saved; all others are told of a conflict. */
function theOne(outcomes: readonly Outcome[]): number {
  assert.equal(outcomes.filter(isSaved).length, 1, 'how many won')
  assert.equal(outcomes.filter((outcome) => outcome === 'conflict').length, outcomes.length - 1, 'how many lost')
  return outcomes.findIndex(isSaved)
}

async function both(trial: EngineTrial): Promise<readonly SessionEngine[]> {
  return [trial.engine, await trial.other()]
}

function engineAt(engines: readonly SessionEngine[], n: number): SessionEngine {
  return engines[n % engines.length] as SessionEngine
}

type Order = <A, B>(first: () => A, second: () => B) => Promise<[Awaited<A>, Awaited<B>]>

/** Begins two things at once in either order, the later one some microtasks or a turn of the event loop after the other. */
async function inEveryOrder(run: (order: Order) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await run(async (first, second) => {
      const isSwapped = round % 2 === 1
      const begun: { a?: unknown; b?: unknown } = {}
      const one = async (): Promise<void> => void (begun.a = await first())
      const two = async (): Promise<void> => void (begun.b = await second())
      const leading = isSwapped ? two() : one()
      // Until the pause is over nobody waits for the first, and it may fail.
      leading.catch(() => undefined)
      await pause(round >> 1)
      await Promise.all([leading, isSwapped ? one() : two()])
      return [begun.a, begun.b] as never
    })
  }
}

async function pause(microtasks: number): Promise<void> {
  if (microtasks >= ROUNDS / 2 - 1) return new Promise((resolve) => setImmediate(resolve))
  for (let n = 0; n < microtasks; n++) await undefined
}
