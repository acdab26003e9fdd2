import assert from 'node:assert/strict'
import { created, type EngineClaims, found, recordOf, savedVersion } from './engine-trial.js'

/** What a version is for: to notice that somebody else saved. */
export const comparing: EngineClaims = {
  'save at a version that is no longer there is a conflict, and changes nothing': async (trial) => {
    const { engine } = trial
    const { key, version } = await created(trial)
    savedVersion(await engine.save(key, recordOf(trial, { a: '2' }), version))
    assert.equal(await engine.save(key, recordOf(trial, { a: '3' }), version), 'conflict')
    assert.deepEqual(await found(engine, key), [['a', '2']])
    savedVersion(await engine.save(key, recordOf(trial, { a: '4' })))
    assert.deepEqual(await found(engine, key), [['a', '4']])
  },

  'create, save and load each give the version that the next save expects': async (trial) => {
    const { engine } = trial
    const { key, version } = await created(trial)
    const second = savedVersion(await engine.save(key, recordOf(trial, { a: '2' }), version))
    const third = savedVersion(await engine.save(key, recordOf(trial, { a: '3' }), second))
    assert.equal(await engine.save(key, recordOf(trial, { a: '0' }), second), 'conflict')
    savedVersion(await engine.save(key, recordOf(trial, { a: '4' }), third))
    const loaded = (await engine.load(key))?.version
    assert.equal(await engine.save(key, recordOf(trial, { a: '0' }), third), 'conflict')
    savedVersion(await engine.save(key, recordOf(trial, { a: '5' }), loaded))
    assert.deepEqual(await found(engine, key), [['a', '5']])
  },

  'neither a load nor a touch breaks a writer': async (trial) => {
    const { engine } = trial
    const { key, version } = await created(trial)
    await engine.load(key)
    await engine.touch?.(key, trial.clock() + 120_000)
    await (await trial.other()).load(key)
    savedVersion(await engine.save(key, recordOf(trial, { a: '2' }), version))
    const loaded = (await engine.load(key))?.version
    await engine.touch?.(key, trial.clock() + 240_000)
    assert.equal(await engine.delete(key, loaded), 'deleted')
  },

  'delete at a version that is no longer there is a conflict, and deletes nothing': async (trial) => {
    const { engine } = trial
    const { key, version } = await created(trial)
    const second = savedVersion(await engine.save(key, recordOf(trial, { a: '2' })))
    assert.equal(await engine.delete(key, version), 'conflict')
    assert.deepEqual(await found(engine, key), [['a', '2']])
    assert.equal(await engine.delete(key, second), 'deleted')
    assert.equal(await engine.delete(key, second), 'missing')
    assert.equal(await engine.load(key), null)
  },

  'two processes see what the other one did': async (trial) => {
    const { engine } = trial
    const other = await trial.other()
    const { key, version } = await created(trial)
    const theirs = await other.load(key)
    assert.deepEqual([...(theirs?.cells ?? [])], [['a', '1']])
    assert.equal(await other.create(key, recordOf(trial, {})), 'conflict')
    savedVersion(await other.save(key, recordOf(trial, { a: '2' }), theirs?.version))
    assert.equal(await engine.save(key, recordOf(trial, { a: '3' }), version), 'conflict')
    assert.deepEqual(await found(engine, key), [['a', '2']])
    assert.equal(await other.delete(key), 'deleted')
    assert.equal(await engine.load(key), null)
    assert.equal(await engine.save(key, recordOf(trial, { a: '4' }), version), 'missing')
    assert.equal(await other.exists(key), false)
  },
}
