import assert from 'node:assert/strict'
import { EXPIRY_KEY } from '../core/expiry.js'
import type { Cells } from '../core/types.js'
import { SojournError } from '../errors.js'
import { type EngineClaims, type EngineTrial, found, isSaved, newKey, recordOf } from './engine-trial.js'

/** What a cookie may hold, and what the site lets through. */
const COOKIE_VALUE = /^[\x21-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{8,4096}$/

/** Engines whose key is the data. Nothing is stored, so nothing can be compared or ended. */
export const stateless: EngineClaims = {
  'the key is the data, in order and to the byte, for another process too': async (trial) => {
    const data = new Map([
      ['10', '1.0'],
      ['9', '-0.0'],
      ['__proto__', '1152921504606846977'],
      ['é', '"\\u00e9\\ud800"'],
      ['n', '[NaN,1e+22,{"b":1,"a":2}]'],
    ])
    const key = await keyOf(trial, data)
    for (const engine of [trial.engine, await trial.other()]) assert.deepEqual(await found(engine, key), [...data])
  },

  'a save gives another key, whatever key it is given': async (trial) => {
    const { engine } = trial
    const key = await keyOf(trial, { a: '1' })
    const saved = await engine.save(key, recordOf(trial, { a: '2' }), (await engine.load(key))?.version)
    assert.ok(isSaved(saved) && saved.key !== undefined && saved.key !== key, 'a save says what to send')
    assert.deepEqual(await found(engine, saved.key), [['a', '2']])
  },

  'a key that was changed, or never given, is no session': async (trial) => {
    const { engine } = trial
    const key = await keyOf(trial, { a: '1' })
    for (let at = 0; at < key.length; at++) {
      const changed = `${key.slice(0, at)}${key[at] === 'A' ? 'B' : 'A'}${key.slice(at + 1)}`
      assert.equal(await engine.load(changed), null, `changed at ${at}`)
    }
    for (const other of [newKey(), key.slice(0, -1), `${key}A`, `${key}:${key}`, '::::::::', '"'.repeat(4096)]) {
      assert.equal(await engine.load(other), null)
      assert.equal(await engine.exists(other), false)
    }
  },

  'a session that is past its end is none': async (trial) => {
    const key = await keyOf(trial, { a: '1', [EXPIRY_KEY]: '60' })
    await trial.age(59)
    assert.notEqual(await trial.engine.load(key), null)
    await trial.age(2)
    assert.equal(await trial.engine.load(key), null)
  },

  'a session that browsers would not keep is refused, and nothing of it told': async (trial) => {
    let noise = ''
    for (let seed = 1; noise.length < 8000; seed = (seed * 48_271) % 2_147_483_647) noise += seed.toString(36)
    const record = recordOf(trial, { noise: `"${noise}"` })
    await assert.rejects(
      async () => trial.engine.create(newKey(), record),
      (error) => error instanceof SojournError && !error.message.includes(noise.slice(0, 20)),
    )
  },

  'to delete a key is no error': async (trial) => {
    const key = await keyOf(trial, { a: '1' })
    assert.ok(['deleted', 'missing'].includes(await trial.engine.delete(key)))
    assert.ok(['deleted', 'missing'].includes(await trial.engine.delete(newKey())))
  },
}

/** The key that keeps these data. */
async function keyOf(trial: EngineTrial, data: Cells | Readonly<Record<string, string>>): Promise<string> {
  const created = await trial.engine.create(newKey(), recordOf(trial, data))
  assert.ok(isSaved(created) && created.key !== undefined, 'create says what to send')
  assert.match(created.key, COOKIE_VALUE)
  return created.key
}
