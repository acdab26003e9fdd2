import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Driver from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSqliteHandle, type SqliteHandle, sqlite } from '../../src/databases/sqlite.js'
import { ImproperlyConfigured } from '../../src/errors.js'

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

  test('with a wrong pragma, or in no folder, is a wrong setting, and the path is not told', () => {
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
