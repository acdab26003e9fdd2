import type { Codec } from '../codecs/codec.js'
import { chain, inOrder } from '../core/maybe.js'
import { NO_CELLS } from '../core/merge.js'
import type { Clock, Loaded, MaybePromise, Outcome, SessionEngine, SessionRecord } from '../core/types.js'
import { type Database, type Dialect, insertNew, type Row, type Statement } from '../databases/database.js'
import { Batch } from './batch.js'
import { DbSweep } from './db-sweep.js'
import { DbLinks } from './links/in-table.js'
import { DbIndex } from './user-index/in-table.js'

export interface DbEngineOptions {
  readonly database: Database
  readonly codec: Codec
  readonly clock?: Clock
}

/** Django's table, to the byte (`sqlmigrate sessions 0001`). */
const TABLES: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: [
    'CREATE TABLE IF NOT EXISTS "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL)',
    'CREATE INDEX IF NOT EXISTS "django_session_expire_date_a5c62663" ON "django_session" ("expire_date")',
  ],
  postgres: [
    'CREATE TABLE IF NOT EXISTS "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" timestamp with time zone NOT NULL)',
    'CREATE INDEX IF NOT EXISTS "django_session_session_key_c0390e0f_like" ON "django_session" ("session_key" varchar_pattern_ops)',
    'CREATE INDEX IF NOT EXISTS "django_session_expire_date_a5c62663" ON "django_session" ("expire_date")',
  ],
  mysql: [
    'CREATE TABLE IF NOT EXISTS `django_session` (`session_key` varchar(40) NOT NULL PRIMARY KEY, `session_data` longtext NOT NULL, `expire_date` datetime(6) NOT NULL, KEY `django_session_expire_date_a5c62663` (`expire_date`))',
  ],
}

/** How many expired sessions go in one statement: each ends within its deadline, and holds its locks for milliseconds. */
const CLEARED_AT_ONCE = 1000

/** Makes Django's `django_session` table where it is not there yet. */
export function sessionTables(database: Database): MaybePromise<void> {
  return inOrder(TABLES[database.dialect].map((statement) => () => database.execute(statement)))
}

/** MySQL's collations take letters of either case, and more, for the same; a cast to bytes does not. */
const sameBytes = (column: string, value: string): Readonly<Record<Dialect, string>> => ({
  sqlite: `${column} = ${value}`,
  postgres: `${column} = ${value} COLLATE "C"`,
  mysql: `CAST(${column} AS BINARY) = ${value}`,
})

/** The statements of the engine, each prepared once. Comparing the stored text makes a save a compare-and-set. */
function statementsFor(dialect: Dialect): Readonly<Record<Operation, string>> {
  const key = (value: string): string =>
    dialect === 'mysql'
      ? `session_key = ${value} AND ${sameBytes('session_key', value).mysql}`
      : `session_key = ${value}`
  const data = (value: string): string => sameBytes('session_data', value)[dialect]
  return {
    load: `SELECT session_data, expire_date FROM django_session WHERE ${key('?1')} AND expire_date > ?2`,
    // More than was asked for may come where a collation takes two keys for one; the rows are told apart by their own.
    loadMany: `SELECT session_key, session_data, expire_date FROM django_session WHERE session_key ${dialect === 'mysql' ? 'IN' : '= ANY'} (?1) AND expire_date > ?2`,
    create: insertNew(dialect, 'django_session (session_key, session_data, expire_date)', '(?1, ?2, ?3)'),
    save: `UPDATE django_session SET session_data = ?1, expire_date = ?2 WHERE ${key('?3')} AND expire_date > ?4`,
    saveAt: `UPDATE django_session SET session_data = ?1, expire_date = ?2 WHERE ${key('?3')} AND expire_date > ?4 AND ${data('?5')}`,
    touch: `UPDATE django_session SET expire_date = ?1 WHERE ${key('?2')} AND expire_date > ?3`,
    delete: `DELETE FROM django_session WHERE ${key('?1')}`,
    deleteAt: `DELETE FROM django_session WHERE ${key('?1')} AND ${data('?2')}`,
    exists: `SELECT 1 FROM django_session WHERE ${key('?1')}`,
  }
}

type Operation = 'load' | 'loadMany' | 'create' | 'save' | 'saveAt' | 'touch' | 'delete' | 'deleteAt' | 'exists'

/**
 * Sessions in Django's `django_session` table. Django's `backends.db`, with saves that compare before they replace.
 *
 * @example
 * ```ts
 * import { signedCodec } from 'sojourn/codecs/signed'
 * import { sqlite } from 'sojourn/databases/sqlite'
 * import { dbEngine, sessionTables } from 'sojourn/engines/db'
 *
 * const database = sqlite('sqlite::memory:')
 * await sessionTables(database)
 * const engine = dbEngine({ database, codec: signedCodec({ secretKey: 'a long random text' }) })
 * ```
 */
