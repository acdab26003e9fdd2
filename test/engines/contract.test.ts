import { describe, expect, test } from 'vitest'
import type { Cells, Saved, SessionEngine } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { signedCookiesEngine } from '../../src/engines/signed-cookies.js'
import { CookieTooLarge, SessionTooLarge } from '../../src/errors.js'
import { type TestClock, testClock } from '../../src/testing/clock.js'
import { SECRET, sqliteEngine } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const cells = (data: Record<string, string>): Cells => new Map(Object.entries(data))
const record = (clock: TestClock, data: Record<string, string>, seconds = 60) => ({
  cells: cells(data),
  expires: clock() + seconds * 1000,
})
const versionOf = (outcome: unknown): unknown => (outcome as Saved).version

const ENGINES: Record<string, (clock: TestClock) => SessionEngine> = {
  memory: (clock) => memoryEngine({ clock }),
  db: (clock) => sqliteEngine({ clock }).engine,
  'db with USE_TZ off': (clock) => sqliteEngine({ clock, useTz: false, timeZone: 'America/Chicago' }).engine,
}

describe.each(Object.entries(ENGINES))('%s', (_name, make) => {
  const setUp = (): { readonly clock: TestClock; readonly engine: SessionEngine } => {
    const clock = testClock()
    return { clock, engine: make(clock) }
  }

  test('what was created is loaded, in order and to the byte', async () => {
    const { clock, engine } = setUp()
    await engine.create(KEY, record(clock, { b: '1.0', a: '1152921504606846977', é: '"\\u00e9"' }))
    const loaded = await engine.load(KEY)
    expect([...(loaded?.cells ?? [])]).toEqual([
      ['b', '1.0'],
      ['a', '1152921504606846977'],
      ['é', '"\\u00e9"'],
    ])
    expect(loaded?.expires?.()).toBe(clock() + 60_000)
    expect(loaded?.corrupted ?? false).toBe(false)
  })

  test('what nobody kept is null, and does not exist', async () => {
    const { engine } = setUp()
    expect(await engine.load(KEY)).toBeNull()
    expect(await engine.exists(KEY)).toBe(false)
  })

  test('create never replaces, not even what is past its end', async () => {
    const { clock, engine } = setUp()
    await engine.create(KEY, record(clock, { a: '1' }))
    expect(await engine.create(KEY, record(clock, { a: '2' }))).toBe('conflict')
    expect((await engine.load(KEY))?.cells.get('a')).toBe('1')
    clock.turn(61)
    expect(await engine.exists(KEY)).toBe(true)
    expect(await engine.create(KEY, record(clock, { a: '2' }))).toBe('conflict')
  })

  test('save never creates, with a version or without', async () => {
    const { clock, engine } = setUp()
    expect(await engine.save(KEY, record(clock, { a: '1' }))).toBe('missing')
    expect(await engine.save(KEY, record(clock, { a: '1' }), 'some version')).toBe('missing')
    expect(await engine.exists(KEY)).toBe(false)
  })

  test('save brings nothing back that is past its end', async () => {
    const { clock, engine } = setUp()
    const version = versionOf(await engine.create(KEY, record(clock, { a: '1' })))
    clock.turn(60)
    expect(await engine.save(KEY, record(clock, { a: '2' }), version)).toBe('missing')
    expect(await engine.save(KEY, record(clock, { a: '2' }))).toBe('missing')
    expect(await engine.touch?.(KEY, clock() + 60_000)).toBe('missing')
    expect(await engine.load(KEY)).toBeNull()
  })

  test('save at a version that is no longer there is a conflict, and changes nothing', async () => {
    const { clock, engine } = setUp()
    const first = versionOf(await engine.create(KEY, record(clock, { a: '1' })))
    const second = versionOf(await engine.save(KEY, record(clock, { a: '2' }), first))
    expect(second).toBeDefined()
    expect(await engine.save(KEY, record(clock, { a: '3' }), first)).toBe('conflict')
    expect((await engine.load(KEY))?.cells.get('a')).toBe('2')
    expect(await engine.save(KEY, record(clock, { a: '3' }), second)).toHaveProperty('version')
  })

  test('the version of a save is the version of the next load', async () => {
    const { clock, engine } = setUp()
    const version = versionOf(await engine.create(KEY, record(clock, { a: '1' })))
    expect((await engine.load(KEY))?.version).toBe(version)
  })

  test('one of many that save at once at one version wins', async () => {
    const { clock, engine } = setUp()
    const version = versionOf(await engine.create(KEY, record(clock, { a: '0' })))
    const saves = Array.from({ length: 20 }, (_, i) => engine.save(KEY, record(clock, { a: `${i + 1}` }), version))
    const outcomes = await Promise.all(saves)
    expect(outcomes.filter((outcome) => outcome !== 'conflict')).toHaveLength(1)
  })

  test('a session is there until its very end', async () => {
    const { clock, engine } = setUp()
    await engine.create(KEY, record(clock, { a: '1' }))
    clock.turn(59.999)
    expect(await engine.load(KEY)).not.toBeNull()
    clock.turn(0.001)
    expect(await engine.load(KEY)).toBeNull()
  })

  test('touch moves only the end, and breaks no writer', async () => {
    const { clock, engine } = setUp()
    const version = versionOf(await engine.create(KEY, record(clock, { a: '1' })))
    expect(await engine.touch?.(KEY, clock() + 120_000)).toBe('saved')
    clock.turn(100)
    expect((await engine.load(KEY))?.cells.get('a')).toBe('1')
    expect(await engine.save(KEY, record(clock, { a: '2' }), version)).toHaveProperty('version')
    expect(await engine.touch?.(OTHER, clock() + 1)).toBe('missing')
  })

  test('delete ends one session, at a version if one is given', async () => {
    const { clock, engine } = setUp()
    const version = versionOf(await engine.create(KEY, record(clock, { a: '1' })))
    await engine.create(OTHER, record(clock, {}))
    await engine.save(KEY, record(clock, { a: '2' }))
    expect(await engine.delete(KEY, version)).toBe('conflict')
    expect(await engine.exists(KEY)).toBe(true)
    expect(await engine.delete(KEY)).toBe('deleted')
    expect(await engine.delete(KEY)).toBe('missing')
    expect(await engine.delete(KEY, version)).toBe('missing')
    expect(await engine.exists(OTHER)).toBe(true)
  })

  test('clearExpired deletes what is past its end and says how many', async () => {
    const { clock, engine } = setUp()
    await engine.create(KEY, record(clock, {}, 10))
    await engine.create(OTHER, record(clock, {}, 100))
    expect(await engine.clearExpired?.()).toBe(0)
    clock.turn(11)
    expect(await engine.clearExpired?.()).toBe(1)
    expect([await engine.exists(KEY), await engine.exists(OTHER)]).toEqual([false, true])
  })
})

