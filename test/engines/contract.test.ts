import { describe, expect, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import type { Cells, Saved } from '../../src/core/types.js'
import { dbEngine } from '../../src/engines/db.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { signedCookiesEngine } from '../../src/engines/signed-cookies.js'
import { CookieTooLarge, SessionTooLarge } from '../../src/errors.js'
import { type TestClock, testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import type { EngineUnderTest } from '../../src/testing/engine-trial.js'
import { watched } from '../../src/testing/watched-engine.js'
import { SECRET, sqliteEngine } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const cells = (data: Record<string, string>): Cells => new Map(Object.entries(data))
const record = (clock: TestClock, data: Record<string, string>, seconds = 60) => ({
  cells: cells(data),
  expires: clock() + seconds * 1000,
})

/** The `db` engine; the other process has a codec that knows no text yet. */
function onSqlite(zone: { readonly useTz?: boolean; readonly timeZone?: string } = {}): EngineUnderTest {
  const clock = testClock()
  const { engine, database } = sqliteEngine({ clock, ...zone })
  return { clock, engine, again: () => dbEngine({ database, codec: signedCodec({ secretKey: SECRET, clock }), clock }) }
}

const onMemory = (clock = testClock()): EngineUnderTest => ({ clock, engine: memoryEngine({ clock }) })

const ENGINES: Record<string, () => EngineUnderTest> = {
  memory: onMemory,
  'memory across a network': () => {
    const { clock, engine } = onMemory()
    return { clock, engine: watched(engine, { delay: 0 }) }
  },
  db: onSqlite,
  'db with USE_TZ off': () => onSqlite({ useTz: false, timeZone: 'America/Chicago' }),
}

describe.each(Object.entries(ENGINES))('%s', (_name, start) => {
  for (const { name, run } of engineContract(start)) test(name, run)
})

describe('signed cookies, by contract', () => {
  const clock = testClock()
  const start = () => ({ clock, engine: signedCookiesEngine({ secretKey: SECRET, clock }) })
  for (const { name, run } of engineContract(start, 'stateless')) test(name, run)
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

  test('groups do not give way to others while there is room for their sessions', async () => {
    const clock = testClock()
    const { links } = memoryEngine({ max: 15_000, clock })
    const expires = clock() + 1000
    for (let n = 0; n < 110_000; n++) await links?.join(`gid.${n}`, { key: 'a'.repeat(32), since: 0 }, expires)
    expect(await links?.members('gid.0')).toHaveLength(1)
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