export function dbEngine(options: DbEngineOptions): SessionEngine {
  return new DbEngine(options)
}

class DbEngine implements SessionEngine {
  readonly name = 'db'
  readonly synchronous: boolean
  readonly users: DbIndex
  readonly links: DbLinks
  readonly #database: Database
  readonly #codec: Codec
  readonly #clock: Clock
  readonly #sql: Readonly<Record<Operation, string>>
  readonly #statements: Partial<Record<Operation, Statement>> = {}
  /** Loads of one turn of the event loop become one statement, where that pays. */
  readonly #batch: Batch<Row> | null

  constructor({ database, codec, clock = Date.now }: DbEngineOptions) {
    this.#database = database
    this.#codec = codec
    this.#clock = clock
    this.#sql = statementsFor(database.dialect)
    this.synchronous = database.synchronous
    this.users = new DbIndex(database)
    this.links = new DbLinks(database, clock)
    this.#batch =
      database.dialect === 'sqlite'
        ? null
        : new Batch(
            (key) => this.#row(key),
            (keys) => this.#rows(keys),
          )
  }

  load(key: string): MaybePromise<Loaded | null> {
    return chain(this.#batch === null ? this.#row(key) : this.#batch.get(key), (row) => {
      if (row === undefined) return null
      const text = row.session_data as string
      const cells = this.#codec.decode(text)
      const expires = (): number | null => this.#database.toMoment(row.expire_date)
      return { cells: cells ?? NO_CELLS, version: text, expires, corrupted: cells === null }
    })
  }

  create(key: string, record: SessionRecord): MaybePromise<Outcome> {
    const text = this.#codec.encode(record.cells)
    const inserted = this.#statement('create').run(key, text, this.#database.fromMoment(record.expires))
    return chain(inserted, (rows) => (rows === 1 ? { version: text } : 'conflict'))
  }

  save(key: string, record: SessionRecord, expected?: unknown): MaybePromise<Outcome> {
    const text = this.#codec.encode(record.cells)
    const expires = this.#database.fromMoment(record.expires)
    const updated =
      expected === undefined
        ? this.#statement('save').run(text, expires, key, this.#now())
        : this.#statement('saveAt').run(text, expires, key, this.#now(), expected as string)
    return chain(updated, (rows) => (rows === 1 ? { version: text } : this.#whyNot(key)))
  }

  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'> {
    const moved = this.#statement('touch').run(this.#database.fromMoment(expires), key, this.#now())
    return chain(moved, (rows) => (rows === 1 ? 'saved' : 'missing'))
  }

  delete(key: string, expected?: unknown): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    const deleted =
      expected === undefined
        ? this.#statement('delete').run(key)
        : this.#statement('deleteAt').run(key, expected as string)
    return chain(deleted, (rows) => (rows === 1 ? 'deleted' : expected === undefined ? 'missing' : this.#whyNot(key)))
  }

  exists(key: string): MaybePromise<boolean> {
    return chain(this.#statement('exists').get(key), (row) => row !== undefined)
  }

  clearExpired(): MaybePromise<number> {
    const sweep = this.sweep(this.#clock())
    return this.synchronous ? sweep.next(Number.MAX_SAFE_INTEGER) : clearAll(sweep)
  }

  #row(key: string): MaybePromise<Row | undefined> {
    return this.#statement('load').get(key, this.#now())
  }

  async #rows(keys: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    const rows = await this.#statement('loadMany').all(keys, this.#now())
    return new Map(rows.map((row) => [row['session_key'] as string, row]))
  }

  sweep(now: number): DbSweep {
    return new DbSweep(this.#database, now)
  }

  /** No row matched: it is gone or past its end, or somebody else saved into it. */
  #whyNot(key: string): MaybePromise<'missing' | 'conflict'> {
    return chain(this.#row(key), (row) => (row === undefined ? 'missing' : 'conflict'))
  }

  #now(): string {
    return this.#database.fromMoment(this.#clock()) as string
  }

  #statement(name: Operation): Statement {
    this.#statements[name] ??= this.#database.prepare(this.#sql[name])
    return this.#statements[name] as Statement
  }
}

async function clearAll(sweep: DbSweep): Promise<number> {
  let cleared = 0
  for (let rows = -1; rows !== 0; cleared += rows) rows = await sweep.next(CLEARED_AT_ONCE)
  return cleared
}