describe('memory', () => {
  test('is bounded: what was saved longest ago goes', () => {
    const clock = testClock()
    const engine = memoryEngine({ max: 3, clock })
    for (const i of [1, 2, 3]) engine.create(`session${i}`, record(clock, {}))
    engine.save('session1', record(clock, { a: '1' }))
    engine.create('session4', record(clock, {}))
    expect([1, 2, 3, 4].map((i) => engine.exists(`session${i}`))).toEqual([true, false, true, true])
  })

  test('what is past its end goes first', () => {
    const clock = testClock()
    const engine = memoryEngine({ max: 2, clock })
    engine.create('lasting1', record(clock, {}, 1000))
    engine.create('passing1', record(clock, {}, 1))
    clock.turn(2)
    engine.create('lasting2', record(clock, {}, 1000))
    expect(['lasting1', 'passing1', 'lasting2'].map((key) => engine.exists(key))).toEqual([true, false, true])
  })

  test('a thousand visitors do not pass the bound', () => {
    const clock = testClock()
    const engine = memoryEngine({ max: 10, clock })
    for (let i = 0; i < 1000; i++) engine.create(`visitor-${i}`, record(clock, {}))
    expect(Array.from({ length: 1000 }, (_, i) => engine.exists(`visitor-${i}`)).filter(Boolean)).toHaveLength(10)
  })
})

