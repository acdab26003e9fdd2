import { ImproperlyConfigured } from '../../errors.js'
import type { Row, Value } from '../database.js'
import { type PgAnswer, type PgQuery, PostgresPool } from './pool.js'

/** A `Pool` or a connected `Client` of `pg`. */
export interface PgPool {
  query(query: PgQuery): Promise<PgAnswer>
  connect(): unknown
}

/** The `sql` function of postgres.js. */
export interface PostgresSql {
  unsafe(
    text: string,
    values?: never[],
    options?: { prepare?: boolean },
  ): PromiseLike<ArrayLike<unknown> & { readonly count: number }>
}

/** How long a statement may take, in milliseconds; `?query_timeout=` in a URL says otherwise. */
export const QUERY_TIMEOUT = 500

/** What both drivers come down to. */
export interface Driver {
  ask(text: string, name: string | undefined, values: readonly Value[]): PromiseLike<Answer>
  /** Without a time limit: an index on a large table takes what it takes. */
  execute(sql: string): PromiseLike<unknown>
  close(): Promise<void>
}

export interface Answer {
  readonly rows: Row[]
  readonly count: number
}

export class PgDriver implements Driver {
  readonly #pool: Pick<PgPool, 'query'>
  readonly #timeout: number
  readonly #prepares: boolean
  /** The end of a client's last statement: a client takes one at a time, unless it was made with `pipeline`. */
  #turn: Promise<unknown> | null = null

  constructor(pool: Pick<PgPool, 'query'>, timeout = QUERY_TIMEOUT, prepares = true) {
    this.#pool = pool
    this.#timeout = timeout
    this.#prepares = prepares
    const { totalCount, pipeline } = pool as { totalCount?: number; pipeline?: boolean }
    if (totalCount === undefined && pipeline !== true && !(pool instanceof PostgresPool)) this.#turn = Promise.resolve()
  }

  async ask(text: string, name: string | undefined, values: readonly Value[]): Promise<Answer> {
    const query = {
      text,
      name: this.#prepares ? name : undefined,
      values: values as Value[],
      query_timeout: this.#timeout,
    }
    const { rows, rowCount } = await this.#query(query)
    return { rows: rows as Row[], count: rowCount ?? 0 }
  }

  execute(sql: string): Promise<unknown> {
    return this.#query({ text: sql })
  }

  #query(query: PgQuery): Promise<PgAnswer> {
    if (this.#turn === null) return this.#pool.query(query)
    const answer = this.#turn.then(() => this.#pool.query(query))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  async close(): Promise<void> {
    if (this.#pool instanceof PostgresPool) await this.#pool.close()
  }
}

/** postgres.js keeps the names of prepared statements itself, and makes new ones where they are gone. */
export class SqlDriver implements Driver {
  readonly #sql: PostgresSql

  constructor(sql: PostgresSql) {
    const { options } = sql as {
      options?: { transform?: { column?: { from?: unknown }; row?: { from?: unknown } } }
    }
    if (options?.transform?.column?.from || options?.transform?.row?.from) {
      throw new ImproperlyConfigured(
        'The databases setting: this postgres.js renames columns or changes rows (transform), so that Django\'s columns are not found. Give a URL, or another one without "transform".',
      )
    }
    this.#sql = sql
  }

  async ask(text: string, name: string | undefined, values: readonly Value[]): Promise<Answer> {
    // Without effect where its owner said `prepare: false`.
    const rows = await this.#sql.unsafe(text, values.map(listAsText) as never[], { prepare: name !== undefined })
    return { rows: Array.from(rows) as Row[], count: rows.count }
  }

  execute(sql: string): PromiseLike<unknown> {
    return this.#sql.unsafe(sql)
  }

  async close(): Promise<void> {}
}

/** A list as PostgreSQL writes arrays. Told `fetch_types: false`, postgres.js does not know how; text it passes on as it is. */
function listAsText(value: Value): Value {
  return Array.isArray(value) ? `{${value.map((each: string) => JSON.stringify(each)).join()}}` : value
}
