/** The part of SQL that sojourn speaks: prepared statements with positional parameters. */

export type Value = string | number | bigint | null
export type Row = Readonly<Record<string, unknown>>
export type Dialect = 'sqlite' | 'postgres' | 'mysql'

type MaybePromise<T> = T | Promise<T>

/** One statement, prepared once and run many times. */
export interface Statement {
  /** The first row, if there is one. */
  get(...values: Value[]): MaybePromise<Row | undefined>
  all(...values: Value[]): MaybePromise<Row[]>
  /** How many rows were matched, changed or not. */
  run(...values: Value[]): MaybePromise<number>
}

/**
 * A database with Django's tables in it. Statements are written with `?` for each parameter; a database that counts its parameters puts its own
 * marks there.
 */
export interface Database {
  readonly dialect: Dialect
  /** True where every statement answers at once. */
  readonly synchronous: boolean
  prepare(sql: string): Statement
  /** Runs statements that return nothing: tables, pragmas. */
  execute(sql: string): MaybePromise<void>
  /** A moment (milliseconds since 1970) as this database's column keeps it, by the site's `useTz` and `timeZone`. */
  fromMoment(ms: number): Value
  /** The moment that a column holds, `null` if it holds none. */
  toMoment(value: unknown): number | null
  close(): MaybePromise<void>
}

/** How a table keeps moments: Django's `USE_TZ` and `TIME_ZONE`. */
export interface ZoneRules {
  readonly useTz: boolean
  readonly timeZone: string
}
