import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import promises, { type RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ModelBackend } from '../../src/auth/model-backend.js'
import { authTables } from '../../src/auth/schema.js'
import type { Codec } from '../../src/codecs/codec.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { SessionEngine } from '../../src/core/types.js'
import type { Database, ZoneRules } from '../../src/databases/database.js'
import { mysql } from '../../src/databases/mysql.js'
import { dbEngine, sessionTables } from '../../src/engines/db.js'
import { DbCutoffs } from '../../src/engines/user-index/cutoffs.js'
import { DbIndex } from '../../src/engines/user-index/in-table.js'
import { userIndexTables } from '../../src/engines/user-index/tables.js'
import { StoreUnavailable, UsernameTaken } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import type { EngineUnderTest } from '../../src/testing/engine-trial.js'
import { type DjangoHome, findDjango } from '../django/home.js'
import { need } from '../support/debian.js'
import { run } from '../support/run.js'
import { startMariadb, type TestServer } from '../support/servers/index.js'
import { SECRET } from '../support/sites.js'

const NOW = Date.UTC(2031, 4, 6, 7, 8, 9, 250)
const HOUR = 3_600_000
const clock = (): number => NOW
const codec = signedCodec({ secretKey: SECRET })
const cells = (value: string): ReadonlyMap<string, string> => new Map([['a', JSON.stringify(value)]])
const record = (value: string, expires = NOW + HOUR) => ({ cells: cells(value), expires })
const key = (digit: string): string => digit.repeat(32)

let server: TestServer
let root: promises.Pool
let database: Database
let engine: SessionEngine

beforeAll(async () => {
  server = await startMariadb()
  root = promises.createPool({ uri: server.url, dateStrings: true })
  database = mysql(server.url)
  await sessionTables(database)
  engine = dbEngine({ database, codec, clock })
}, 60_000)
afterAll(async () => {
  await database?.close()
  await root?.end()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await root.query('DELETE FROM django_session')
})

describe('the contract of engines', () => {
  const start = (): EngineUnderTest => {
    const clock = testClock()
    const another = (): SessionEngine => dbEngine({ database, codec: signedCodec({ secretKey: SECRET, clock }), clock })
    return { clock, engine: another(), again: another, close: () => undefined }
  }
  for (const { name, run } of engineContract(start)) test(name, run)
})

describe('what becomes of', () => {
  test('a creation: kept to the byte, and refused where the key is taken', async () => {
    const created = await engine.create(key('a'), record('é \u{1F600}'))
    expect(created).toEqual({ version: expect.any(String) })
    const loaded = await engine.load(key('a'))
    expect(loaded).toMatchObject({ cells: cells('é \u{1F600}'), corrupted: false, ...(created as object) })
    expect(loaded?.expires?.()).toBe(NOW + HOUR)
    expect(await engine.create(key('a'), record('other'))).toBe('conflict')
    expect((await engine.load(key('a')))?.cells).toEqual(cells('é \u{1F600}'))
  })

  test('a save: only where the session is, and only at its version', async () => {
    expect(await engine.save(key('a'), record('x'))).toBe('missing')
    await engine.create(key('a'), record('x'))
    const version = (await engine.load(key('a')))?.version
    expect(await engine.save(key('a'), record('y'), version)).toHaveProperty('version')
    expect(await engine.save(key('a'), record('z'), version)).toBe('conflict')
    expect(await engine.save(key('a'), record('z'))).toHaveProperty('version')
    expect(await engine.save(key('b'), record('z'), version)).toBe('missing')
    expect((await engine.load(key('a')))?.cells).toEqual(cells('z'))
  })

  test('a touch and a deletion', async () => {
    await engine.create(key('a'), record('x'))
    expect(await engine.touch?.(key('a'), NOW + 2 * HOUR)).toBe('saved')
    expect((await engine.load(key('a')))?.expires?.()).toBe(NOW + 2 * HOUR)
    expect(await engine.touch?.(key('b'), NOW)).toBe('missing')
    expect(await engine.delete(key('a'), 'another text')).toBe('conflict')
    expect(await engine.exists(key('a'))).toBe(true)
    expect(await engine.delete(key('a'), (await engine.load(key('a')))?.version)).toBe('deleted')
    expect(await engine.delete(key('a'))).toBe('missing')
    expect(await engine.exists(key('a'))).toBe(false)
  })

  test('a session past its end: nothing loads, saves or touches it, and clearing takes it and no other', async () => {
    await engine.create(key('a'), record('x', NOW - 1))
    await engine.create(key('b'), record('x', NOW + 1))
    expect(await engine.load(key('a'))).toBeNull()
    expect(await engine.save(key('a'), record('y'))).toBe('missing')
    expect(await engine.touch?.(key('a'), NOW + HOUR)).toBe('missing')
    expect(await engine.clearExpired?.()).toBe(1)
    expect(await engine.exists(key('b'))).toBe(true)
  })
})

