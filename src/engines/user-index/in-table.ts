import type { LongSweep } from '../../core/clear-expired.js'
import { chain } from '../../core/maybe.js'
import type { IndexEntry, MaybePromise, SessionIndex } from '../../core/types.js'
import type { Database, Dialect, Row, Statement } from '../../databases/database.js'
import { DbSweep } from '../db-sweep.js'
import { orUpdate } from './tables.js'

const COLUMNS = 'session_key, user_id, created, seen, expires, user_agent, address'
const UPDATES = ['user_id', 'created', 'seen', 'expires', 'user_agent', 'address']

/** How many are removed by one statement; where there are fewer, the last one is named again and again. */
const MANY = 50

function statementsFor(dialect: Dialect): Readonly<Record<'put' | 'of' | 'remove' | 'removeMany', string>> {
  const many = Array.from({ length: MANY }, (_, at) => `?${at + 2}`)
  return {
    put: `INSERT INTO sojourn_session (${COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ${orUpdate(dialect, 'session_key', UPDATES)}`,
    of: `SELECT ${COLUMNS} FROM sojourn_session WHERE user_id = ?1`,
    remove: 'DELETE FROM sojourn_session WHERE user_id = ?1 AND session_key = ?2',
    removeMany: `DELETE FROM sojourn_session WHERE user_id = ?1 AND session_key IN (${many.join(', ')})`,
  }
}

/** The index in a table beside `django_session`. */
export class DbIndex implements SessionIndex {
  readonly #database: Database
  readonly #sql: ReturnType<typeof statementsFor>
  readonly #statements: Partial<Record<keyof ReturnType<typeof statementsFor>, Statement>> = {}

  constructor(database: Database) {
    this.#database = database
    this.#sql = statementsFor(database.dialect)
  }

  put({ key, user, created, seen, expires, userAgent, address }: IndexEntry): MaybePromise<readonly string[]> {
    const values = [key, user, created, seen, Math.ceil(expires), userAgent, address] as const
    return chain(this.#statement('put').run(...values), () => [])
  }

  of(user: string): MaybePromise<readonly IndexEntry[]> {
    return chain(this.#statement('of').all(user), (rows) => rows.filter(({ user_id }) => user_id === user).map(entryOf))
  }

  remove(user: string, keys: readonly string[]): MaybePromise<void> {
    return this.#remove(user, keys)
  }

  #remove(user: string, keys: readonly string[]): MaybePromise<void> {
    const [key] = keys
    if (key === undefined) return
    if (keys.length === 1) return chain(this.#statement('remove').run(user, key), () => undefined)
    const some = Array.from({ length: MANY }, (_, at) => keys[Math.min(at, keys.length - 1)] as string)
    return chain(this.#statement('removeMany').run(user, ...some), () => this.#remove(user, keys.slice(MANY)))
  }

  sweep(now: number): LongSweep {
    return new DbSweep(this.#database, now, {
      table: 'sojourn_session',
      ends: 'expires',
      // A session whose end was moved since may outlive what was noted of it.
      but: 'NOT EXISTS (SELECT 1 FROM django_session WHERE django_session.session_key = sojourn_session.session_key)',
      value: (moment) => moment,
      moment: Number,
    })
  }

  #statement(name: keyof ReturnType<typeof statementsFor>): Statement {
    this.#statements[name] ??= this.#database.prepare(this.#sql[name])
    return this.#statements[name] as Statement
  }
}

function entryOf(row: Row): IndexEntry {
  return {
    key: String(row['session_key']),
    user: String(row['user_id']),
    created: Number(row['created']),
    seen: Number(row['seen']),
    expires: Number(row['expires']),
    userAgent: String(row['user_agent']),
    address: String(row['address']),
  }
}
