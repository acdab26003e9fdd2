import assert from 'node:assert/strict'
import { isPromise } from '../core/maybe.js'
import type { SessionEngine } from '../core/types.js'
import { created, type EngineClaims, type EngineTrial, found, newKey, recordOf, savedVersion } from './engine-trial.js'

/** JSON texts that a round trip through JavaScript's numbers or strings would change. */
const TEXTS: readonly (readonly [key: string, text: string])[] = [
  ['a float that is whole', '1.0'],
  ['less than nothing', '-0.0'],
  ['a large float', '1e+22'],
  ['more than a double holds', '1152921504606846977'],
  ['more than 64 bits', '-123456789012345678901234567890'],
  ['no number', 'NaN'],
  ['no end', '[Infinity,-Infinity]'],
  ['escaped', '"\\u00e9\\u2028\\ud83d\\ude00 \\"\\\\/\\n\\u0000"'],
  ['half of a pair', '"\\ud800"'],
  ['nested', '{"b":1.0,"a":[{},[],null,true,false,""],"__proto__":{"x":1}}'],
]

/** Names that an object, a table or a text in some encoding might not bear as they are, in an order of their own. */
const NAMES = [
  '10',
  '9',
  'b',
  'a',
  '01',
  '-1',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  '"',
  '\\',
  "'",
  '%',
  '\0',
]
const FOREIGN_NAMES = ['é', 'e\u0301', 'É', 'ß', '日本', '😀', '\ud800', '\u2028', '\ufeff', '\uffff']