describe('db', () => {
  test.each(['', 'garbage', 'e30:1r31eq:AAAA'])(
    'a row that does not verify (%j) is empty data, and the next save replaces it',
    async (text) => {
      const clock = testClock()
      const { engine, database } = sqliteEngine({ clock })
      await engine.create(KEY, record(clock, { a: '1' }))
      await database.prepare('UPDATE django_session SET session_data = ?').run(text)
      const loaded = await engine.load(KEY)
      expect(loaded).toMatchObject({ corrupted: true, version: text })
      expect(loaded?.cells.size).toBe(0)
      expect(await engine.save(KEY, record(clock, { a: '2' }), loaded?.version)).toHaveProperty('version')
      expect((await engine.load(KEY))?.cells.get('a')).toBe('2')
    },
  )

  test('expire_date is text as Django writes it, in UTC or in the local zone', async () => {
    for (const [useTz, written] of [
      [true, '2026-01-01 00:01:00.250000'],
      [false, '2025-12-31 18:01:00.250000'],
    ] as const) {
      const clock = testClock()
      const { engine, database } = sqliteEngine({ clock, useTz, timeZone: 'America/Chicago' })
      await engine.create(KEY, record(clock, {}, 60.25))
      expect(await database.prepare('SELECT expire_date FROM django_session').get()).toEqual({ expire_date: written })
    }
  })
})

describe('signed cookies', () => {
  const make = (clock: TestClock, more = {}) => signedCookiesEngine({ secretKey: SECRET, clock, ...more })

  test('the key is the data, and each save gives another', () => {
    const clock = testClock()
    const engine = make(clock)
    const { key = '' } = engine.create('unused', record(clock, { a: '1.0' })) as Saved
    expect(engine.load(key)).toMatchObject({ cells: cells({ a: '1.0' }) })
    const saved = engine.save(key, record(clock, { a: '2' })) as Saved
    expect(saved.key).not.toBe(key)
  })

  test('one changed character, or another secret, is no session', () => {
    const clock = testClock()
    const { key = '' } = make(clock).create('unused', record(clock, { a: '1' })) as Saved
    for (let i = 0; i < key.length; i++) {
      const changed = `${key.slice(0, i)}${key[i] === 'A' ? 'B' : 'A'}${key.slice(i + 1)}`
      // The last character of base64 may hold bits that nobody reads; the text must be the very same all the same.
      expect(make(clock).load(changed), `changed at ${i}`).toBeNull()
    }
    expect(make(clock, { secretKey: `${SECRET}!` }).load(key)).toBeNull()
    expect(make(clock, { secretKey: 'a new one', secretKeyFallbacks: [SECRET] }).load(key)).not.toBeNull()
  })

  test('a cookie is over when its age is', () => {
    const clock = testClock()
    const engine = make(clock, { sessionCookieAge: 100 })
    const { key = '' } = engine.create('unused', record(clock, {})) as Saved
    clock.turn(100)
    expect(engine.load(key)).not.toBeNull()
    clock.turn(1)
    expect(engine.load(key)).toBeNull()
  })

  test.each(['60', '"2026-01-01T00:01:00+00:00"'])('an end of its own, %s, is obeyed', (expiry) => {
    const clock = testClock()
    const engine = make(clock)
    const { key = '' } = engine.create('unused', record(clock, { _session_expiry: expiry })) as Saved
    clock.turn(59)
    expect(engine.load(key)).not.toBeNull()
    clock.turn(2)
    expect(engine.load(key)).toBeNull()
  })

  test('a cookie that browsers would not keep is refused, and says which keys take the room', () => {
    const clock = testClock()
    const noise = Array.from({ length: 900 }, (_, i) => `${i * 7919}`).join('-')
    const create = () =>
      make(clock).create('unused', record(clock, { small: '1', noise: JSON.stringify(noise.repeat(3)) }))
    expect(create).toThrow(CookieTooLarge)
    expect(create).toThrow(/'noise'/)
    expect(create).not.toThrow(/7919/)
  })
})

test('a session larger than sessionMaxBytes is refused before it is stored', () => {
  const clock = testClock()
  const { engine } = sqliteEngine({ clock })
  expect(() => engine.create(KEY, record(clock, { big: `"${'x'.repeat(2 ** 20)}"` }))).toThrow(SessionTooLarge)
  expect(engine.exists(KEY)).toBe(false)
})
