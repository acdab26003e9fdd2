import { randomUUID } from 'node:crypto'
import { close, closeSync, fsync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import openPostgres from 'postgres'
import { createClient } from 'redis'
import { memcached } from 'sojourn/caches/memcached'
import type { Setup } from './index.js'
import { TWO_WEEKS } from './secret.js'
import { countStatements, openSqlite } from './sqlite.js'

type MaybePromise<T> = T | Promise<T>

/** The text of a session under its key; `set` only if `old` is still there, where the store compares without more ado. */
export interface Texts {
  get(key: string): MaybePromise<string | undefined>
  set(key: string, text: string, old: string): MaybePromise<boolean>
  add(key: string, text: string): MaybePromise<unknown>
}

/** Each store by the calls of its driver alone: those that sojourn makes, or the least there are. */
export const openTexts: Readonly<Partial<Record<NonNullable<Setup['store']>, (setup: Setup) => MaybePromise<Texts>>>> =
  {
    memory,
    SQLite: sqlite,
    PostgreSQL: postgresByPg,
    'PostgreSQL by postgres.js': postgresByPostgresJs,
    MariaDB: mariadb,
    Redis: redis,
    'Redis by ioredis': redisByIoredis,
    Memcached: memcachedByMeta,
    file: (setup) => files(setup, true),
    'file without sync': (setup) => files(setup, false),
    'PostgreSQL and Redis': postgresAndRedis,
  }

const TABLE = `
  CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL);
  CREATE INDEX django_session_expire_date ON django_session (expire_date)`
const WHERE = 'session_key = $3 AND expire_date > $4 AND session_data = $5'

const SECONDS = TWO_WEEKS / 1000

function memory({ count }: Setup): Texts {
  const texts = new Map<string, string>()
  const store: Texts = {
    get: (key) => texts.get(key),
    set(key, text, old) {
      if (texts.get(key) !== old) return false
      texts.set(key, text)
      return true
    },
    add: (key, text) => void texts.set(key, text),
  }
  count?.(store, ['get', 'set', 'add'])
  return store
}

function sqlite({ file, count }: Setup): Texts {
  if (count) countStatements(count)
  const handle = openSqlite(file)
  handle.exec(TABLE)
  const select = handle.prepare('SELECT session_data FROM django_session WHERE session_key = ? AND expire_date > ?')
  const update = handle.prepare(
    'UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ? AND expire_date > ? AND session_data = ?',
  )
  const insert = handle.prepare('INSERT INTO django_session VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
  return {
    get: (key) => (select.get(key, moment(0)) as { session_data: string } | undefined)?.session_data,
    set: (key, text, old) => update.run(text, moment(TWO_WEEKS), key, moment(0), old).changes === 1,
    add: (key, text) => void insert.run(key, text, moment(TWO_WEEKS)),
  }
}

/** The statements in PostgreSQL's words. */
const PG = {
  table: TABLE.replace('datetime', 'timestamp with time zone'),
  get: 'SELECT session_data FROM django_session WHERE session_key = $1 AND expire_date > $2',
  set: `UPDATE django_session SET session_data = $1, expire_date = $2 WHERE ${WHERE} COLLATE "C"`,
  add: 'INSERT INTO django_session VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
} as const

interface DataRow {
  readonly session_data: string
}

async function postgresByPg({ urls }: Setup): Promise<Texts> {
  const pool = new pg.Pool({ connectionString: urls.postgres, max: 10 })
  await pool.query(PG.table)
  const ask = (name: 'get' | 'set' | 'add', ...values: readonly string[]): Promise<pg.QueryResult<DataRow>> =>
    pool.query<DataRow>({ name, text: PG[name], values: values as string[] })
  return {
    get: async (key) => (await ask('get', key, iso(0))).rows[0]?.session_data,
    set: async (key, text, old) => (await ask('set', text, iso(TWO_WEEKS), key, iso(0), old)).rowCount === 1,
    add: (key, text) => ask('add', key, text, iso(TWO_WEEKS)),
  }
}

async function postgresByPostgresJs({ urls }: Setup): Promise<Texts> {
  const sql = openPostgres(String(urls.postgres))
  await sql.unsafe(PG.table)
  const prepare = true
  return {
    get: async (key) => (await sql.unsafe<DataRow[]>(PG.get, [key, iso(0)], { prepare }))[0]?.session_data,
    set: async (key, text, old) =>
      (await sql.unsafe(PG.set, [text, iso(TWO_WEEKS), key, iso(0), old], { prepare })).count === 1,
    add: (key, text) => sql.unsafe(PG.add, [key, text, iso(TWO_WEEKS)], { prepare }) as Promise<unknown>,
  }
}

async function mariadb({ urls }: Setup): Promise<Texts> {
  const pool = createPool({ uri: String(urls.mariadb), connectionLimit: 10 })
  const table = TABLE.replace(' text', ' longtext').replace('datetime', 'datetime(6)')
  for (const statement of table.split(';')) await pool.query(statement)
  return {
    async get(key) {
      const [rows] = await pool.execute<(RowDataPacket & DataRow)[]>(
        'SELECT session_data FROM django_session WHERE session_key = ? AND expire_date > ?',
        [key, moment(0)],
      )
      return rows[0]?.session_data
    },
    async set(key, text, old) {
      const [{ affectedRows }] = await pool.execute<ResultSetHeader>(
        'UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ? AND expire_date > ? AND CAST(session_data AS BINARY) = ?',
        [text, moment(TWO_WEEKS), key, moment(0), old],
      )
      return affectedRows === 1
    },
    add: (key, text) => pool.execute('INSERT INTO django_session VALUES (?, ?, ?)', [key, text, moment(TWO_WEEKS)]),
  }
}

async function redis({ urls }: Setup): Promise<Texts & Sliding> {
  const client = await createClient({ url: urls.redis, RESP: 2 }).connect()
  return {
    get: async (key) => (await client.get(key)) ?? undefined,
    getSliding: async (key) => (await client.getEx(key, { type: 'EX', value: SECONDS })) ?? undefined,
    set: async (key, text) => (await client.set(key, text, { condition: 'XX', expiration: EXPIRATION })) !== null,
    add: (key, text) => client.set(key, text, { condition: 'NX', expiration: EXPIRATION }),
  }
}

const EXPIRATION = { type: 'EX', value: SECONDS } as const

/** A read that moves the end. */
interface Sliding {
  getSliding(key: string): Promise<string | undefined>
}

/** How a session is read on the page whose reads move the end. */
export function slidingGet(texts: Texts): Texts['get'] {
  return 'getSliding' in texts ? (key) => (texts as Texts & Sliding).getSliding(key) : (key) => texts.get(key)
}

function redisByIoredis({ urls }: Setup): Texts & Sliding {
  const client = new Redis(String(urls.redis))
  return {
    get: async (key) => (await client.get(key)) ?? undefined,
    getSliding: async (key) => (await client.getex(key, 'EX', SECONDS)) ?? undefined,
    set: async (key, text) => (await client.set(key, text, 'EX', SECONDS, 'XX')) !== null,
    add: (key, text) => client.set(key, text, 'EX', SECONDS, 'NX'),
  }
}

/** By sojourn's own client: there is no other that compares, and so none to compare with. */
function memcachedByMeta({ urls }: Setup): Texts {
  const cache = memcached(String(urls.memcached))
  const end = (): number => Date.now() + TWO_WEEKS
  return {
    async get(key) {
      const cached = await cache.get(key)
      return cached === null ? undefined : Buffer.from(cached.value).toString()
    },
    set: async (key, text) => typeof (await cache.replace(key, Buffer.from(text), end())) === 'object',
    add: (key, text) => cache.add(key, Buffer.from(text), end()),
  }
}

const flush = promisify(fsync)
const finish = promisify(close)

/** A file written beside the old one and moved into its place; `sync`: on the disk before that. */
function files({ file, count }: Setup, sync: boolean): Texts {
  const folder = `${file}-texts`
  mkdirSync(folder)
  const write = (key: string, text: string): MaybePromise<boolean> => {
    const draft = join(folder, `.${randomUUID()}`)
    const fd = openSync(draft, 'wx', 0o600)
    writeFileSync(fd, text)
    if (sync) return writeDown(fd, draft, join(folder, key))
    closeSync(fd)
    renameSync(draft, join(folder, key))
    return true
  }
  const store: Texts = {
    get: (key) => readFileSync(join(folder, key), 'utf8'),
    set: write,
    add: write,
  }
  count?.(store, ['get', 'set', 'add'])
  return store
}

async function writeDown(fd: number, draft: string, path: string): Promise<boolean> {
  await flush(fd)
  await finish(fd)
  renameSync(draft, path)
  return true
}

/** The table, and a copy in Redis that is taken out after each save. */
async function postgresAndRedis(setup: Setup): Promise<Texts> {
  const table = await postgresByPg(setup)
  const client = await createClient({ url: setup.urls.redis, RESP: 2 }).connect()
  return {
    ...table,
    async set(key, text, old) {
      const saved = await table.set(key, text, old)
      await client.del(key)
      return saved
    },
  }
}

function iso(fromNow: number): string {
  return new Date(Date.now() + fromNow).toISOString()
}

function moment(fromNow: number): string {
  return iso(fromNow).replace('T', ' ').replace('Z', '000')
}
