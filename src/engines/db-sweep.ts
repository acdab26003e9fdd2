import type { LongSweep } from '../core/clear-expired.js'
import { chain } from '../core/maybe.js'
import type { MaybePromise } from '../core/types.js'
import type { Database, Row, Statement, Value } from '../databases/database.js'

/** How many rows further each step of a count looks; a count of millions in one statement would outlast its deadline. */
const COUNT_STEP = 20_000

/** Deleting a row changes some three pages. At a thousand SQLite begins to carry them over; the fewer, the shorter each time. */
const MOST_IN_LOG = 80

/** What is swept. */
export interface Swept {
  readonly table: string
  /** The column of the ends, which has an index. */
  readonly ends: string
  /** Which of the rows past their end stay all the same: the rest of a condition. */
  readonly but?: string
  /** A moment (milliseconds since 1970) as the column has it, and back. */
  readonly value: (moment: number) => Value
  readonly moment: (value: unknown) => number | null
}

const SQL = {
  first: ({ table, ends }: Swept) => `SELECT ${ends} FROM ${table} WHERE ${ends} < ?1 ORDER BY ${ends} LIMIT 1`,
  edge: ({ table, ends }: Swept) =>
    `SELECT ${ends} FROM ${table} WHERE ${ends} >= ?1 AND ${ends} < ?2 ORDER BY ${ends} LIMIT 1 OFFSET ?3`,
  count: ({ table, ends }: Swept) => `SELECT COUNT(*) AS n FROM ${table} WHERE ${ends} >= ?1 AND ${ends} < ?2`,
  clear: ({ table, ends, but }: Swept) =>
    `DELETE FROM ${table} WHERE ${ends} >= ?1 AND ${ends} < ?2${but === undefined ? '' : ` AND ${but}`}`,
} as const

/** Django's table. */
export function sessionsIn(database: Database): Swept {
  return {
    table: 'django_session',
    ends: 'expire_date',
    value: (moment) => database.fromMoment(moment),
    moment: (value) => database.toMoment(value),
  }
}

/**
 * Deletes expired rows range by range along the index on their ends: each statement goes on where the last one ended, so that none
 * reads again what is deleted already, and two sweeps at once only find less to do.
 */
export class DbSweep implements LongSweep {
  readonly #database: Database
  readonly #swept: Swept
  readonly #statements: Readonly<Record<keyof typeof SQL, Statement>>
  /** All that ends before this, in milliseconds since 1970, goes. */
  readonly #end: number
  #from: number | null = null
  /** Rows deleted since SQLite's log was last emptied. */
  #inLog = 0

  constructor(database: Database, now: number, swept: Swept = sessionsIn(database)) {
    this.#database = database
    this.#swept = swept
    this.#end = now
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql(swept))])
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof SQL, Statement>
  }

  async count(): Promise<number> {
    let from = await this.#first()
    let rows = 0
    while (from < this.#end) {
      const edge = await this.#edge(from, COUNT_STEP)
      const row = await this.#statements.count.get(this.#value(from), this.#value(edge))
      rows += Number(row?.['n'] ?? 0)
      from = edge
    }
    return rows
  }

  async next(limit: number, signal?: AbortSignal): Promise<number> {
    let from = this.#from ?? (await this.#first())
    while (from < this.#end && signal?.aborted !== true) {
      const began = performance.now()
      const edge = await this.#edge(from, limit)
      const rows = await this.#statements.clear.run(this.#value(from), this.#value(edge))
      from = edge
      this.#from = from
      this.#intoFile(rows)
      if (rows > 0) return rows
      // Of these rows all stay, or somebody else has deleted them: no reason to stop, but visitors shall have most of the time.
      const took = performance.now() - began
      await new Promise((resolve) => setTimeout(resolve, took * 2))
    }
    return 0
  }

  /**
   * SQLite has whoever writes next carry a long log into the file, on the disk at that, and a visitor would wait for it: so we do it
   * ourselves before it is long. It locks nobody out.
   */
  #intoFile(rows: number): void {
    // A D1 has no file that is ours.
    if (this.#database.dialect !== 'sqlite' || !this.#database.synchronous) return
    this.#inLog += rows
    if (this.#inLog < MOST_IN_LOG) return
    this.#inLog = 0
    void this.#database.execute('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** Where the first expired row is, or the end. */
  #first(): MaybePromise<number> {
    return chain(this.#statements.first.get(this.#value(this.#end)), (row) => this.#moment(row, 0))
  }

  /** The moment so many rows further, or the end. Rounded up to a whole millisecond, past what was found: so that it always goes on. */
  #edge(from: number, rows: number): MaybePromise<number> {
    const found = this.#statements.edge.get(this.#value(from), this.#value(this.#end), rows)
    return chain(found, (row) => this.#moment(row, 1))
  }

  #moment(row: Row | undefined, more: number): number {
    const moment = row === undefined ? null : this.#swept.moment(row[this.#swept.ends])
    return moment === null ? this.#end : Math.min(Math.floor(moment) + more, this.#end)
  }

  #value(ms: number): Value {
    return this.#swept.value(ms)
  }
}
