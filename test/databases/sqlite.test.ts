import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Driver from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import { isPromise } from '../../src/core/maybe.js'
import { Scope } from '../../src/core/scope.js'
import type { MaybePromise, Saved } from '../../src/core/types.js'
import type { Database } from '../../src/databases/database.js'
import { isSqliteHandle, type SqliteHandle, sqlite } from '../../src/databases/sqlite.js'
import { dbEngine, sessionTables } from '../../src/engines/db.js'
import { ImproperlyConfigured, StoreUnavailable } from '../../src/errors.js'
import { bareSite, requestHead, responseHead, SECRET } from '../support/sites.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-sqlite-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a file', () => {
  test('is opened at first use, in WAL mode, and told once', async () => {
    const path = join(folder, 'a file.sqlite3')
    const opened: unknown[] = []
    const database = sqlite(`sqlite:${encodeURI(path)}`, undefined, (each) => opened.push(each))
    expect(existsSync(path)).toBe(false)
    await database.execute('CREATE TABLE t (a)')
    expect(existsSync(path)).toBe(true)
    expect(await database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    expect(await database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 })
    expect(opened).toEqual([database])
    await database.close()
  })

  test('may be told to survive a power cut', async () => {
    const database = sqlite(`sqlite://${folder}/b.sqlite3?synchronous=full`)
    expect(await database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    await database.close()
  })

  test('does not sleep by itself', async () => {
    const database = sqlite(`sqlite:${folder}/awake.sqlite3`)
    expect(database.prepare('PRAGMA busy_timeout').get()).toEqual({ timeout: 0 })
    database.execute('CREATE TABLE t (a)')
    expect(database.prepare('PRAGMA busy_timeout').get()).toEqual({ timeout: 0 })
    await database.close()
  })

  test('with a wrong pragma, or in no folder, is a wrong setting, and the path is not told', () => {
    expect(() => sqlite('sqlite::memory:?synchronus=full').execute('SELECT 1')).toThrow(/nothing but 'synchronous='/)
    expect(() => sqlite('sqlite::memory:?synchronous=1;DROP').execute('SELECT 1')).toThrow(ImproperlyConfigured)
    const nowhere = (): unknown => sqlite(`sqlite:${folder}/nowhere/x.sqlite3`).execute('SELECT 1')
    expect(nowhere).toThrow(ImproperlyConfigured)
    expect(nowhere).not.toThrow(/nowhere/)
  })

  test('is closed with its database', async () => {
    const path = join(folder, 'c.sqlite3')
    const database = sqlite(`sqlite:${path}`)
    await database.execute('CREATE TABLE t (a)')
    await database.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
    await database.close()
  })
})

describe('a handle', () => {
  test('of better-sqlite3 is used as it is', async () => {
    const handle = new Driver(':memory:')
    const database = sqlite(handle as unknown as SqliteHandle)
    await database.execute('CREATE TABLE t (a)')
    expect(await database.prepare('INSERT INTO t VALUES (?), (?)').run(1, 'x')).toBe(2)
    expect(await database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }, { a: 'x' }])
    expect(await database.prepare('SELECT a FROM t WHERE a = 2').get()).toBeUndefined()
    await database.close()
    expect(handle.open).toBe(true)
    handle.close()
  })

  test('in the shape of node:sqlite, which counts in bigints and says null for nothing, is the same', async () => {
    const calls: string[] = []
    const handle: SqliteHandle = {
      prepare: () => ({ get: () => null, all: () => [], run: () => ({ changes: 3n }) }),
      exec: (sql) => calls.push(sql),
      close: () => calls.push('close'),
    }
    expect(isSqliteHandle(handle)).toBe(true)
    const database = sqlite(handle)
    expect(await database.prepare('x').run()).toBe(3)
    expect(await database.prepare('x').get()).toBeUndefined()
    await database.execute('y')
    await database.close()
    expect(calls).toEqual(['y'])
  })

  test('is not any object', () => {
    expect([{}, new Map(), { prepare: 1, exec: 2 }].map(isSqliteHandle)).toEqual([false, false, false])
  })
})

