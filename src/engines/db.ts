import type { Codec } from '../codecs/signed.js'
import { chain } from '../core/maybe.js'
import { NO_CELLS } from '../core/merge.js'
import type { Clock, Loaded, MaybePromise, Outcome, SessionEngine, SessionRecord } from '../core/types.js'
import type { Database, Statement } from '../databases/database.js'

export interface DbEngineOptions {
  readonly database: Database
  readonly codec: Codec
  readonly clock?: Clock
}

/** Django's table, to the byte (`sqlmigrate sessions 0001`). */
const TABLES: Partial<Record<Database['dialect'], readonly string[]>> = {
  sqlite: [
    'CREATE TABLE IF NOT EXISTS "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL)',
    'CREATE INDEX IF NOT EXISTS "django_session_expire_date_a5c62663" ON "django_session" ("expire_date")',
  ],
}

/** Makes Django's `django_session` table where it is not there yet. */
export function sessionTables(database: Database): MaybePromise<void> {
  const [table = '', index = ''] = TABLES[database.dialect] ?? []
  return chain(database.execute(table), () => database.execute(index))
}

/** The statements of the engine, each prepared once. Comparing the stored text makes a save a compare-and-set. */
const SQL = {
  load: 'SELECT session_data, expire_date FROM django_session WHERE session_key = ? AND expire_date > ?',
  create: 'INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  save: 'UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ? AND expire_date > ?',
  saveAt:
    'UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ? AND expire_date > ? AND session_data = ?',
  touch: 'UPDATE django_session SET expire_date = ? WHERE session_key = ? AND expire_date > ?',
  delete: 'DELETE FROM django_session WHERE session_key = ?',
  deleteAt: 'DELETE FROM django_session WHERE session_key = ? AND session_data = ?',
  exists: 'SELECT 1 FROM django_session WHERE session_key = ?',
  clearExpired: 'DELETE FROM django_session WHERE expire_date < ?',
} as const

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
  readonly #database: Database
  readonly #codec: Codec
  readonly #clock: Clock
  readonly #statements: Partial<Record<keyof typeof SQL, Statement>> = {}

  constructor({ database, codec, clock = Date.now }: DbEngineOptions) {
    this.#database = database
    this.#codec = codec
    this.#clock = clock
    this.synchronous = database.synchronous
  }

  load(key: string): MaybePromise<Loaded | null> {
    return chain(this.#statement('load').get(key, this.#now()), (row) => {
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
    return this.#statement('clearExpired').run(this.#now())
  }

  /** No row matched: it is gone or past its end, or somebody else saved into it. */
  #whyNot(key: string): MaybePromise<'missing' | 'conflict'> {
    return chain(this.#statement('load').get(key, this.#now()), (row) => (row === undefined ? 'missing' : 'conflict'))
  }

  #now(): string {
    return this.#database.fromMoment(this.#clock()) as string
  }

  #statement(name: keyof typeof SQL): Statement {
    this.#statements[name] ??= this.#database.prepare(SQL[name])
    return this.#statements[name] as Statement
  }
}