/** One writer, one step after the other: what every store keeps. */
export const keeping: EngineClaims = {
  'what was created is loaded in order and to the byte, by another process too': async (trial) => {
    await comesBack(trial, new Map(TEXTS))
  },

  'keys of the data come back as they are and in their order, whatever they are called': async (trial) => {
    await comesBack(trial, new Map([...NAMES, ...FOREIGN_NAMES].map((name, at) => [name, `${at}`])))
  },

  'a session of 5,000 keys comes back whole': async (trial) => {
    await comesBack(trial, new Map(Array.from({ length: 5000 }, (_, at) => [`key ${(at * 7919) % 5000}`, `${at}`])))
  },

  'a session as large as may be comes back whole': async (trial) => {
    // Text that does not compress well, so that no store is spared.
    let noise = ''
    for (let seed = 1; noise.length < trial.maxBytes; seed = (seed * 48_271) % 2_147_483_647) noise += seed.toString(36)
    await comesBack(trial, new Map([['large', `"${noise.slice(0, trial.maxBytes - 64)}"`]]))
  },

  'a session without data is a session': async (trial) => {
    await comesBack(trial, new Map())
  },

  'what a save replaced is gone, and what it brought is there': async (trial) => {
    const { engine } = trial
    const { key } = await created(trial, { a: '1', b: '2' })
    const neighbour = await created(trial, { n: '1' })
    savedVersion(await engine.save(key, recordOf(trial, { c: '3', b: '1.0' })))
    assert.deepEqual(await found(engine, key), [
      ['c', '3'],
      ['b', '1.0'],
    ])
    assert.deepEqual(await found(engine, neighbour.key), [['n', '1']])
  },

  'a save of what is there already is a save': async (trial) => {
    const { key, version } = await created(trial)
    const same = recordOf(trial, { a: '1' })
    const second = savedVersion(await trial.engine.save(key, same, version))
    savedVersion(await trial.engine.save(key, same, second))
    savedVersion(await trial.engine.save(key, same))
  },

  'what nobody kept is null and does not exist, whatever its key looks like': async ({ engine }) => {
    const keys = [
      newKey(),
      newKey().slice(0, 8),
      newKey().repeat(4),
      '__proto__',
      'constructor',
      'toString',
      '-_-_-_-_',
    ]
    for (const key of keys) {
      assert.equal(await engine.load(key), null, 'load')
      assert.equal(await engine.exists(key), false, 'exists')
    }
  },

  'a key is itself to the letter: in capitals it is another': async (trial) => {
    const { engine } = trial
    const key = `a${newKey().slice(1)}`
    savedVersion(await engine.create(key, recordOf(trial, { a: '1' })))
    const capitals = key.toUpperCase()
    assert.equal(await engine.load(capitals), null)
    assert.equal(await engine.exists(capitals), false)
    assert.equal(await engine.save(capitals, recordOf(trial, { a: '2' })), 'missing')
    assert.equal(await engine.delete(capitals), 'missing')
    assert.deepEqual(await found(engine, key), [['a', '1']])
  },

  'create never replaces': async (trial) => {
    const { engine } = trial
    const { key } = await created(trial)
    assert.equal(await engine.create(key, recordOf(trial, { a: '2' })), 'conflict')
    assert.deepEqual(await found(engine, key), [['a', '1']])
  },

  'save never creates, with a version or without': async (trial) => {
    const { engine } = trial
    const { key, version } = await created(trial)
    await engine.delete(key)
    for (const [name, expected] of [[newKey()], [key], [key, version]] as const) {
      assert.equal(await engine.save(name, recordOf(trial, { a: '2' }), expected), 'missing')
      assert.equal(await engine.exists(name), false)
      assert.equal(await engine.load(name), null)
    }
  },

  'delete ends one session, and an unknown one is no error': async (trial) => {
    const { engine } = trial
    const [{ key }, neighbour] = [await created(trial), await created(trial)]
    assert.equal(await engine.delete(key), 'deleted')
    assert.equal(await engine.load(key), null)
    assert.equal(await engine.exists(key), false)
    assert.equal(await engine.delete(key), 'missing')
    assert.equal(await engine.delete(newKey(), neighbour.version), 'missing')
    assert.deepEqual(await found(engine, neighbour.key), [['a', '1']])
  },

  'loads at the same time each find their own': async (trial) => {
    const { engine } = trial
    const keys = Array.from({ length: 120 }, newKey)
    await Promise.all(
      keys.map((key, at) => (at % 5 === 0 ? undefined : engine.create(key, recordOf(trial, { n: `${at}` })))),
    )
    const asked = [...keys, ...keys]
    const loaded = await Promise.all(asked.map((key) => found(engine, key)))
    assert.deepEqual(
      loaded,
      asked.map((_, at) => (at % 5 === 0 ? null : [['n', `${at % 120}`]])),
    )
  },

  'an engine that says it is synchronous loads at once': async (trial) => {
    const { engine } = trial
    if (!engine.synchronous) return
    const { key } = await created(trial)
    for (const asked of [key, newKey()]) assert.ok(!isPromise(engine.load(asked)), 'load answers with a promise')
  },
}

/** Created and saved data come back as they were, for this process and for another. */
async function comesBack(trial: EngineTrial, data: ReadonlyMap<string, string>): Promise<void> {
  const { engine } = trial
  const { key, version } = await created(trial, data)
  const expected = [...data]
  const seers: readonly SessionEngine[] = [engine, await trial.other()]
  for (const each of seers) same(await found(each, key), expected)
  savedVersion(await engine.save(key, recordOf(trial, { between: '1' }), version))
  savedVersion(await engine.save(key, recordOf(trial, data)))
  for (const each of seers) same(await found(each, key), expected)
}

/** Like `deepEqual`, which would print a megabyte. */
function same(
  actual: readonly (readonly [string, string])[] | null,
  expected: readonly (readonly [string, string])[],
): void {
  assert.ok(actual !== null, 'it is not there')
  assert.equal(actual.length, expected.length, 'how many keys there are')
  for (const [at, [key, text]] of expected.entries()) {
    assert.equal(actual[at]?.[0], key, `the key at ${at}`)
    assert.ok(actual[at]?.[1] === text, `the value of ${JSON.stringify(key)} is another text`)
  }
}