test('moments are compared as text: in order, with six digits or none', () => {
  const database = sqlite('sqlite::memory:')
  const texts = [0, 250, 999, 1000].map((ms) => database.fromMoment(1_700_000_000_000 + ms) as string)
  expect(texts[0]).toBe('2023-11-14 22:13:20')
  expect(texts[1]).toBe('2023-11-14 22:13:20.250000')
  expect([...texts].sort()).toEqual(texts)
  expect(texts.map((text) => database.toMoment(text))).toEqual([0, 250, 999, 1000].map((ms) => 1_700_000_000_000 + ms))
  expect(database.toMoment(null)).toBeNull()
})

type Open = new (path: string, options?: { readonly timeout?: number }) => SqliteHandle

const builtin = (process.getBuiltinModule as undefined | ((name: string) => unknown))?.('node:sqlite') as
  | { readonly DatabaseSync: Open }
  | undefined
const BetterSqlite = Driver as unknown as Open

/** How a database is opened, and by whom it is locked: two copies of SQLite in one process would not see each other's locks. */
const OPENED: Record<string, { readonly Locker: Open; readonly source: (path: string) => string | SqliteHandle }> = {
  'a file of ours': { Locker: builtin?.DatabaseSync ?? BetterSqlite, source: (path) => `sqlite:${path}` },
  'a handle of better-sqlite3': { Locker: BetterSqlite, source: (path) => new BetterSqlite(path, { timeout: 0 }) },
}
if (builtin !== undefined) {
  const { DatabaseSync } = builtin
  OPENED['a handle of node:sqlite'] = { Locker: DatabaseSync, source: (path) => new DatabaseSync(path) }
}

const RULES = { useTz: true, timeZone: 'UTC' }
const record = (data: string) => ({
  cells: new Map([['a', JSON.stringify(data)]]),
  expires: Date.now() + 60_000,
})
const keyOf = (at: number): string => `session-${at}`
const settled = (promises: readonly MaybePromise<unknown>[]): Promise<readonly unknown[]> =>
  Promise.all(promises.map((each) => Promise.resolve(each).catch((error: unknown) => error)))

/** Milliseconds of the longest time in which nothing else could happen, while that goes on. */
async function longestStandstill(work: () => Promise<unknown>): Promise<number> {
  let [longest, last] = [0, performance.now()]
  const look = (): void => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  const timer = setInterval(look, 5)
  await work().finally(() => clearInterval(timer))
  look()
  return longest
}