describe.each([[[] as string[]], [['-FOUND_ROWS']]])('with the flags %j', (flags) => {
  test('a save and a touch that change nothing are done', async () => {
    const pool = promises.createPool({ uri: server.url, flags })
    const engine = dbEngine({ database: mysql(pool), codec: still(), clock })
    await engine.create(key('a'), record('x'))
    const version = (await engine.load(key('a')))?.version
    expect(await engine.save(key('a'), record('x'), version)).toEqual({ version })
    expect(await engine.save(key('a'), record('x'))).toEqual({ version })
    expect(await engine.touch?.(key('a'), NOW + HOUR)).toBe('saved')
    expect(await engine.create(key('a'), record('x'))).toBe('conflict')
    await pool.end()
  })
})

test('of twenty saves at one version one wins', async () => {
  await engine.create(key('a'), record('x'))
  const version = (await engine.load(key('a')))?.version
  const saves = Array.from({ length: 20 }, (_, at) => engine.save(key('a'), record(`y${at}`), version))
  const outcomes = await Promise.all(saves)
  expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(19)
})

test('loads of one turn are one statement, and each gets its own', async () => {
  for (const digit of 'abcde') await engine.create(key(digit), record(digit, digit === 'c' ? NOW - 1 : NOW + HOUR))
  const before = await questions()
  const loaded = await Promise.all([...'abcdez'].map((digit) => engine.load(key(digit))))
  expect(loaded.map((each) => each?.cells.get('a') ?? null)).toEqual(['"a"', '"b"', null, '"d"', '"e"', null])
  expect((await questions()) - before).toBe(1)
})

describe.each([
  ['utf8mb4', 'utf8mb4_general_ci'],
  ['utf8mb4', 'utf8mb4_unicode_ci'],
  ['utf8mb4', 'utf8mb4_bin'],
  ['utf8mb3', 'utf8mb3_general_ci'],
  ['utf8mb3', 'utf8mb3_bin'],
  ['latin1', 'latin1_swedish_ci'],
  ['latin1', 'latin1_bin'],
])('in columns of %s, %s', (charset, collation) => {
  beforeAll(() => root.query(`ALTER TABLE django_session CONVERT TO CHARACTER SET ${charset} COLLATE ${collation}`))
  afterAll(() => root.query('ALTER TABLE django_session CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci'))

  test.each(['utf8mb4_general_ci', 'latin1_swedish_ci'])(
    'keys and texts are compared by their bytes, over %s',
    async (spoken) => {
      const pool = promises.createPool({ uri: server.url, charset: spoken })
      const engine = dbEngine({ database: mysql(pool), codec: still(), clock })
      const [lower, upper] = [key('a'), key('A')]
      await engine.create(lower, record('x'))
      expect(await engine.load(upper)).toBeNull()
      expect(await Promise.all([engine.load(lower), engine.load(upper)])).toMatchObject([{ cells: cells('x') }, null])
      expect(await engine.exists(upper)).toBe(false)
      expect(await engine.save(upper, record('y'))).toBe('missing')
      expect(await engine.touch?.(upper, NOW + HOUR)).toBe('missing')
      expect(await engine.delete(upper)).toBe('missing')
      expect(await engine.load(`${lower} `)).toBeNull()
      expect(await engine.delete(`${lower} `)).toBe('missing')
      const version = (await engine.load(lower))?.version as string
      for (const close of [version.toUpperCase(), `${version} `, version.replace('x', 'X')]) {
        expect(await engine.save(lower, record('z'), close)).toBe('conflict')
        expect(await engine.delete(lower, close)).toBe('conflict')
      }
      expect(await engine.save(lower, record('X'), version)).toHaveProperty('version')
      expect((await engine.load(lower))?.cells).toEqual(cells('X'))
      await pool.end()
    },
  )

  test('every statement finds its row by an index', async () => {
    const values = Array.from({ length: 2000 }, (_, at) => [`${at}`.padStart(32, 'k'), '[]', '2031-06-01'])
    await root.query('INSERT INTO django_session VALUES ?', [values])
    await root.query("UPDATE django_session SET expire_date = '2001-01-01' WHERE session_key LIKE '%77'")
    await root.query('ANALYZE TABLE django_session')
    const used: unknown[] = []
    const explaining = explained(used)
    const engine = dbEngine({ database: explaining, codec: still(), clock })
    const some = '1'.padStart(32, 'k')
    await engine.load(some)
    await Promise.all([engine.load(some), engine.load(key('b')), engine.load('3'.padStart(32, 'k'))])
    await engine.save(some, record('y'))
    await engine.save(some, record('y'), 'x')
    await engine.touch?.(some, NOW + HOUR)
    await engine.exists(some)
    await engine.delete(some, 'x')
    await engine.delete(some)
    await engine.clearExpired?.()
    expect(new Set(used)).toEqual(new Set(['PRIMARY', 'django_session_expire_date_a5c62663']))
    expect(used.filter((name) => name !== 'PRIMARY').length).toBeGreaterThan(0)
  })
})

