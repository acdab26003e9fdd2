/** The part of SQL that sojourn speaks: prepared statements with positional parameters. */

/** A list is for databases that take one in a parameter's place (PostgreSQL's `= ANY(?1)`, MySQL's `IN (?1)`). */
export type Value = string | number | bigint | null | readonly string[]
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
 * A database with Django's tables in it. Statements are written with `?1`, `?2`... for their values, in the order in which `run` gets
 * them; one may stand there twice. A database puts its own marks in their place (`placeholders`).
 */
export interface Database {
  readonly dialect: Dialect
  /** True where every statement that only reads answers at once. */
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

/**
 * A statement as a driver wants it: `mark` says what stands for the value of a number. `order` says which value goes where, for drivers
 * that count the marks; `null` where each stands once and in order.
 */
export function placeholders(
  sql: string,
  mark: (value: number) => string,
): { readonly text: string; readonly order: readonly number[] | null } {
  const order: number[] = []
  const text = sql.replace(/\?(\d+)/g, (_, digits: string) => {
    order.push(Number(digits) - 1)
    return mark(Number(digits))
  })
  return { text, order: order.every((value, at) => value === at) ? null : order }
}

/**
 * An insertion of what is not there yet: 0 rows where the key is taken. MySQL's `INSERT IGNORE` would also cut what is too long for its
 * column; there the refusal itself is made 0 rows (`Prepared.run` of mysql.ts).
 */
export function insertNew(dialect: Dialect, into: string, values: string): string {
  return dialect === 'mysql'
    ? `INSERT INTO ${into} VALUES ${values}`
    : `INSERT INTO ${into} VALUES ${values} ON CONFLICT DO NOTHING`
}

/** How a table keeps moments: Django's `USE_TZ` and `TIME_ZONE`. */
export interface ZoneRules {
  readonly useTz: boolean
  readonly timeZone: string
}
