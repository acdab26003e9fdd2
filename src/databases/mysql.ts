import { ImproperlyConfigured } from '../errors.js'
import { msOfSqliteDate, sqliteDate } from '../wire/dates.js'
import { type Database, placeholders, type Row, type Statement, type Value, type ZoneRules } from './database.js'
import { type Answered, Connections } from './mysql/connections.js'
import { isMysqlHandle, type MysqlDriver, type MysqlPool, type Opened, opened, openMysql } from './mysql/driver.js'

export { isMysqlHandle, type MysqlPool }

/**
 * A MySQL or MariaDB: a URL, for which `mysql2` is loaded and a pool opened at first use, or the site's own pool or connection of
 * `mysql2`, in either flavour, which stays as its owner set it up, and open.
 *
 * In the URL: `connectionLimit` (10), `connectTimeout` (250 ms), `queryTimeout` (500 ms), `socketPath`, `ssl` (`true`, or a profile's name).
 * Statements are prepared: a value is never part of the SQL, whatever `sql_mode` and character set say, and it costs the same.
 *
 * @example
 * ```ts
 * import { mysql } from 'sojourn/databases/mysql'
 *
 * const database = mysql('mysql://django:secret@127.0.0.1/site?connectionLimit=20')
 * const newest = database.prepare('SELECT session_key FROM django_session WHERE expire_date > ?1')
 * ```
 */
export function mysql(source: string | MysqlPool, rules: ZoneRules = { useTz: true, timeZone: 'UTC' }): Database {
  return new Mysql(source, rules)
}

class Mysql implements Database {
  readonly dialect = 'mysql'
  readonly synchronous = false
  readonly #source: string | MysqlPool
  readonly #zone: string | undefined
  #connections: Promise<Connections> | null = null

  constructor(source: string | MysqlPool, { useTz, timeZone }: ZoneRules) {
    this.#source = source
    this.#zone = useTz ? undefined : timeZone
  }

  prepare(sql: string): Statement {
    return new Prepared(this, sql)
  }

  /** Table definitions take their time, and not all of them can be prepared. */
  async execute(sql: string): Promise<void> {
    const connections = await this.connections()
    await connections.ask({ sql, values: [], prepared: false, limited: false })
  }

  /** A `datetime(6)` has no zone: Django writes UTC into it, or with `USE_TZ = False` what the site's clocks show. */
  fromMoment(ms: number): string {
    return sqliteDate(ms, this.#zone)
  }

  toMoment(value: unknown): number | null {
    return typeof value === 'string' ? msOfSqliteDate(value, this.#zone) : null
  }

  async close(): Promise<void> {
    const connections = this.#connections
    this.#connections = null
    await (await connections?.catch(() => null))?.close()
  }

  connections(): Promise<Connections> {
    this.#connections ??= this.#open()
    return this.#connections
  }

  async #open(): Promise<Connections> {
    const open: Opened =
      typeof this.#source === 'string' ? await openMysql(this.#source, loadDriver) : opened(this.#source)
    return new Connections(open)
  }
}

async function loadDriver(): Promise<MysqlDriver> {
  try {
    const driver = (await import('mysql2')) as unknown as MysqlDriver & { readonly default?: MysqlDriver }
    return driver.default ?? driver
  } catch (cause) {
    throw new ImproperlyConfigured('A mysql: database needs its driver: run `npm install mysql2`.', { cause })
  }
}

/** What MySQL says of an insertion whose key is taken. */
const ER_DUP_ENTRY = 1062

class Prepared implements Statement {
  readonly #database: Mysql
  readonly #text: string
  readonly #order: readonly number[] | null
  readonly #verb: string

  constructor(database: Mysql, sql: string) {
    const { text, order } = placeholders(sql, () => '?')
    this.#database = database
    this.#text = text
    this.#order = order
    this.#verb = /^\s*(\w*)/.exec(sql)?.[1]?.toUpperCase() ?? ''
  }

  async get(...values: Value[]): Promise<Row | undefined> {
    return (await this.all(...values))[0]
  }

  async all(...values: Value[]): Promise<Row[]> {
    try {
      return (await this.#ask(values, true)) as Row[]
    } catch (error) {
      throw discreet(error)
    }
  }

  /** An insertion whose key is taken is 0 rows: `INSERT IGNORE` would also cut what is too long, and take a wrong value for none. */
  async run(...values: Value[]): Promise<number> {
    try {
      const answer = (await this.#ask(values, false)) as Answered
      if (!isKept(answer)) throw new ImproperlyConfigured(NOT_KEPT)
      return matched(answer, this.#verb)
    } catch (error) {
      if (this.#verb === 'INSERT' && (error as { errno?: unknown }).errno === ER_DUP_ENTRY) return 0
      throw discreet(error)
    }
  }

  async #ask(values: readonly Value[], reads: boolean): Promise<unknown> {
    const inOrder = this.#order === null ? values : this.#order.map((at) => values[at] as Value)
    const { sql, flat } = inOrder.some(isList) ? spread(this.#text, inOrder) : { sql: this.#text, flat: inOrder }
    const connections = await this.#database.connections()
    return connections.ask({ sql, values: flat, prepared: true, limited: true, reads })
  }
}

/** The status of a connection: within a transaction, and with autocommit. */
const IN_TRANSACTION = 1
const AUTOCOMMIT = 2
const NOT_KEPT =
  'The databases setting: autocommit is off on this connection, or it is in a transaction, so that what is stored may not last.'

/** Whether what was written is there for everybody, and stays. */
function isKept({ serverStatus = AUTOCOMMIT }: Answered): boolean {
  return (serverStatus & (IN_TRANSACTION | AUTOCOMMIT)) === AUTOCOMMIT
}

/**
 * How many rows an answer is about. A connection without the flag FOUND_ROWS counts only those that changed; what it says besides,
 * `Rows matched: 1  Changed: 0  Warnings: 0` in the server's language, begins with what was matched.
 */
function matched({ affectedRows, info = '' }: Answered, verb: string): number {
  const first = verb === 'UPDATE' ? /\d+/.exec(info) : null
  return Number(first?.[0] ?? affectedRows)
}

function isList(value: Value): value is readonly string[] {
  return Array.isArray(value)
}

/**
 * A list stands as one mark in `IN (?1)`, and becomes as many as it has elements; rounded up to a power of two by saying the last one
 * again, so that a connection has a handful of statements prepared and not one per length.
 */
function spread(text: string, values: readonly Value[]): { readonly sql: string; readonly flat: readonly Value[] } {
  const flat: Value[] = []
  let at = 0
  const sql = text.replace(/\?/g, () => {
    const value = values[at++] as Value
    if (!isList(value)) {
      flat.push(value)
      return '?'
    }
    const size = 2 ** Math.ceil(Math.log2(Math.max(value.length, 1)))
    for (let each = 0; each < size; each++) flat.push(value[each] ?? value[value.length - 1] ?? null)
    return '?, '.repeat(size).slice(0, -2)
  })
  return { sql, flat }
}

/** Errors that quote the value they are about, which may be a session's key or content. */
const QUOTING: ReadonlySet<unknown> = new Set([ER_DUP_ENTRY, 1292, 1366, 1406, 1411, 1525])

function discreet(error: unknown): unknown {
  const { errno, code } = error as { errno?: unknown; code?: unknown }
  return QUOTING.has(errno)
    ? Object.assign(new Error(`The database refused a value (${String(code)}).`), { errno, code })
    : error
}
