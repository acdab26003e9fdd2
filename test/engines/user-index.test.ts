import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Cache } from '../../src/caches/cache.js'
import { locmem } from '../../src/caches/locmem.js'
import type { IndexEntry } from '../../src/core/types.js'
import type { Value } from '../../src/databases/database.js'
import { sqlite } from '../../src/databases/sqlite.js'
import { sessionTables } from '../../src/engines/db.js'
import { CacheIndex } from '../../src/engines/user-index/in-cache.js'
import { FileIndex } from '../../src/engines/user-index/in-folder.js'
import { DbIndex } from '../../src/engines/user-index/in-table.js'
import { userIndexTables } from '../../src/engines/user-index/tables.js'
import { testClock } from '../../src/testing/clock.js'

const clock = testClock()
const entry = (n: number, more: Partial<IndexEntry> = {}): IndexEntry => ({
  key: `session${n}`.padEnd(32, 'x'),
  user: '1',
  created: clock(),
  seen: clock() + n,
  expires: clock() + 60_000,
  userAgent: '',
  address: '',
  ...more,
})

/** A cache that answers in a later turn, so that others come between. */
function slowly(cache: Cache): Cache {
  return new Proxy(cache, {
    get: (target, name) => {
      const own = target[name as keyof Cache] as unknown
      if (typeof own !== 'function') return own
      return async (...given: unknown[]) => {
        await turn()
        return (own as (...given: unknown[]) => unknown).apply(target, given)
      }
    },
  })
}

test('in a cache: of many who note a session of one user at once each is noted', async () => {
  const index = new CacheIndex(slowly(locmem({ clock })), ':1:', clock)
  await index.put(entry(0))
  await Promise.all([1, 2, 3, 4, 5].map((n) => index.put(entry(n))))
  expect((await index.of('1')).map(({ seen }) => seen - clock()).sort()).toEqual([0, 1, 2, 3, 4, 5])
})

test('in a cache: of more than a thousand sessions those are kept that were seen last, and the other is given back', async () => {
  const cache = locmem({ clock })
  const index = new CacheIndex(cache, ':1:', clock)
  const thousand = Array.from({ length: 1000 }, (_, n) => entry(n + 1))
  await cache.add(':1:sojourn.user:1', new TextEncoder().encode(JSON.stringify(thousand)), clock() + 60_000)
  expect(await index.put(entry(5000))).toEqual([entry(1).key])
  const kept = (await index.of('1')).map(({ seen }) => seen - clock())
  expect(kept).toHaveLength(1000)
  expect([kept.includes(1), kept.includes(2), kept.includes(5000)]).toEqual([false, true, true])
})

test('in a table: what is past its noted end goes, but for sessions that live on', async () => {
  const database = sqlite('sqlite::memory:')
  await sessionTables(database)
  await userIndexTables(database)
  const index = new DbIndex(database)
  const [living, dead, young] = [entry(1), entry(2), entry(3, { expires: clock() + 120_000 })]
  for (const each of [living, dead, young]) await index.put(each)
  const row = [living.key, '', database.fromMoment(clock() + 1e6)]
  await database.prepare('INSERT INTO django_session VALUES (?1, ?2, ?3)').run(...row)
  expect(await index.sweep(clock() + 60_001).next(100)).toBe(1)
  expect((await index.of('1')).map(({ key }) => key)).toEqual([living.key, young.key])
})

test('in a table: those that stay are passed over, however many', async () => {
  const database = sqlite('sqlite::memory:')
  await sessionTables(database)
  await userIndexTables(database)
  const index = new DbIndex(database)
  const living = Array.from({ length: 50 }, (_, n) => entry(n, { expires: n + 1 }))
  for (const each of [...living, entry(99, { expires: 99 })]) await index.put(each)
  const insert = database.prepare('INSERT INTO django_session VALUES (?1, ?2, ?3)')
  for (const { key } of living) await insert.run(key, '', database.fromMoment(clock() + 1e6))
  const sweep = index.sweep(1000)
  expect([await sweep.next(5), await sweep.next(5)]).toEqual([1, 0])
  expect(await index.of('1')).toHaveLength(50)
})

test('in a table: whoever passes over those that stay can be stopped, and goes on from there', async () => {
  const database = sqlite('sqlite::memory:')
  await sessionTables(database)
  await userIndexTables(database)
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)'
  await database.execute(`${numbers} INSERT INTO sojourn_session SELECT 'k' || i, '1', 0, 0, i, '', '' FROM n`)
  await database.execute(`${numbers} INSERT INTO django_session SELECT 'k' || i, '', '2100-01-01 00:00:00' FROM n`)
  await database.execute("DELETE FROM django_session WHERE session_key = 'k20000'")
  const stop = new AbortController()
  const sweep = new DbIndex(database).sweep(30_000)
  const passing = sweep.next(100, stop.signal)
  setTimeout(() => stop.abort(), 5)
  expect(await passing).toBe(0)
  expect(stop.signal.aborted).toBe(true)
  expect(await sweep.next(100)).toBe(1)
})

test('in a table: many are removed by few statements, and no others', async () => {
  const database = sqlite('sqlite::memory:')
  await userIndexTables(database)
  const prepare = database.prepare.bind(database)
  let run = 0
  database.prepare = (sql) => {
    const statement = prepare(sql)
    const counted = (...values: Value[]) => {
      run++
      return statement.run(...values)
    }
    return { get: (...values) => statement.get(...values), all: (...values) => statement.all(...values), run: counted }
  }
  const index = new DbIndex(database)
  const all = Array.from({ length: 130 }, (_, n) => entry(n))
  for (const each of all) await index.put(each)
  await index.put(entry(999, { user: '2' }))
  run = 0
  const keys = all.slice(0, 120).map(({ key }) => key)
  await index.remove('1', [...keys, entry(999).key])
  expect(run).toBe(3)
  expect((await index.of('1')).map(({ key }) => key).sort()).toEqual(
    all
      .slice(120)
      .map(({ key }) => key)
      .sort(),
  )
  expect(await index.of('2')).toHaveLength(1)
})

test('in a table: those that are gone are forgotten little by little', async () => {
  const database = sqlite('sqlite::memory:')
  await sessionTables(database)
  await userIndexTables(database)
  await database.execute(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO sojourn_session SELECT 'k' || i, '1', 0, 0, i, '', '' FROM n",
  )
  const sweep = new DbIndex(database).sweep(30_000)
  const batches: number[] = []
  for (let rows = await sweep.next(1000); rows > 0; rows = await sweep.next(1000)) batches.push(rows)
  expect(batches.reduce((sum, rows) => sum + rows, 0)).toBe(20_000)
  expect(Math.max(...batches)).toBeLessThanOrEqual(1001)
})

test('in a folder: what is past its end is forgotten, and what cannot be read stops nobody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-index-'))
  try {
    const index = new FileIndex(folder, 'sessionid', clock)
    for (const each of [entry(1), entry(2, { user: '2' }), entry(3, { expires: clock() + 1e7 })]) index.put(each)
    mkdirSync(join(folder, '.sessionid_users', 'odd', 'folder'), { recursive: true })
    const sweep = index.sweep(clock() + 60_000 + 120_000)
    expect(await sweep.next(10)).toBe(2)
    expect(await sweep.next(10)).toBe(0)
    expect([index.of('1').map(({ key }) => key), index.of('2')]).toEqual([[entry(3).key], []])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