describe.each(Object.entries(OPENED))('%s that another connection has locked', (_name, { Locker, source }) => {
  let locker: SqliteHandle
  let handle: string | SqliteHandle
  let database: Database
  const begin = (seconds: number): void => {
    const path = join(folder, 'locked.sqlite3')
    locker = new Locker(path)
    locker.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)')
    handle = source(path)
    database = sqlite(handle, { ...RULES, sessionStoreTimeout: seconds }, (opened) => void sessionTables(opened))
    void sessionTables(database)
  }
  const engine = () => dbEngine({ database, codec: signedCodec({ secretKey: SECRET }) })
  const all = () => (database.prepare('SELECT a FROM t').all() as { a: unknown }[]).map(({ a }) => a)
  afterEach(async () => {
    await database.close()
    if (typeof handle !== 'string') handle.close()
    locker.close()
  })

  test('holds nobody up: what is saved waits, all else goes on, and nothing is lost', async () => {
    begin(10)
    const sessions = engine()
    const { version } = (await sessions.create(keyOf(0), record('first'))) as Saved
    locker.exec('BEGIN IMMEDIATE')
    let outcomes: readonly unknown[] = []
    const standstill = await longestStandstill(async () => {
      const saves = Array.from({ length: 16 }, (_, at) =>
        at === 0 ? sessions.save(keyOf(0), record('second'), version) : sessions.create(keyOf(at), record(`${at}`)),
      )
      await sleep(600)
      locker.exec('ROLLBACK')
      outcomes = await Promise.all(saves)
    })
    expect(standstill).toBeLessThan(250)
    for (const outcome of outcomes) expect(outcome).toHaveProperty('version')
    const loaded = await Promise.all(Array.from({ length: 16 }, (_, at) => sessions.load(keyOf(at))))
    expect(loaded.map((each) => JSON.parse(each?.cells.get('a') ?? 'null'))).toEqual([
      'second',
      ...Array.from({ length: 15 }, (_, at) => `${at + 1}`),
    ])
  })

  test('is waited for as long as the site waits for its store, and the failure is the one that SQLite told', async () => {
    begin(0.2)
    const insertion = database.prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    const ends = await settled(Array.from({ length: 16 }, (_, at) => insertion.run(at)))
    const took = performance.now() - began
    for (const end of ends) expect(end).toMatchObject({ message: 'database is locked' })
    expect(took).toBeGreaterThanOrEqual(180)
    expect(took).toBeLessThan(1000)
    locker.exec('ROLLBACK')
    expect(insertion.run('after')).toBe(1)
    expect(all()).toEqual(['after'])
  })

  test('gives those who write a 503 within the deadline, and serves those who read', async () => {
    begin(0.3)
    const site = bareSite({ engine: engine(), sessionStoreTimeout: 0.3 })
    await site.store.create(keyOf(0), record('first'))
    const visit = async (write: boolean): Promise<unknown> => {
      const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${keyOf(0)}` }))
      await scope.begin()
      const seen = scope.session.get('a')
      if (write) scope.session.set('a', 'second')
      await scope.finish(responseHead())
      return seen
    }
    locker.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    const writers = Array.from({ length: 4 }, () => visit(true).catch((error: unknown) => error))
    expect(await visit(false)).toBe('first')
    for (const end of await Promise.all(writers)) expect(end).toBeInstanceOf(StoreUnavailable)
    expect(performance.now() - began).toBeLessThan(1000)
    locker.exec('ROLLBACK')
    expect(await visit(true)).toBe('first')
    expect(await visit(false)).toBe('second')
  })

  test('is asked in order: whoever comes later is not put before those who wait', async () => {
    begin(10)
    const insertion = database.prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const first = insertion.run('first')
    expect(isPromise(first)).toBe(true)
    locker.exec('ROLLBACK')
    // The lock is gone, and nobody has looked yet.
    const later = [insertion.run('second'), database.prepare('DELETE FROM t WHERE a = ?1').run('first')]
    expect(all()).toEqual([])
    expect(await Promise.all([first, ...later])).toEqual([1, 1, 1])
    expect(all()).toEqual(['second'])
    expect(insertion.run('third')).toBe(1)
  })

  test('is compared with when the lock is gone: of two saves over one version, one is a conflict', async () => {
    begin(10)
    const sessions = engine()
    const { version } = (await sessions.create(keyOf(0), record('first'))) as Saved
    locker.exec('BEGIN IMMEDIATE')
    const saves = ['one', 'other'].map((data) => sessions.save(keyOf(0), record(data), version))
    locker.exec('ROLLBACK')
    expect(await Promise.all(saves)).toEqual([{ version: expect.any(String) }, 'conflict'])
    expect(sessions.load(keyOf(0))).toMatchObject({ cells: new Map([['a', '"one"']]) })
  })

  test('is read at once, from what was stored before', async () => {
    begin(10)
    const sessions = engine()
    await sessions.create(keyOf(0), record('first'))
    locker.exec('BEGIN IMMEDIATE')
    const saved = sessions.save(keyOf(0), record('second'))
    expect(isPromise(saved)).toBe(true)
    expect(sessions.load(keyOf(0))).toMatchObject({ cells: new Map([['a', '"first"']]) })
    locker.exec('ROLLBACK')
    await saved
    expect(sessions.load(keyOf(0))).toMatchObject({ cells: new Map([['a', '"second"']]) })
  })

  test('is changed once by a statement that returns rows', async () => {
    begin(10)
    const insertion = database.prepare('INSERT INTO t VALUES (?1) RETURNING a')
    const update = database.prepare('UPDATE t SET a = a + 1 RETURNING a')
    locker.exec('BEGIN IMMEDIATE')
    const rows = [insertion.get(1), update.all()]
    locker.exec('ROLLBACK')
    expect(await Promise.all(rows)).toEqual([{ a: 1 }, [{ a: 2 }]])
    expect(all()).toEqual([2])
  })

  test('has nobody wait for a statement that is wrong, nor those behind it', async () => {
    begin(10)
    locker.exec('CREATE UNIQUE INDEX u ON t (a)')
    const insertion = database.prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const ends = settled([1, 1, 2].map((value) => insertion.run(value)))
    locker.exec('ROLLBACK')
    expect(await ends).toEqual([1, expect.objectContaining({ message: expect.stringMatching(/^UNIQUE/) }), 1])
  })

  test('may be closed: whoever waits is told, and nothing is written later', async () => {
    begin(10)
    const insertion = database.prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const ends = settled([1, 2].map((value) => insertion.run(value)))
    await database.close()
    for (const end of await ends) expect(end).toBeInstanceOf(StoreUnavailable)
    locker.exec('ROLLBACK')
    await sleep(20)
    expect(locker.prepare('SELECT a FROM t').all()).toEqual([])
  })

  test('begins no transaction later, which would be in the middle of what others do', async () => {
    begin(10)
    locker.exec('BEGIN IMMEDIATE')
    const insertion = database.prepare('INSERT INTO t VALUES (1)').run()
    expect(() => database.execute('BEGIN IMMEDIATE')).toThrow('database is locked')
    locker.exec('ROLLBACK')
    database.execute('BEGIN IMMEDIATE; ROLLBACK')
    expect(await insertion).toBe(1)
  })
})

describe('a file of ours that is locked when it is opened', () => {
  test('is opened and read nevertheless if its tables are there', async () => {
    const path = join(folder, 'ready.sqlite3')
    const open = () => sqlite(`sqlite:${path}`, RULES, (opened) => void sessionTables(opened))
    const [before, after] = [open(), open()]
    before.prepare('SELECT 1').get()
    const began = performance.now()
    before.execute('BEGIN IMMEDIATE')
    expect(after.prepare('SELECT count(*) AS n FROM django_session').get()).toEqual({ n: 0 })
    expect(performance.now() - began).toBeLessThan(400)
    await Promise.all([before.close(), after.close()])
  })

  test('is opened anew by the next statement if its tables could not be made, which then waits for a moment only', async () => {
    const path = join(folder, 'new.sqlite3')
    const locker = sqlite(`sqlite:${path}`)
    locker.execute('BEGIN IMMEDIATE')
    const database = sqlite(`sqlite:${path}`, RULES, (opened) => void sessionTables(opened))
    const ask = () => database.prepare('SELECT count(*) AS n FROM django_session').get()
    const took = (): number => {
      const began = performance.now()
      expect(ask).toThrow('database is locked')
      return performance.now() - began
    }
    expect(took()).toBeGreaterThan(450)
    expect(took()).toBeLessThan(400)
    locker.execute('ROLLBACK')
    expect(ask()).toEqual({ n: 0 })
    await Promise.all([locker.close(), database.close()])
  })
})

test('a file that another connection keeps to itself cannot be opened, and is let go of', () => {
  const path = join(folder, 'kept.sqlite3')
  const Locker = builtin?.DatabaseSync ?? BetterSqlite
  const locker = new Locker(path)
  locker.exec('CREATE TABLE t (a); BEGIN EXCLUSIVE')
  const database = sqlite(`sqlite:${path}`)
  expect(() => database.prepare('SELECT a FROM t')).toThrow('database is locked')
  locker.exec('ROLLBACK')
  locker.close()
  const open = readdirSync('/proc/self/fd').map((each) => `/proc/self/fd/${each}`)
  expect(open.filter((each) => existsSync(each) && readlinkSync(each).startsWith(path))).toEqual([])
  expect(database.prepare('SELECT a FROM t').all()).toEqual([])
  database.close()
})

const DRIVERS = builtin === undefined ? { BetterSqlite } : { BetterSqlite, DatabaseSync: builtin.DatabaseSync }

describe.each(Object.entries(DRIVERS))('a locked handle of %s', (_name, Handle) => {
  let handle: SqliteHandle
  let locker: SqliteHandle
  beforeEach(() => {
    ;[handle, locker] = [1, 2].map(() => new Handle(join(folder, 'handle.sqlite3'))) as [SqliteHandle, SqliteHandle]
    locker.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)')
    handle.exec('PRAGMA busy_timeout = 0')
  })
  afterEach(() => {
    handle.close()
    locker.close()
  })

  test('keeps a longer patience of its own, and is not asked again after it', async () => {
    handle.exec('PRAGMA busy_timeout = 50')
    const insertion = sqlite(handle).prepare('INSERT INTO t VALUES (1)')
    locker.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    expect(() => insertion.run()).toThrow('database is locked')
    expect(performance.now() - began).toBeGreaterThanOrEqual(45)
  })

  test('in a transaction of its owner fails at once, for later it would be outside of it', () => {
    const insertion = sqlite(handle).prepare('INSERT INTO t VALUES (1)')
    handle.exec('BEGIN')
    handle.prepare('SELECT a FROM t').all()
    locker.exec('INSERT INTO t VALUES (2)')
    expect(() => insertion.run()).toThrow('database is locked')
    handle.exec('ROLLBACK')
  })

  test('in a transaction of its owner has none wait for those who were there before', async () => {
    const insertion = sqlite(handle).prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const first = insertion.run('waits')
    locker.exec('ROLLBACK')
    handle.exec('BEGIN IMMEDIATE')
    expect(insertion.run('inside')).toBe(1)
    handle.exec('ROLLBACK')
    expect(await first).toBe(1)
    expect(handle.prepare('SELECT a FROM t').all()).toEqual([{ a: 'waits' }])
  })

  test('that was closed by its owner is no lock: whoever waits is told', async () => {
    const insertion = sqlite(handle).prepare('INSERT INTO t VALUES (1)')
    locker.exec('BEGIN IMMEDIATE')
    const first = insertion.run()
    handle.close()
    await expect(first).rejects.toThrow(/not open|finalized/)
    handle = new Handle(':memory:')
  })

  test('is read a few times within a moment, and then it is an error: never a promise', () => {
    locker.exec('PRAGMA journal_mode = DELETE')
    let asked = 0
    const database = sqlite(watched(handle, () => asked++))
    const reading = database.prepare('SELECT count(*) AS n FROM t')
    locker.exec('BEGIN EXCLUSIVE')
    expect(() => reading.get()).toThrow('database is locked')
    expect(() => reading.all()).toThrow('database is locked')
    expect(asked).toBeGreaterThan(4)
    locker.exec('ROLLBACK')
    expect(reading.get()).toEqual({ n: 0 })
  })

  test('for a moment is waited for in place, by those who write as by those who read', () => {
    let asked = 0
    const free = (): void => {
      if (++asked % 2 === 0) locker.exec('ROLLBACK')
    }
    locker.exec('PRAGMA journal_mode = DELETE')
    const database = sqlite(watched(handle, free))
    const insertion = database.prepare('INSERT INTO t VALUES (1)')
    const reading = database.prepare('SELECT a FROM t')
    locker.exec('BEGIN IMMEDIATE')
    expect(insertion.run()).toBe(1)
    locker.exec('BEGIN EXCLUSIVE')
    expect(reading.all()).toEqual([{ a: 1 }])
  })

  test('for a moment is waited for by who prepares a statement, which reads how the tables are made', () => {
    let prepared = 0
    const free = (): void => {
      if (++prepared === 2) locker.exec('ROLLBACK')
    }
    locker.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    const reading = sqlite(watched(handle, () => undefined, free)).prepare('SELECT a FROM t')
    expect(reading.all()).toEqual([])
    expect(prepared).toBe(2)
  })

  test.each([
    { code: 'SQLITE_BUSY' },
    { code: 'SQLITE_BUSY_SNAPSHOT' },
    { code: 'SQLITE_LOCKED' },
    { code: 'ERR_SQLITE_ERROR', errcode: 5 },
    { code: 'ERR_SQLITE_ERROR', errcode: 5 + (2 << 8) },
    { code: 'ERR_SQLITE_ERROR', errcode: 6 },
  ])('is known by %o', (told) => {
    let asked = 0
    const refuse = (): void => {
      if (asked++ === 0) throw Object.assign(new Error('told'), told)
    }
    expect(sqlite(watched(handle, refuse)).prepare('INSERT INTO t VALUES (1)').run()).toBe(1)
  })

  test.each([{ code: 'SQLITE_FULL' }, { code: 'ERR_SQLITE_ERROR', errcode: 13 }, {}])('is not %o', (told) => {
    let asked = 0
    const refuse = (): void => {
      asked++
      throw Object.assign(new Error('told'), told)
    }
    expect(() => sqlite(watched(handle, refuse)).prepare('INSERT INTO t VALUES (1)').run()).toThrow('told')
    expect(asked).toBe(1)
  })

  test('and then fails otherwise is not waited for any longer', () => {
    let asked = 0
    const refuse = (): void => {
      throw Object.assign(new Error('told'), { code: asked++ === 0 ? 'SQLITE_BUSY' : 'SQLITE_FULL' })
    }
    expect(() => sqlite(watched(handle, refuse)).prepare('INSERT INTO t VALUES (1)').run()).toThrow('told')
    expect(asked).toBe(2)
  })

  test('has those who waited run a few at a time, with all else between', async () => {
    const slowly = (): void => {
      for (const until = performance.now() + 3; performance.now() < until; );
    }
    const insertion = sqlite(watched(handle, slowly), { ...RULES, sessionStoreTimeout: 10 }).prepare(
      'INSERT INTO t VALUES (?1)',
    )
    locker.exec('BEGIN IMMEDIATE')
    const ends = Array.from({ length: 150 }, (_, at) => insertion.run(at))
    locker.exec('ROLLBACK')
    const standstill = await longestStandstill(() => Promise.all(ends))
    expect(standstill).toBeLessThan(250)
  })

  test('is asked by one statement at a time', async () => {
    let asked = 0
    const insertion = sqlite(watched(handle, () => asked++)).prepare('INSERT INTO t VALUES (?1)')
    locker.exec('BEGIN IMMEDIATE')
    const ends = [insertion.run('first')]
    const before = asked
    for (let i = 0; i < 100; i++) ends.push(insertion.run(i))
    expect(asked).toBe(before)
    locker.exec('ROLLBACK')
    await Promise.all(ends)
    expect(asked).toBeLessThan(before + 120)
  })
})

/** A handle that tells of each run of a statement, and of each that is prepared. */
function watched(handle: SqliteHandle, tell: () => void, tellPrepared = (): void => undefined): SqliteHandle {
  return {
    exec: (sql) => handle.exec(sql),
    close: () => handle.close(),
    prepare: (sql) => {
      if (!sql.startsWith('PRAGMA')) tellPrepared()
      const statement = handle.prepare(sql)
      const told =
        <V extends unknown[], T>(run: (...values: V) => T) =>
        (...values: V): T => {
          if (!sql.startsWith('PRAGMA')) tell()
          return run.apply(statement, values)
        }
      return { get: told(statement.get), all: told(statement.all), run: told(statement.run) }
    },
  }
}
