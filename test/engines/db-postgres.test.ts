import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'
import sqlOf from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { authTables } from '../../src/auth/schema.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { Saved, SessionEngine } from '../../src/core/types.js'
import type { Database } from '../../src/databases/database.js'
import { postgres } from '../../src/databases/postgres.js'
import { dbEngine, sessionTables } from '../../src/engines/db.js'
import { DbCutoffs } from '../../src/engines/user-index/cutoffs.js'
import { userIndexTables } from '../../src/engines/user-index/tables.js'
import { type TestClock, testClock } from '../../src/testing/clock.js'
import { suites } from '../django/home.js'
import { djangoOnPostgres } from '../django/on-postgres.js'
import { startPostgres } from '../support/servers/postgres.js'
import { missingServer, type TestServer } from '../support/servers/server.js'
import { SECRET } from '../support/sites.js'

const missing = await missingServer('postgres')
const KEY = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const keyOf = (i: number): string => `k${i}`.padEnd(32, '0')
const versionOf = (outcome: unknown): unknown => (outcome as Saved).version

const closings: (() => unknown)[] = []
const later = <T>(value: T, close: (value: T) => unknown): T => {
  closings.push(() => close(value))
  return value
}
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

describe.skipIf(missing !== undefined)(`db on PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: TestServer
  let admin: pg.Pool
  let clock: TestClock

  beforeAll(async () => {
    server = await startPostgres()
    admin = new pg.Pool({ connectionString: server.url, max: 2 })
  })
  afterAll(async () => {
    await admin?.end()
    await server?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    clock = testClock()
    const database = postgres(server.url)
    await admin.query('DROP TABLE IF EXISTS django_session')
    await sessionTables(database)
    await database.close()
  })

  const engineOn = (database: Database): SessionEngine =>
    dbEngine({ database, codec: signedCodec({ secretKey: SECRET, clock }), clock })
  const byUrl = (): Database => later(postgres(server.url), (database) => database.close())
  const record = (data: Record<string, string>, seconds = 60) => ({
    cells: new Map(Object.entries(data)),
    expires: clock() + seconds * 1000,
  })

  const SOURCES: Record<string, () => Database> = {
    'a URL': byUrl,
    'a URL without prepared statements': () =>
      later(postgres(`${server.url}?prepare=false`), (database) => database.close()),
    'a pool of pg': () => postgres(later(new pg.Pool({ connectionString: server.url }), (pool) => pool.end())),
    'postgres.js': () => postgres(later(sqlOf(server.url), (sql) => sql.end())),
  }

  describe.each(Object.entries(SOURCES))('by %s', (_name, open) => {
    test('create, load, save, touch and delete end as they must', async () => {
      const engine = engineOn(open())
      expect(await engine.load(KEY)).toBeNull()
      expect(await engine.save(KEY, record({ a: '1' }))).toBe('missing')
      expect(await engine.save(KEY, record({ a: '1' }), 'some version')).toBe('missing')
      const first = versionOf(await engine.create(KEY, record({ b: '1.0', a: '"\\u00e9"' })))
      expect(await engine.create(KEY, record({}))).toBe('conflict')
      const loaded = await engine.load(KEY)
      expect([...(loaded?.cells ?? [])]).toEqual([
        ['b', '1.0'],
        ['a', '"\\u00e9"'],
      ])
      expect(loaded?.version).toBe(first)
      expect(loaded?.expires?.()).toBe(clock() + 60_000)
      const second = versionOf(await engine.save(KEY, record({ a: '2' }), first))
      expect(await engine.save(KEY, record({ a: '3' }), first)).toBe('conflict')
      expect(await engine.delete(KEY, first)).toBe('conflict')
      expect(await engine.touch?.(KEY, clock() + 120_000)).toBe('saved')
      expect(await engine.touch?.(OTHER, clock() + 1)).toBe('missing')
      clock.turn(119.999)
      expect((await engine.load(KEY))?.cells.get('a')).toBe('2')
      clock.turn(0.001)
      expect(await engine.load(KEY)).toBeNull()
      expect(await engine.save(KEY, record({ a: '3' }), second)).toBe('missing')
      expect(await engine.touch?.(KEY, clock() + 1)).toBe('missing')
      expect(await engine.exists(KEY)).toBe(true)
      expect(await engine.delete(KEY, second)).toBe('deleted')
      expect([await engine.delete(KEY), await engine.delete(KEY, second)]).toEqual(['missing', 'missing'])
      expect(await engine.exists(KEY)).toBe(false)
    })

    test('one of twenty that save at once at one version wins', async () => {
      const engine = engineOn(open())
      const version = versionOf(await engine.create(KEY, record({ a: '0' })))
      const saves = Array.from({ length: 20 }, (_, i) => engine.save(KEY, record({ a: `${i + 1}` }), version))
      const outcomes = await Promise.all(saves)
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(19)
      const winner = outcomes.findIndex((outcome) => outcome !== 'conflict')
      expect((await engine.load(KEY))?.cells.get('a')).toBe(`${winner + 1}`)
    })

    test('loads of one turn find each its own, also one key twice and one that nobody has', async () => {
      const engine = engineOn(open())
      for (let i = 0; i < 5; i++) await engine.create(keyOf(i), record({ a: `${i}` }, i === 4 ? -1 : 60))
      const keys = [0, 1, 2, 3, 4, 1, 9].map(keyOf)
      const found = await Promise.all(keys.map((key) => engine.load(key)))
      expect(found.map((loaded) => loaded?.cells.get('a'))).toEqual(['0', '1', '2', '3', undefined, '1', undefined])
    })

    test('of two cut-offs of a user the later one counts', async () => {
      const database = open()
      await userIndexTables(database)
      const cutoffs = new DbCutoffs(database)
      const now = clock()
      for (const moment of [now, now - 500]) await cutoffs.put('ann', moment)
      expect(await cutoffs.of('ann')).toBe(now)
      await admin.query('DROP TABLE sojourn_cutoff')
    })

    test('clearExpired deletes what is past its end, however much, and says how many', async () => {
      const engine = engineOn(open())
      await admin.query(
        "INSERT INTO django_session SELECT 'old' || i, '', to_timestamp($1) FROM generate_series(1, 2500) AS i",
        [clock() / 1000 - 1],
      )
      await engine.create(KEY, record({}))
      expect(await engine.clearExpired?.()).toBe(2500)
      expect(await engine.clearExpired?.()).toBe(0)
      expect(await engine.exists(KEY)).toBe(true)
    })
  })

  test.each(suites)('the tables are those that Django of Debian %s makes', async (suite) => {
    const django = await djangoOnPostgres(suite)
    if ('missing' in django) throw new Error(django.missing)
    const databases = { ours: `ours_${suite}`, djangos: `django_${suite}` }
    for (const name of Object.values(databases)) await admin.query(`CREATE DATABASE ${name}`)
    const [ours, djangos] = Object.values(databases).map((name) => server.url.replace(/sojourn$/, name)) as [
      string,
      string,
    ]
    const database = later(postgres(ours), (made) => made.close())
    for (let i = 0; i < 2; i++) {
      await sessionTables(database)
      await authTables(database)
    }
    await django.python(djangos, "call_command('migrate', verbosity=0)")
    const modern = !/^[34]\.0|^3\./.test(django.version)
    expect(await shapeOf(ours, modern)).toEqual(await shapeOf(djangos, modern))
    if (suite === 'sid') {
      // And Django works with ours as if it had made them.
      const session = "SessionStore(); s['a'] = 1.0; s.create(); print(s.session_key, end='')"
      const program = `
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.auth.models import User
assert User.objects.create_user('ann', password='x', is_staff=True).pk == 1
s = ${session}
`
      const key = await django.python(ours, program)
      const engine = dbEngine({ database, codec: signedCodec({ secretKey: SECRET }) })
      expect((await engine.load(key))?.cells.get('a')).toBe('1.0')
    }
  })

  test('an operation is one round trip and one transaction, and 32 loads of one turn are one too', async () => {
    const { url, trips } = await countingWay(server)
    const engine = engineOn(later(postgres(`${url}?max=1`), (database) => database.close()))
    const counted = async (run: () => unknown): Promise<number> => {
      const before = trips()
      await run()
      return trips() - before
    }
    const version = versionOf(await engine.create(KEY, record({ a: '1' })))
    expect(await counted(() => engine.load(KEY))).toBe(1)
    expect(await counted(() => engine.save(KEY, record({ a: '1' }), version))).toBe(1)
    expect(await counted(() => engine.save(KEY, record({ a: '1' })))).toBe(1)
    expect(await counted(() => engine.touch?.(KEY, clock() + 60_000))).toBe(1)
    expect(await counted(() => engine.create(OTHER, record({})))).toBe(1)
    expect(await counted(() => engine.exists(OTHER))).toBe(1)
    expect(await counted(() => engine.delete(OTHER))).toBe(1)
    expect(await counted(() => engine.clearExpired?.())).toBe(1)
    expect(await counted(() => Promise.all(Array.from({ length: 32 }, (_, i) => engine.load(keyOf(i)))))).toBe(1)
    expect(await counted(() => Promise.all(Array.from({ length: 250 }, (_, i) => engine.load(keyOf(i)))))).toBe(3)
  })

  test('a load does not wait for a save that waits', async () => {
    const engine = engineOn(byUrl())
    await Promise.all([engine.create(KEY, record({})), engine.create(OTHER, record({}))])
    const holder = await admin.connect()
    try {
      await holder.query('BEGIN')
      await holder.query('UPDATE django_session SET session_data = session_data WHERE session_key = $1', [KEY])
      const save = engine.save(KEY, record({ a: '1' }))
      await expect.poll(waitingForLocks).toBeGreaterThan(0)
      expect(await Promise.all([engine.load(KEY), engine.load(OTHER)])).toHaveLength(2)
      await holder.query('COMMIT')
      expect(await save).toHaveProperty('version')
    } finally {
      holder.release()
    }
  })

  test('every statement goes by an index, among many rows', async () => {
    await admin.query(
      "INSERT INTO django_session SELECT md5(i::text), repeat(md5(i::text), 9), now() + i * interval '1 minute' FROM generate_series(1, 20000) AS i",
    )
    await admin.query("UPDATE django_session SET expire_date = '2001-01-01' WHERE session_key LIKE '%77'")
    await admin.query('ANALYZE django_session')
    const client = later(new pg.Client(server.url), (made) => made.end())
    await client.connect()
    const engine = engineOn(postgres(client))
    const version = versionOf(await engine.create(KEY, record({ a: '1' })))
    await engine.load(KEY)
    await Promise.all([engine.load(KEY), engine.load(OTHER)])
    await engine.save(KEY, record({ a: '1' }))
    await engine.save(KEY, record({ a: '1' }), version)
    await engine.touch?.(KEY, clock() + 1)
    await engine.exists(KEY)
    await engine.delete(OTHER)
    await engine.delete(OTHER, version)
    await engine.clearExpired?.()
    await client.query('SET plan_cache_mode = force_generic_plan')
    const { rows } = await client.query(
      "SELECT name, statement, cardinality(parameter_types) AS count FROM pg_prepared_statements WHERE name ~ '^sojourn_'",
    )
    expect(rows.length).toBeGreaterThanOrEqual(12)
    for (const { name, statement, count } of rows) {
      if (/^INSERT/.test(statement)) continue
      const plan = await client.query(`EXPLAIN EXECUTE ${name} (${Array(count).fill('NULL').join(', ')})`)
      const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
      const column = /WHERE expire_date/.test(statement) ? 'expire_date' : 'session_key'
      expect(text, statement).toMatch(new RegExp(`Index Cond: .*${column}`))
      expect(text, statement).not.toMatch(/Seq Scan/)
    }
  })

  test('two versions that a collation takes for one are two', async () => {
    await admin.query(
      "CREATE COLLATION either_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    )
    await admin.query('ALTER TABLE django_session ALTER COLUMN session_data TYPE text COLLATE either_case')
    const engine = engineOn(byUrl())
    const version = versionOf(await engine.create(KEY, record({ a: '1' }))) as string
    const alike = version.toUpperCase()
    const { rows } = await admin.query('SELECT 1 FROM django_session WHERE session_data = $1', [alike])
    expect(rows).toHaveLength(1)
    expect(await engine.save(KEY, record({ a: '2' }), alike)).toBe('conflict')
    expect(await engine.delete(KEY, alike)).toBe('conflict')
    expect(await engine.save(KEY, record({ a: '2' }), version)).toHaveProperty('version')
  })

  const waitingForLocks = async (): Promise<number> =>
    (await admin.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rows[0].n

  /** Columns, indexes and constraints of the two tables, as PostgreSQL itself describes them. */
  async function shapeOf(url: string, modern: boolean): Promise<unknown> {
    const client = new pg.Client(url)
    await client.connect()
    try {
      const tables = "IN ('django_session', 'auth_user')"
      // Before Django 4.1 the id is a serial, filled by another means.
      const identity = modern ? 'column_default, is_identity, identity_generation,' : ''
      const columns = `SELECT table_name, ordinal_position, column_name, ${identity} data_type, udt_name,
        character_maximum_length, datetime_precision, is_nullable, collation_name
        FROM information_schema.columns WHERE table_name ${tables} ORDER BY 1, 2`
      const indexes = `SELECT indexname, indexdef FROM pg_indexes WHERE tablename ${tables} ORDER BY 1`
      const constraints = `SELECT conname, contype, pg_get_constraintdef(oid) AS def FROM pg_constraint
        WHERE conrelid::regclass::text ${tables} ORDER BY 1`
      const sequences = modern
        ? "SELECT sequencename, data_type::text, start_value, increment_by, max_value, cache_size FROM pg_sequences WHERE sequencename = 'auth_user_id_seq'"
        : 'SELECT 1'
      const asked: unknown[] = []
      for (const sql of [columns, indexes, constraints, sequences]) asked.push((await client.query(sql)).rows)
      return asked
    } finally {
      await client.end()
    }
  }
})

/** A way to the server that counts what waits for an answer: the protocol's Sync and Query messages. */
async function countingWay(server: TestServer): Promise<{ readonly url: string; readonly trips: () => number }> {
  let count = 0
  const way = createServer((near: Socket) => {
    const far = later(connect(server.port, '127.0.0.1'), (socket) => socket.destroy())
    let rest = Buffer.alloc(0)
    let begun = false
    near.on('data', (bytes: Buffer) => {
      far.write(bytes)
      rest = Buffer.concat([rest, bytes])
      for (;;) {
        // The first message has no type.
        const at = begun ? 1 : 0
        if (rest.length < at + 4) return
        const length = at + rest.readInt32BE(at)
        if (rest.length < length) return
        if (begun && ['S', 'Q'].includes(String.fromCharCode(rest[0] as number))) count += 1
        begun = true
        rest = rest.subarray(length)
      }
    })
    far.pipe(near)
    near.on('error', () => undefined)
    near.on('end', () => far.end())
    far.on('error', () => undefined)
  })
  later(way, (made) => made.close())
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
  const { port } = way.address() as { port: number }
  return { url: server.url.replace(`:${server.port}`, `:${port}`), trips: () => count }
}
