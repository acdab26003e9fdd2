import { ImproperlyConfigured } from '../errors.js'
import { msOfSqliteDate, sqliteDate } from '../wire/dates.js'
import type { Database, Row, Statement, Value, ZoneRules } from './database.js'

/** As much of a D1 binding as is used; the types of `@cloudflare/workers-types` fit. */
export interface D1Handle {
  prepare(sql: string): D1Prepared
  batch(statements: never[]): Promise<unknown>
  exec(sql: string): Promise<unknown>
}

interface D1Prepared {
  bind(...values: unknown[]): D1Bound
}

interface D1Bound {
  all(): Promise<D1Answer>
  run(): Promise<D1Answer>
}

interface D1Answer {
  readonly results?: unknown[]
  readonly meta: { readonly changes?: number }
}

/** Whether an object is a D1 binding. */
export function isD1Handle(value: object): value is D1Handle {
  const handle = value as Partial<D1Handle>
  return typeof handle.prepare === 'function' && typeof handle.batch === 'function'
}

/**
 * Cloudflare's D1: SQLite's dialect and Django's tables, on Workers. Every statement stands alone and goes to the primary, so that a save
 * compares before it replaces and whoever reads sees what was written, also with read replication on. The binding is the site's own;
 * `{ default: env.DB }` in the setting `databases` is the same. Make the tables with `await site.migrate()`, or by `wrangler d1 migrations`.
 *
 * A session of D1's (`env.DB.withSession()`) is refused: it may read from a replica that has not yet heard of a logout.
 *
 * @example
 * ```ts
 * import { sojourn } from 'sojourn/fetch'
 * import { type D1Handle, d1 } from 'sojourn/databases/d1'
 *
 * export const withSession = (env: { readonly DB: D1Handle; readonly SECRET_KEY: string }) =>
 *   sojourn({ secretKey: env.SECRET_KEY, databases: { default: d1(env.DB) } })
 * ```
 */
export function d1(handle: D1Handle, rules: ZoneRules = { useTz: true, timeZone: 'UTC' }): Database {
  if (typeof (handle as Partial<D1Handle>).exec !== 'function') {
    throw new ImproperlyConfigured(
      'The databases setting: hand over the D1 binding itself (env.DB), not a session of it: that may read what is no longer so.',
    )
  }
  return new D1(handle, rules)
}

class D1 implements Database {
  readonly dialect = 'sqlite'
  readonly synchronous = false
  readonly #handle: D1Handle
  readonly #zone: string | undefined

  constructor(handle: D1Handle, { useTz, timeZone }: ZoneRules) {
    this.#handle = handle
    this.#zone = useTz ? undefined : timeZone
  }

  prepare(sql: string): Statement {
    return new Prepared(this.#handle.prepare(sql))
  }

  /** `exec` takes each line for a statement of its own. */
  async execute(sql: string): Promise<void> {
    await this.#handle.exec(sql.replace(/\s*\n\s*/g, ' '))
  }

  fromMoment(ms: number): string {
    return sqliteDate(ms, this.#zone)
  }

  toMoment(value: unknown): number | null {
    return typeof value === 'string' ? msOfSqliteDate(value, this.#zone) : null
  }

  close(): void {}
}

class Prepared implements Statement {
  readonly #statement: D1Prepared

  constructor(statement: D1Prepared) {
    this.#statement = statement
  }

  async get(...values: Value[]): Promise<Row | undefined> {
    return (await this.all(...values))[0]
  }

  async all(...values: Value[]): Promise<Row[]> {
    const { results = [] } = await this.#statement.bind(...values.map(bindable)).all()
    return results as Row[]
  }

  async run(...values: Value[]): Promise<number> {
    const { meta } = await this.#statement.bind(...values.map(bindable)).run()
    return meta.changes ?? 0
  }
}

/** D1 takes no bigint; as text a column of numbers makes a number of it again. */
function bindable(value: Value): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
