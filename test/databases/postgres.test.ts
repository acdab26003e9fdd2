import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import pg from 'pg'
import sqlOf from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ModelBackend } from '../../src/auth/model-backend.js'
import { authTables } from '../../src/auth/schema.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import type { Database } from '../../src/databases/database.js'
import { discreet } from '../../src/databases/postgres/errors.js'
import { isPostgresHandle, type PgPool, type PostgresSql, postgres } from '../../src/databases/postgres.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { run } from '../support/run.js'
import { startPostgres } from '../support/servers/postgres.js'
import { missingServer, type TestServer } from '../support/servers/server.js'
import { SECRET } from '../support/sites.js'

const missing = await missingServer('postgres')
const closings: (() => unknown)[] = []
const later = <T>(value: T, close: (value: T) => unknown): T => {
  closings.push(() => close(value))
  return value
}
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

describe.skipIf(missing !== undefined)(`PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: TestServer
  /** Looks at the server beside the database under test. */
  let admin: pg.Pool

  beforeAll(async () => {
    server = await startPostgres()
    admin = new pg.Pool({ connectionString: server.url, max: 2 })
    admin.on('error', () => undefined)
    await admin.query(
      'CREATE TABLE things (id integer PRIMARY KEY, name text, flag boolean, big bigint, at timestamptz)',
    )
  })
  afterAll(async () => {
    await admin?.end()
    await server?.[Symbol.asyncDispose]()
  })
  afterEach(() => admin.query('TRUNCATE things'))

  const byUrl = (query = ''): Database => later(postgres(server.url + query), (database) => database.close())
  const pool = (options: pg.PoolConfig = {}): pg.Pool => {
    const made = new pg.Pool({ connectionString: server.url, ...options })
    made.on('error', () => undefined)
    return later(made, () => made.end())
  }
  const sql = (options: object = {}): PostgresSql =>
    later(sqlOf(server.url, { onnotice: () => undefined, ...options }), (made) => made.end({ timeout: 1 }))
  const backends = async (): Promise<number> => {
    const { rows } = await admin.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'sojourn' AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    return rows[0].n - (admin.totalCount - 1)
  }

  const SOURCES: Record<string, () => Promise<Database>> = {
    'a URL': async () => byUrl(),
    'a URL without prepared statements': async () => byUrl('?prepare=false'),
    'a pool of pg': async () => postgres(pool()),
    'a client of pg': async () => {
      const client = later(new pg.Client(server.url), (made) => made.end())
      await client.connect()
      return postgres(client)
    },
    'postgres.js': async () => postgres(sql()),
    'postgres.js without prepared statements': async () => postgres(sql({ prepare: false })),
  }

  describe.each(Object.entries(SOURCES))('by %s', (_name, open) => {
    test('values of all kinds go there and come back', async () => {
      const database = await open()
      const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
      const insert = database.prepare('INSERT INTO things VALUES (?1, ?2, ?3 = 1, ?4, ?5)')
      const name = 'ünï "quoted" \\ {a,b} \u{1f600}'
      expect(await insert.run(1, name, 1, 2n ** 60n, database.fromMoment(at))).toBe(1)
      expect(await insert.run(2, null, 0, null, null)).toBe(1)
      const select = database.prepare('SELECT * FROM things WHERE id = ?1')
      const one = await select.get(1)
      expect(one).toMatchObject({ id: 1, name, flag: true })
      expect(BigInt(one?.['big'] as string)).toBe(2n ** 60n)
      expect(database.toMoment(one?.['at'])).toBe(at)
      expect({ ...(await select.get(2)) }).toEqual({ id: 2, name: null, flag: false, big: null, at: null })
      expect(await select.get(3)).toBeUndefined()
    })

    test('a list is one value, however odd its texts are', async () => {
      const database = await open()
      const odd = ['a', 'b,c', '{d}', 'e"f', 'g\\h', 'NULL', '', "i'j", 'ü']
      const insert = database.prepare('INSERT INTO things (id, name) VALUES (?1, ?2)')
      for (const [id, name] of odd.entries()) await insert.run(id, name)
      const select = database.prepare('SELECT name FROM things WHERE name = ANY(?1) ORDER BY id')
      expect((await select.all(odd)).map(({ name }) => name)).toEqual(odd)
      expect((await select.all(['b', 'c', 'd'])).length).toBe(0)
      expect((await select.all([])).length).toBe(0)
    })

    test('run counts the rows that were matched, changed or not, and a value may stand twice', async () => {
      const database = await open()
      await database.execute("INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'a'); UPDATE things SET flag = true")
      const update = database.prepare('UPDATE things SET name = ?1 WHERE name = ?1')
      expect([await update.run('a'), await update.run('b')]).toEqual([2, 0])
      const insert = database.prepare('INSERT INTO things (id) VALUES (?1) ON CONFLICT DO NOTHING')
      expect([await insert.run(2), await insert.run(3)]).toEqual([0, 1])
    })

    test('what no row can hold is not found, and no failure of the database', async () => {
      const database = await open()
      expect(await database.prepare('SELECT id FROM things WHERE name = ?1').get('a\0b')).toBeUndefined()
      expect(await database.prepare('SELECT id FROM things WHERE id = ?1').all(99_999_999_999)).toEqual([])
      await expect(database.prepare('INSERT INTO things (id) VALUES (?1)').run(99_999_999_999)).rejects.toThrow()
      await expect(database.prepare('SELECT id FROM nowhere').get()).rejects.toThrow(/nowhere/)
    })

    test('an error tells its code and the names, and quotes neither a key nor what is stored', async () => {
      const database = await open()
      const [key, data] = ['j1xotzkey0secretkey0secretkey0se', 'eyJhIjoxfQ:geheim-geheim-geheim']
      await admin.query(`
        CREATE TABLE held (key varchar(40) PRIMARY KEY, data text NOT NULL CONSTRAINT short CHECK (length(data) < 40), n integer);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'refused: %', left(NEW.key, 10) USING ERRCODE = 'check_violation', HINT = NEW.data; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON held FOR EACH ROW WHEN (NEW.n = 1) EXECUTE FUNCTION refuse()`)
      later(0, () => admin.query('DROP TABLE held; DROP FUNCTION refuse'))
      const insert = database.prepare('INSERT INTO held VALUES (?1, ?2, ?3)')
      await insert.run(key, data, 0)
      await insert.run(`${key}2`, data, 0)
      const failures: [string, string, () => Promise<unknown>][] = [
        [
          '23514',
          'new row for relation "held" violates check constraint "short"',
          async () => insert.run(`${key}3`, data.repeat(9), 0),
        ],
        ['23505', 'duplicate key value violates unique constraint "held_pkey"', async () => insert.run(key, data, 0)],
        ['22001', 'value too long for type character varying(40)', async () => insert.run(key.repeat(2), data, 0)],
        ['23502', 'null value in column "data" of relation "held"', async () => insert.run(`${key}3`, null, 0)],
        ['23514', '(23514)', async () => insert.run(`${key}3`, data, 1)],
        ['22P02', '(22P02)', async () => database.prepare('SELECT ?1::text::integer AS n').get(key)],
        ['42704', '(42704)', async () => database.prepare('SELECT current_setting(?1) AS name').get(key)],
        [
          '23505',
          'could not create unique index "once"',
          async () => database.execute('CREATE UNIQUE INDEX once ON held (data)'),
        ],
        ['22P02', '(22P02)', async () => database.execute(`SELECT CAST(data AS integer) FROM held`)],
      ]
      for (const [code, message, failing] of failures) {
        const error = (await failing().then(
          () => null,
          (thrown: unknown) => thrown,
        )) as Error & Record<string, unknown>
        expect(error).toBeInstanceOf(Error)
        expect(error).toMatchObject({ code, severity: 'ERROR', message: expect.stringContaining(message) })
        const shown = inspect(error, { depth: 9, showHidden: true })
        for (const secret of [key, data, 'j1xotz', 'geheim']) expect(shown).not.toContain(secret)
        if (message.includes('"short"')) expect(shown).toMatch(/constraint(_name)?: 'short'/)
      }
    })

    test('a migration beside it does not break its statements', async () => {
      const database = await open()
      await admin.query('CREATE TABLE changing (id integer)')
      later(0, () => admin.query('DROP TABLE changing'))
      const select = database.prepare('SELECT * FROM changing')
      const insert = database.prepare('INSERT INTO changing VALUES (?1)')
      await insert.run(1)
      expect({ ...(await select.get()) }).toEqual({ id: 1 })
      await admin.query('ALTER TABLE changing ADD COLUMN name text')
      expect(await Promise.all([select.get(), select.get(), select.get()])).toHaveLength(3)
      expect({ ...(await select.get()) }).toEqual({ id: 1, name: null })
      await database.execute('DEALLOCATE ALL')
      expect(await insert.run(2)).toBe(1)
      expect(await select.all()).toHaveLength(2)
    })

    test('users are found, made once, and logged in', async () => {
      const database = await open()
      await authTables(database)
      later(0, () => admin.query('DROP TABLE auth_user'))
      const settings = resolveSettings({ secretKey: SECRET, pbkdf2Iterations: 1, clock: () => 1_700_000_000_250 })
      const users = new ModelBackend(database, settings)
      const ann = await users.createUser('ann', 'right', { email: 'Ann@Example.COM', isStaff: true })
      expect(ann).toMatchObject({ id: 1, isActive: true, isStaff: true, isSuperuser: false, email: 'Ann@example.com' })
      expect(ann.dateJoined?.getTime()).toBe(1_700_000_000_250)
      await expect(users.createUser('ann', 'other')).rejects.toThrow(/already exists/)
      expect(await users.authenticate({ username: 'ann', password: 'right' })).toMatchObject({ id: 1 })
      expect(await users.authenticate({ username: 'ann\0', password: 'right' })).toBeNull()
      expect(await users.getUser('999999999999999')).toBeNull()
      await users.loggedIn(ann)
      expect((await users.getUser('1'))?.lastLogin?.getTime()).toBe(1_700_000_000_250)
    })
  })

  describe('prepared statements', () => {
    const SELECT = 'SELECT name FROM things WHERE id = $1'
    const held = `SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement = '${SELECT}'`

    test.each([
      ['a URL', () => byUrl('?max=1'), 1],
      ['a URL that says prepare=false', () => byUrl('?max=1&prepare=false'), 0],
      ['a pool', () => postgres(pool({ max: 1 })), 1],
      ['postgres.js', () => postgres(sql({ max: 1 })), 1],
      ['postgres.js that says prepare: false', () => postgres(sql({ max: 1, prepare: false })), 0],
    ] as const)('by %s are kept on the connection, or are not', async (_name, open, count) => {
      const database = open()
      for (let i = 0; i < 3; i++) await database.prepare('SELECT name FROM things WHERE id = ?1').get(i)
      expect(await database.prepare(held).get()).toEqual({ n: count })
    })

    test('have names by their text, so that two processes behind one PgBouncer agree', async () => {
      const names = async (): Promise<unknown> => {
        const database = byUrl('?max=1')
        await database.prepare('SELECT 1 AS one WHERE ?1 = 1').get(1)
        const rows = await database
          .prepare("SELECT name FROM pg_prepared_statements WHERE statement ~ '^SELECT 1 AS one'")
          .all()
        return rows.map(({ name }) => name)
      }
      const first = await names()
      expect(first).toEqual([expect.stringMatching(/^sojourn_[0-9a-f]{24}$/)])
      expect(await names()).toEqual(first)
    })

    test('get one new name when they are out of date, however many connections find out', async () => {
      await admin.query('CREATE TABLE changing (id integer)')
      later(0, () => admin.query('DROP TABLE changing'))
      const database = byUrl()
      const select = database.prepare('SELECT changing.*, pg_sleep(0.1) FROM changing')
      const onAll = (): Promise<unknown[]> => Promise.all(Array.from({ length: 10 }, () => select.get()))
      await onAll()
      await onAll()
      await admin.query('ALTER TABLE changing ADD COLUMN name text')
      await onAll()
      const names = database.prepare(
        "SELECT array_agg(name) AS names, pg_sleep(0.05) FROM pg_prepared_statements WHERE statement ~ '^SELECT changing'",
      )
      const held = await Promise.all(Array.from({ length: 10 }, () => names.get()))
      expect([...new Set(held.flatMap((row) => (row?.['names'] as string[] | null) ?? []))].sort()).toEqual([
        expect.stringMatching(/^sojourn_[0-9a-f]{24}$/),
        expect.stringMatching(/^sojourn_[0-9a-f]{24}_1$/),
      ])
    })

    test('are given up where names are lost all the time, and every statement succeeds meanwhile', async () => {
      const database = byUrl('?max=1')
      const select = database.prepare('SELECT 1 AS one WHERE ?1 = 1')
      for (let i = 0; i < 15; i++) {
        expect(await select.get(1)).toEqual({ one: 1 })
        await database.execute('DISCARD ALL')
      }
      expect(await select.get(1)).toEqual({ one: 1 })
      const own = "SELECT name FROM pg_prepared_statements WHERE statement ~ '^SELECT 1 AS one'"
      const names = await database.prepare(own).all()
      expect(names).toHaveLength(0)
    })
  })

  describe('the connections of a URL', () => {
    test('are opened at first use, at most 10 or as many as it says, and closed with the database', async () => {
      const before = await backends()
      const [ten, three] = [byUrl(), byUrl('?max=3&application_name=three')]
      expect(await backends()).toBe(before)
      const sleep = 'SELECT pg_sleep(0.05) AS slept, current_setting(?1) AS name'
      const many = async (database: Database, count: number): Promise<unknown> => {
        const statement = database.prepare(sleep)
        return (await Promise.all(Array.from({ length: count }, () => statement.get('application_name')))).at(-1)
      }
      // More than there are connections, and no more than get one in time on a machine that is busy.
      await many(ten, 20)
      expect(await backends()).toBe(before + 10)
      expect(await many(three, 9)).toMatchObject({ name: 'three' })
      expect(await backends()).toBe(before + 13)
      await Promise.all([ten.close(), three.close()])
      await expect.poll(backends).toBe(before)
    })

    test('that die while nobody asks end no process, and are not used again', async () => {
      const database = byUrl()
      const pid = database.prepare('SELECT pg_backend_pid() AS pid')
      const before = (await pid.get())?.['pid']
      await admin.query('SELECT pg_terminate_backend($1)', [before])
      const there = async (): Promise<unknown> =>
        (await admin.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [before])).rows.length
      await expect.poll(there).toBe(0)
      await new Promise(setImmediate)
      expect((await pid.get())?.['pid']).not.toBe(before)
    })

    test('that die under a statement: what reads is asked again, what writes fails', async () => {
      const database = byUrl()
      await database.execute("INSERT INTO things (id, name) VALUES (1, 'a')")
      const ended = async (sql: string): Promise<unknown> => {
        const running = Promise.resolve(database.prepare(sql).all()).catch((error: unknown) => error)
        const find = "SELECT pid FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()"
        let rows: { pid: number }[] = []
        while (rows.length === 0) ({ rows } = await admin.query(find))
        await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
        return running
      }
      expect(await ended('SELECT name, pg_sleep(0.3) FROM things')).toMatchObject([{ name: 'a' }])
      expect(await ended("UPDATE things SET name = 'b' || pg_sleep(0.3)")).toMatchObject({ code: '57P01' })
      expect((await admin.query('SELECT name FROM things')).rows).toEqual([{ name: 'a' }])
    })

    test('all die in a crash, and the first statement after the return succeeds', async () => {
      const database = byUrl()
      const select = database.prepare('SELECT 1 AS one, pg_sleep(0.02)')
      const tenAtOnce = (): Promise<unknown[]> => Promise.all(Array.from({ length: 10 }, () => select.get()))
      await tenAtOnce()
      await server.kill()
      await server.start()
      const back = performance.now()
      expect(await tenAtOnce()).toHaveLength(10)
      expect(performance.now() - back).toBeLessThan(1000)
    })

    test('are tried anew some ten times a second at most while the server is away, and everybody fails soon', async () => {
      const database = byUrl()
      const select = database.prepare('SELECT 1 AS one')
      await select.get()
      await server.stop()
      let attempts = 0
      const counter = createServer((socket: Socket) => {
        attempts += 1
        socket.destroy()
      })
      await new Promise<void>((resolve) => counter.listen(server.port, '127.0.0.1', resolve))
      const began = performance.now()
      let slowest = 0
      while (performance.now() - began < 1000) {
        const asked = performance.now()
        const all = await Promise.allSettled(Array.from({ length: 30 }, () => select.get()))
        expect(all.every(({ status }) => status === 'rejected')).toBe(true)
        // With the reason, as soon as it is known, and not when their patience ends.
        expect(all.map((each) => String((each as PromiseRejectedResult).reason))).toContainEqual(
          expect.stringMatching(/Connection terminated|ECONNRESET/),
        )
        slowest = Math.max(slowest, performance.now() - asked)
      }
      expect(attempts).toBeGreaterThan(3)
      // Ten at once, as nobody knows yet that the server is away, and then one at a time.
      expect(attempts).toBeLessThanOrEqual(10 + 20)
      expect(slowest).toBeLessThan(700)
      await new Promise((resolve) => counter.close(resolve))
      await server.start()
      const back = performance.now()
      expect(await select.get()).toEqual({ one: 1 })
      expect(performance.now() - back).toBeLessThan(1000)
    })

    test.each([
      ['a URL', () => byUrl('?max=2')],
      ['a pool', () => postgres(pool({ max: 2, connectionTimeoutMillis: 250 }))],
    ] as const)('to a frozen server, by %s, fail in time, and nobody is given a late answer', async (_name, open) => {
      const database = open()
      const echo = database.prepare('SELECT ?1::int AS n')
      await Promise.all([echo.get(1), echo.get(2)])
      server.pause()
      const began = performance.now()
      const failed = await Promise.allSettled([3, 4, 5, 6].map((n) => echo.get(n)))
      expect(failed.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
      expect(performance.now() - began).toBeLessThan(1000)
      server.resume()
      await expect.poll(() => Promise.resolve(echo.get(7)).catch(() => null), { timeout: 1000 }).toEqual({ n: 7 })
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => echo.get(n)))
      expect(answers).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })))
    })

    test('from which nothing was heard since one failed are not trusted either', async () => {
      // A way to the server that swallows what goes through it from some moment on, as a lost route does.
      let silent = false
      let opened = 0
      const way = createServer((near) => {
        opened += 1
        const mute = silent
        const far = later(connectTo(server.port), (socket) => socket.destroy())
        later(near, (socket) => socket.destroy())
        near.on('data', (bytes) => (silent && !mute) || far.write(bytes))
        far.on('data', (bytes) => (silent && !mute) || near.write(bytes))
        near.on('error', () => undefined)
        far.on('error', () => undefined)
        near.on('end', () => far.end())
      })
      later(way, (made) => new Promise((resolve) => made.close(resolve)))
      await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
      const { port } = way.address() as { port: number }
      const database = later(postgres(server.url.replace(`:${server.port}`, `:${port}`)), (made) => made.close())
      const sleep = database.prepare('SELECT pg_sleep(0.05)')
      await Promise.all(Array.from({ length: 10 }, () => sleep.get()))
      expect(opened).toBe(10)
      silent = true
      const select = database.prepare('SELECT 1 AS one')
      await expect(select.get()).rejects.toThrow(/timeout/)
      for (let i = 0; i < 10; i++) expect(await select.get()).toEqual({ one: 1 })
    })

    test('may be two that make the same table at one moment', async () => {
      const databases = Array.from({ length: 4 }, () => byUrl('?max=1'))
      later(0, () => admin.query('DROP TABLE made_once'))
      const table = 'CREATE TABLE IF NOT EXISTS made_once (id integer PRIMARY KEY)'
      await Promise.all(databases.map((database) => database.prepare('SELECT 1').get()))
      await Promise.all(databases.map((database) => database.execute(table)))
    })

    test('do not keep a program that has nothing else to do', async () => {
      const folder = later(mkdtempSync(join(tmpdir(), 'sojourn-pg-')), (path) => rmSync(path, { recursive: true }))
      const module = new URL('../../src/databases/postgres.ts', import.meta.url).href
      writeFileSync(
        join(folder, 'run.mts'),
        `import { postgres } from '${module}'
console.log((await postgres(process.argv[2]).prepare('SELECT 1 AS one').get()).one)`,
      )
      const ended = await run(process.execPath, ['--import', tsx, join(folder, 'run.mts'), server.url], { seconds: 15 })
      expect(ended).toMatchObject({ code: 0, stdout: '1\n' })
    })
  })

  test.each([
    ['a pool', () => postgres(pool({ max: 1 }))],
    ['postgres.js', () => postgres(sql({ max: 1 }))],
  ] as const)('an error of the connection, by %s, does not show what was asked', async (_name, open) => {
    const end = open().prepare('SELECT pg_terminate_backend(pg_backend_pid()), ?1::text')
    const error = await Promise.resolve(end.get('a-key-that-is-secret')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: expect.stringMatching(/^(57P01|CONNECTION_CLOSED)$/) })
    expect((error as Error).message).toMatch(/terminating connection|CONNECTION_CLOSED/)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('a-key-that-is-secret')
  })

  test("a type parser of one's own that fails does not show what it could not read", async () => {
    const parse = (): unknown => JSON.parse
    const database = postgres(pool({ types: { getTypeParser: parse } as never }))
    const reading = Promise.resolve(database.prepare("SELECT 'geheim' AS data").get())
    const error = await reading.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringContaining('SyntaxError') })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('geheim')
  })

  test("a pool of one's own is not closed", async () => {
    const [own, ownSql] = [pool(), sql()]
    for (const database of [postgres(own), postgres(ownSql)]) {
      await database.prepare('SELECT 1 AS one').get()
      await database.close()
      expect(await database.prepare('SELECT 1 AS one').get()).toEqual({ one: 1 })
    }
  })

  test("a pool of one's own may have a stricter isolation: what was rolled back is asked again", async () => {
    const database = postgres(pool({ options: '-c default_transaction_isolation=serializable' }))
    await database.execute("INSERT INTO things (id, name) VALUES (1, '0')")
    const holder = await admin.connect()
    try {
      await holder.query('BEGIN')
      await holder.query("UPDATE things SET name = '1' WHERE id = 1")
      const save = database.prepare('UPDATE things SET name = ?1 WHERE id = 1 AND name = ?2').run('2', '0')
      const waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
      await expect.poll(async () => (await admin.query(waits)).rows.length).toBe(1)
      await holder.query('COMMIT')
      expect(await save).toBe(0)
    } finally {
      holder.release()
    }
  })

  test('moments that the driver leaves as text are read all the same', async () => {
    const text = postgres(pool({ types: { getTypeParser: () => (value: unknown) => value } as never }))
    const row = await text
      .prepare("SELECT '2023-11-28 22:13:20.25+00'::timestamptz AS at, 'infinity'::timestamptz AS never")
      .get()
    expect([text.toMoment(row?.['at']), text.toMoment(row?.['never'])]).toEqual([1_701_209_600_250, null])
    expect(text.toMoment('2023-11-29 03:43:20.25+05:30')).toBe(1_701_209_600_250)
    const date = await byUrl().prepare("SELECT 'infinity'::timestamptz AS never").get()
    expect(byUrl().toMoment(date?.['never'])).toBeNull()
  })

  test('postgres.js with renamed columns is refused, as sessions would be lost', () => {
    expect(() => postgres(sql({ transform: sqlOf.camel }))).toThrow(ImproperlyConfigured)
    expect(() => postgres(sql({ transform: { undefined: null } }))).not.toThrow()
  })
})

test('an error keeps its causes, as discreet as it is, and one without words says its code', () => {
  const cause = Object.assign(new Error('read ECONNRESET'), {
    code: 'ECONNRESET',
    syscall: 'read',
    parameters: ['geheim'],
  })
  const error = discreet(new Error('Connection terminated', { cause }))
  expect(error).toMatchObject({ message: 'Connection terminated', cause: { code: 'ECONNRESET', syscall: 'read' } })
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('geheim')
  const refused = Object.assign(new AggregateError([new Error('::1'), new Error('127.0.0.1')]), {
    code: 'ECONNREFUSED',
  })
  expect(discreet(refused).message).toBe('ECONNREFUSED')
  expect(discreet(new Error('cannot send geheim-geheim'), ['geheim-geheim']).message).not.toContain('geheim')
})

const tsx = import.meta.resolve('tsx')

function connectTo(port: number): Socket {
  return connect(port, '127.0.0.1')
}

test('a wrong URL is a wrong setting, and its password is not told', async () => {
  for (const query of ['max=0', 'max=many', 'prepare=maybe', 'query_timeout=-1']) {
    const wrong = (): unknown => postgres(`postgres://ann:geheim@127.0.0.1/site?${query}`)
    expect(wrong).toThrow(ImproperlyConfigured)
    expect(wrong).not.toThrow(/geheim/)
  }
  const error = await Promise.resolve(postgres('postgres://ann:geheim@127.0.0.1:port/site').execute('SELECT 1')).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ImproperlyConfigured)
  expect((error as Error).cause).toBeUndefined()
  expect((error as Error).stack).not.toMatch(/geheim/)
})

