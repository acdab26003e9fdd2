import assert from 'node:assert/strict'
import { created, type EngineClaims, type EngineTrial, found, newKey, recordOf, savedVersion } from './engine-trial.js'

/** The end of the year 9999, the last that the core asks for. */
const LAST_MOMENT = 253_402_300_799_000

/** When a session ends, and that it stays so. */
export const ending: EngineClaims = {
  'a session is there until its very end, and tells when that is': async (trial) => {
    const { engine, granularity, age } = trial
    const { expires } = recordOf(trial, {})
    const { key } = await created(trial)
    const told = (await engine.load(key))?.expires?.() ?? null
    if (told !== null) assert.ok(Math.abs(told - expires) < (granularity + late(trial)) * 1000, 'the end that it tells')
    await age(60 - granularity)
    assert.deepEqual(await found(engine, key), [['a', '1']])
    await age(granularity + late(trial))
    assert.equal(await engine.load(key), null)
  },

  'nothing brings back what is past its end': async (trial) => {
    const { engine, age } = trial
    const { key, version } = await created(trial)
    await age(60 + late(trial))
    assert.equal(await engine.save(key, recordOf(trial, { a: '2' }), version), 'missing', 'save at a version')
    assert.equal(await engine.save(key, recordOf(trial, { a: '2' })), 'missing', 'save')
    assert.equal((await engine.touch?.(key, trial.clock() + 60_000)) ?? 'missing', 'missing', 'touch')
    assert.equal(await engine.load(key), null)
  },

  'a save moves the end, on and back': async (trial) => {
    const { engine, age } = trial
    const [longer, shorter] = [await created(trial), await created(trial)]
    savedVersion(await engine.save(longer.key, recordOf(trial, { a: '2' }, 120)))
    savedVersion(await engine.save(shorter.key, recordOf(trial, { a: '2' }, 10)))
    await age(10 + late(trial))
    assert.equal(await engine.load(shorter.key), null)
    await age(80)
    assert.deepEqual(await found(engine, longer.key), [['a', '2']])
  },

  'a record that ended before it was kept is never loaded, and is no error': async (trial) => {
    const { engine } = trial
    const { key: other } = await created(trial)
    for (const seconds of [0, -60]) {
      const key = newKey()
      await engine.create(key, recordOf(trial, { a: '1' }, seconds))
      assert.equal(await engine.load(key), null, 'created')
    }
    await engine.save(other, recordOf(trial, { a: '2' }, -60))
    assert.equal(await engine.load(other), null, 'saved')
    const { key: touched } = await created(trial)
    await engine.touch?.(touched, trial.clock() - 60_000)
    if (engine.touch !== undefined) assert.equal(await engine.load(touched), null, 'touched')
  },

  'an end in the year 9999 is kept': async (trial) => {
    const { engine, age } = trial
    const key = newKey()
    savedVersion(await engine.create(key, { cells: new Map([['a', '1']]), expires: LAST_MOMENT }))
    await age(86_400)
    assert.deepEqual(await found(engine, key), [['a', '1']])
    savedVersion(await engine.save(key, { cells: new Map([['a', '2']]), expires: LAST_MOMENT }))
    assert.deepEqual(await found(engine, key), [['a', '2']])
  },

  'touch moves only the end, and brings nothing back': async (trial) => {
    const { engine, age } = trial
    if (engine.touch === undefined) return
    const { key } = await created(trial)
    assert.equal(await engine.touch(key, trial.clock() + 120_000), 'saved')
    assert.equal(await engine.touch(key, trial.clock() + 120_000), 'saved', 'to the same end')
    await age(100)
    assert.deepEqual(await found(engine, key), [['a', '1']])
    await engine.delete(key)
    for (const gone of [key, newKey()]) {
      assert.equal(await engine.touch(gone, trial.clock() + 60_000), 'missing')
      assert.equal(await engine.exists(gone), false)
    }
  },

  'a key is taken until its record is cleared: by clearExpired, or by the store itself': async (trial) => {
    const { engine, age } = trial
    // What other claims left in the store is past its end now.
    if (engine.clearExpired !== undefined) await age(1000)
    await engine.clearExpired?.()
    const [{ key }, lasting] = [await created(trial, {}, 10), await created(trial, {}, 1000)]
    assert.equal(await engine.exists(key), true)
    assert.equal((await engine.clearExpired?.()) ?? 0, 0)
    await age(11 + late(trial))
    if (engine.clearExpired !== undefined) {
      assert.equal(await engine.exists(key), true, 'a record past its end counts, as in Django')
      assert.equal(await engine.create(key, recordOf(trial, {})), 'conflict')
      assert.equal(await engine.clearExpired(), 1)
    }
    assert.equal(await engine.exists(key), false)
    assert.equal(await engine.exists(lasting.key), true)
    savedVersion(await engine.create(key, recordOf(trial, { a: '2' })))
    assert.deepEqual(await found(engine, key), [['a', '2']])
  },

  'a sweep deletes little by little what is past its end, and nothing else': async (trial) => {
    const { engine, age, clock } = trial
    if (engine.sweep === undefined) return
    await age(1000)
    await engine.clearExpired?.()
    const passing = await Promise.all(Array.from({ length: 5 }, () => created(trial, {}, 10)))
    const lasting = await created(trial, {}, 1000)
    assert.equal(await engine.sweep(clock()).count(), 0)
    await age(11 + late(trial))
    const sweep = engine.sweep(clock())
    assert.equal(await sweep.count(), passing.length)
    let swept = 0
    for (let rows = -1; rows !== 0 && swept <= passing.length; swept += rows) rows = await sweep.next(2)
    assert.equal(swept, passing.length)
    for (const { key } of passing) assert.equal(await engine.exists(key), false)
    assert.equal(await engine.exists(lasting.key), true)
  },
}

/** How much later than it should a session may end, in seconds: stores that count in steps round up. */
function late({ granularity }: EngineTrial): number {
  return granularity > 0.001 ? granularity : 0
}
