import type { Joined, LinkStore, Member } from '../../core/link-store.js'
import { chain, inOrder } from '../../core/maybe.js'
import type { Clock, MaybePromise, Sweep } from '../../core/types.js'
import { type Database, type Dialect, insertNew, type Statement } from '../../databases/database.js'
import { DbSweep } from '../db-sweep.js'
import { orUpdate } from '../user-index/tables.js'
import { oneAfterTheOther } from './sweeps.js'

type Operation = 'put' | 'add' | 'replace' | 'expire' | 'get' | 'delete' | 'join' | 'leave' | 'members'

const TABLES = ['sojourn_record', 'sojourn_member'] as const

const statementsFor = (dialect: Dialect): Readonly<Record<Operation, string>> => ({
  put: `INSERT INTO sojourn_record (name, value, expires) VALUES (?1, ?2, ?3) ${orUpdate(dialect, 'name', ['value', 'expires'])}`,
  add: insertNew(dialect, 'sojourn_record (name, value, expires)', '(?1, ?2, ?3)'),
  // MySQL's own collations take letters of either case for the same.
  replace: `UPDATE sojourn_record SET value = ?1, expires = ?2 WHERE name = ?3 AND value = ${dialect === 'mysql' ? 'CAST(?4 AS BINARY)' : '?4'} AND expires > ?5`,
  get: 'SELECT value FROM sojourn_record WHERE name = ?1 AND expires > ?2',
  expire: 'DELETE FROM sojourn_record WHERE name = ?1 AND expires <= ?2',
  delete: 'DELETE FROM sojourn_record WHERE name = ?1',
  join: `INSERT INTO sojourn_member (grp, session_key, since, expires) VALUES (?1, ?2, ?3, ?4) ${orUpdate(dialect, 'grp, session_key', ['since', 'expires'])}`,
  leave: 'DELETE FROM sojourn_member WHERE grp = ?1 AND session_key = ?2',
  members: 'SELECT session_key, since, expires FROM sojourn_member WHERE grp = ?1 AND expires > ?2',
})

/** Records and groups in two tables beside `django_session`. */
export class DbLinks implements LinkStore {
  readonly #database: Database
  readonly #clock: Clock
  readonly #sql: Readonly<Record<Operation, string>>
  readonly #statements: Partial<Record<Operation, Statement>> = {}

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
    this.#sql = statementsFor(database.dialect)
  }

  put(name: string, value: string, expires: number): MaybePromise<void> {
    return chain(this.#statement('put').run(name, value, Math.ceil(expires)), () => undefined)
  }

  add(name: string, value: string, expires: number): MaybePromise<boolean> {
    const insert = (): MaybePromise<boolean> =>
      chain(this.#statement('add').run(name, value, Math.ceil(expires)), (rows) => rows === 1)
    return chain(insert(), (isAdded) => {
      if (isAdded) return true
      // What is past its end gives way; of those who take it away one goes on.
      return chain(this.#statement('expire').run(name, this.#clock()), (rows) => (rows === 1 ? insert() : false))
    })
  }

  replace(name: string, value: string, expires: number, expected: string): MaybePromise<boolean> {
    const replaced = this.#statement('replace').run(value, Math.ceil(expires), name, expected, this.#clock())
    return chain(replaced, (rows) => rows === 1)
  }

  get(name: string): MaybePromise<string | null> {
    return chain(this.#statement('get').get(name, this.#clock()), (row) =>
      row === undefined ? null : String(row['value']),
    )
  }

  /** Who deletes the row is the one, on every database; MySQL has no way to do so and read it in one step. */
  take(name: string): MaybePromise<string | null> {
    return chain(this.get(name), (value) =>
      value === null ? null : chain(this.#statement('delete').run(name), (rows) => (rows === 1 ? value : null)),
    )
  }

  join(group: string, { key, since }: Member, expires: number): MaybePromise<void> {
    return chain(this.#statement('join').run(group, key, since, Math.ceil(expires)), () => undefined)
  }

  leave(group: string, keys: readonly string[]): MaybePromise<void> {
    return inOrder(keys.map((key) => () => chain(this.#statement('leave').run(group, key), () => undefined)))
  }

  members(group: string): MaybePromise<readonly Joined[]> {
    return chain(this.#statement('members').all(group, this.#clock()), (rows) =>
      rows.map((row) => ({
        key: String(row['session_key']),
        since: Number(row['since']),
        expires: Number(row['expires']),
      })),
    )
  }

  sweep(now: number): Sweep {
    return oneAfterTheOther(async () => ((await this.#isThere()) ? TABLES.map((table) => this.#sweep(table, now)) : []))
  }

  #sweep(table: string, now: number): Sweep {
    return new DbSweep(this.#database, now, { table, ends: 'expires', value: (moment) => moment, moment: Number })
  }

  /** A site whose logins are its own may have been here before these tables were; then there is nothing to forget. */
  async #isThere(): Promise<boolean> {
    try {
      await this.#statement('get').get('', 0)
      return true
    } catch {
      return false
    }
  }

  #statement(name: Operation): Statement {
    this.#statements[name] ??= this.#database.prepare(this.#sql[name])
    return this.#statements[name] as Statement
  }
}