test('without the driver a URL says what to install', async () => {
  // Away from node_modules, where there is no pg.
  const folder = later(mkdtempSync(join(tmpdir(), 'sojourn-pg-')), (path) => rmSync(path, { recursive: true }))
  const source = fileURLToPath(new URL('../../src/', import.meta.url))
  for (const part of ['core', 'databases', 'wire', 'errors.ts']) {
    mkdirSync(join(folder, 'src'), { recursive: true })
    cpSync(join(source, part), join(folder, 'src', part), { recursive: true })
  }
  writeFileSync(
    join(folder, 'run.mts'),
    `import { postgres } from './src/databases/postgres.ts'
const database = postgres('postgres://127.0.0.1/site')
await database.prepare('SELECT 1').get().catch((error) => console.log(error.code, error.message))`,
  )
  const { stdout } = await run(process.execPath, ['--import', tsx, join(folder, 'run.mts')])
  expect(stdout).toMatch(/^improperly_configured .*npm install pg/)
})

test('what is a handle, and what is not', () => {
  const own = new pg.Pool()
  const ownSql = sqlOf({ host: '127.0.0.1' })
  const typed: [PgPool, PgPool, PostgresSql] = [own, new pg.Client(), ownSql]
  expect(typed.map(isPostgresHandle)).toEqual([true, true, true])
  const query = (): void => undefined
  const mysql2 = { query, connect: query, execute: query }
  expect([{}, new Map(), query, { query }, mysql2].map(isPostgresHandle)).toEqual([false, false, false, false, false])
})