test('without USE_TZ ends are on the clocks of the site, before and after they change', async () => {
  const rules: ZoneRules = { useTz: false, timeZone: 'America/Chicago' }
  const change = Date.UTC(2031, 2, 9, 8)
  const chicago = mysql(server.url, rules)
  const at = (now: number): SessionEngine => dbEngine({ database: chicago, codec, clock: () => now })
  await at(change - HOUR).create(key('a'), record('x', change + 1000))
  const [rows] = await root.query<RowDataPacket[]>('SELECT expire_date FROM django_session')
  expect(rows).toEqual([{ expire_date: '2031-03-09 03:00:01.000000' }])
  expect((await at(change).load(key('a')))?.expires?.()).toBe(change + 1000)
  expect(await at(change + 2000).load(key('a'))).toBeNull()
  expect(await at(change - HOUR).touch?.(key('a'), change - 1000)).toBe('saved')
  expect(await at(change).load(key('a'))).toBeNull()
  expect((await at(change - 2000).load(key('a')))?.expires?.()).toBe(change - 1000)
  await chicago.close()
})

describe.each(['sid', 'bookworm'] as const)('the Django of %s', (suite) => {
  test('makes the very tables that we make, and reads our rows', async ({ skip }) => {
    const home = await findDjango(suite)
    if ('missing' in home) return skip(home.missing)
    const missing = await need('python3-mysqldb')
    if (missing !== undefined) return skip(missing)
    const [our, their] = [`ours_${suite}`, `django_${suite}`]
    for (const name of [our, their]) await root.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`)
    const ours = mysql(server.url.replace('/sojourn', `/${our}`))
    await sessionTables(ours)
    await sessionTables(ours)
    await authTables(ours)
    await authTables(ours)
    await ours.close()
    await python(home, their, "from django.core.management import call_command; call_command('migrate', verbosity=0)")
    for (const table of ['django_session', 'auth_user']) {
      expect(await columns(our, table)).toEqual(await columns(their, table))
      expect(await indexes(our, table)).toEqual(await indexes(their, table))
    }
    await engine.create(key('a'), record('x', Date.now() + HOUR))
    const data =
      'from django.contrib.sessions.models import Session; print(Session.objects.get().expire_date.isoformat())'
    expect(Date.parse(await python(home, 'sojourn', data))).toBeGreaterThan(Date.now() + HOUR / 2)
  })
})

test('sessions of a user are not those of another whose id the collation takes for the same', async () => {
  await userIndexTables(database)
  const index = new DbIndex(database)
  const rest = { created: NOW, seen: NOW, expires: NOW + HOUR, userAgent: '', address: '' }
  await index.put({ user: 'ann', key: key('1'), ...rest })
  await index.put({ user: 'ANN', key: key('2'), ...rest })
  expect((await index.of('ann')).map((entry) => entry.key)).toEqual([key('1')])
  await index.remove('ann', [key('1')])
  expect(await index.of('ann')).toEqual([])
})

test('of two cut-offs of a user the later one counts', async () => {
  await userIndexTables(database)
  const cutoffs = new DbCutoffs(database)
  for (const moment of [NOW, NOW - 500, NOW + 1]) await cutoffs.put('ann', moment)
  expect(await cutoffs.of('ann')).toBe(NOW + 1)
  await cutoffs.put('ann', NOW)
  expect(await cutoffs.of('ann')).toBe(NOW + 1)
})

test('users are kept, their names are taken once, and one that is too long is refused, not cut', async () => {
  await authTables(database)
  const users = new ModelBackend(database, {
    authUserModel: 'auth.User',
    passwordHashers: ['pbkdf2_sha256'],
    passwordUpgrade: true,
    pbkdf2Iterations: 1,
    clock,
    random: null,
  })
  const made = await users.createUser('ann', 'correct horse', { email: 'ann@EXAMPLE.com', firstName: "O'é\u{1F600}" })
  expect(made).toMatchObject({
    id: 1,
    isActive: true,
    isStaff: false,
    firstName: "O'é\u{1F600}",
    dateJoined: new Date(NOW),
  })
  await expect(users.createUser('ann', null)).rejects.toThrow(UsernameTaken)
  await expect(users.createUser('n'.repeat(151), null)).rejects.toThrow(StoreUnavailable)
  await users.loggedIn(made)
  expect(await users.authenticate({ username: 'ann', password: 'correct horse' })).toMatchObject({
    lastLogin: new Date(NOW),
  })
  expect(await users.getUser('1')).toMatchObject({ username: 'ann' })
})

/** A codec whose text has both cases in it, and is the same each time. */
function still(): Codec {
  return {
    encode: (cells) => JSON.stringify([...cells]),
    decode: (text) => new Map(JSON.parse(text) as [string, string][]),
  }
}

/** A database that also asks which index each statement would use. */
function explained(used: unknown[]): Database {
  const explain = async (sql: string, values: readonly unknown[]): Promise<void> => {
    const row = await database.prepare(`EXPLAIN ${sql}`).get(...(values as string[]))
    used.push(row?.['key'])
  }
  return {
    ...{ dialect: 'mysql', synchronous: false },
    fromMoment: (ms) => database.fromMoment(ms),
    toMoment: (value) => database.toMoment(value),
    execute: (sql) => database.execute(sql),
    close: () => undefined,
    prepare: (sql) => ({
      get: async (...values) => {
        await explain(sql, values)
        return database.prepare(sql).get(...values)
      },
      all: async (...values) => {
        await explain(sql, values)
        return database.prepare(sql).all(...values)
      },
      run: async (...values) => {
        await explain(sql, values)
        return database.prepare(sql).run(...values)
      },
    }),
  }
}

/** How many SELECT statements the server was ever sent. */
async function questions(): Promise<number> {
  const [rows] = await root.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com_select'")
  return Number(rows[0]?.['Value'])
}

async function columns(schema: string, table: string): Promise<unknown> {
  const [rows] = await root.query<RowDataPacket[]>(
    'SELECT column_name, ordinal_position, column_default, is_nullable, column_type, collation_name, extra FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position',
    [schema, table],
  )
  expect(rows.length).toBeGreaterThan(2)
  return rows
}

async function indexes(schema: string, table: string): Promise<unknown> {
  const [rows] = await root.query<RowDataPacket[]>(
    'SELECT index_name, seq_in_index, column_name, non_unique, sub_part, index_type FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? ORDER BY index_name, seq_in_index',
    [schema, table],
  )
  return rows
}

async function python(home: DjangoHome, schema: string, code: string): Promise<string> {
  const script = join(server.folder, 'tables.py')
  const apps = ['contenttypes', 'auth', 'sessions'].map((app) => `'django.contrib.${app}'`).join(', ')
  await writeFile(
    script,
    `import django
from django.conf import settings
settings.configure(INSTALLED_APPS=[${apps}], USE_TZ=True, DEFAULT_AUTO_FIELD='django.db.models.AutoField', DATABASES={'default': {
    'ENGINE': 'django.db.backends.mysql', 'NAME': '${schema}', 'USER': 'root', 'HOST': '127.0.0.1', 'PORT': '${server.port}'}})
django.setup()
${code}
`,
  )
  const env = { PATH: process.env['PATH'], PYTHONPATH: home.pythonPath, PYTHONPYCACHEPREFIX: home.bytecode }
  const { code: status, stdout, stderr } = await run(home.python, [script], { env })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}
