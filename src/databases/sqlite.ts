import { ImproperlyConfigured } from '../errors.js'
import { msOfSqliteDate, sqliteDate } from '../wire/dates.js'
import { type Database, placeholders, type Row, type Statement, type Value, type ZoneRules } from './database.js'

/** What `better-sqlite3` and `node:sqlite` have in common. */
export interface SqliteHandle {
  prepare(sql: string): SqliteStatement
  exec(sql: string): unknown
  close(): unknown
}

interface SqliteStatement {
  get(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
  run(...values: Value[]): { changes: number | bigint }
}

type OpenFile = new (path: string) => SqliteHandle

/** How long a statement waits for another process's write, in milliseconds; it holds the event loop meanwhile. */
const BUSY_TIMEOUT = 500

/** Whether an object is an open SQLite database. */
export function isSqliteHandle(value: object): value is SqliteHandle {
  const handle = value as Partial<SqliteHandle>
  return typeof handle.prepare === 'function' && typeof handle.exec === 'function'
}

/**
 * A SQLite file or an open handle of `better-sqlite3` or `node:sqlite`. A file is opened at first use, in WAL mode with
 * `synchronous=NORMAL` (nothing that was answered is lost when the process dies; `?synchronous=full` also survives a
 * power cut, at some 200 µs a write); `onOpen` is then called once. A handle stays as its owner set it up, and open.
 *
 * @example
 * ```ts
 * import { sqlite } from 'sojourn/databases/sqlite'
 *
 * const database = sqlite('sqlite::memory:')
 * database.execute('CREATE TABLE t (a)')
 * ```
 */
export function sqlite(
  source: string | SqliteHandle,
  rules: ZoneRules = { useTz: true, timeZone: 'UTC' },
  onOpen?: (database: Database) => void,
): Database {
  return new Sqlite(source, rules, onOpen)
}

class Sqlite implements Database {
  readonly dialect = 'sqlite'
  readonly synchronous = true
  readonly #source: string | SqliteHandle
  readonly #zone: string | undefined
  readonly #onOpen: ((database: Database) => void) | undefined
  #handle: SqliteHandle | null = null

  constructor(source: string | SqliteHandle, { useTz, timeZone }: ZoneRules, onOpen?: (database: Database) => void) {
    this.#source = source
    this.#onOpen = onOpen
    this.#zone = useTz ? undefined : timeZone
  }

  prepare(sql: string): Statement {
    const { text, order } = placeholders(sql, () => '?')
    if (order !== null) throw new TypeError('A statement for SQLite has its values once and in order.')
    return new Prepared(this.#open().prepare(text))
  }

  execute(sql: string): void {
    this.#open().exec(sql)
  }

  fromMoment(ms: number): string {
    return sqliteDate(ms, this.#zone)
  }

  toMoment(value: unknown): number | null {
    return typeof value === 'string' ? msOfSqliteDate(value, this.#zone) : null
  }

  close(): void {
    this.#handle?.close()
    this.#handle = null
  }

  #open(): SqliteHandle {
    if (this.#handle !== null) return this.#handle
    if (typeof this.#source !== 'string') return this.#source
    this.#handle = openFile(this.#source)
    this.#onOpen?.(this)
    return this.#handle
  }
}

class Prepared implements Statement {
  readonly #statement: SqliteStatement

  constructor(statement: SqliteStatement) {
    this.#statement = statement
  }

  get(...values: Value[]): Row | undefined {
    return (this.#statement.get(...values) as Row | undefined) ?? undefined
  }

  all(...values: Value[]): Row[] {
    return this.#statement.all(...values) as Row[]
  }

  run(...values: Value[]): number {
    return Number(this.#statement.run(...values).changes)
  }
}

/** `sqlite:./db.sqlite3`, `sqlite:///var/lib/site.db`, `sqlite::memory:`; `?synchronous=full` for power cuts. */
function openFile(url: string): SqliteHandle {
  const [location = '', query = ''] = url.replace(/^sqlite:(?:\/\/(?=\/))?/, '').split('?', 2)
  const synchronous = new URLSearchParams(query).get('synchronous') ?? 'normal'
  if (!/^(?:off|normal|full|extra)$/i.test(synchronous)) {
    throw new ImproperlyConfigured(
      "The databases setting: synchronous of a sqlite URL is 'off', 'normal', 'full' or 'extra'.",
    )
  }
  const handle = open(decodeURIComponent(location))
  handle.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
  if (location !== ':memory:') handle.exec('PRAGMA journal_mode = WAL')
  handle.exec(`PRAGMA synchronous = ${synchronous}`)
  return handle
}

function open(path: string): SqliteHandle {
  const File = driver()
  try {
    return new File(path)
  } catch (cause) {
    throw new ImproperlyConfigured('The SQLite database of the databases setting cannot be opened.', { cause })
  }
}

/** `node:sqlite` where the runtime has it, else `better-sqlite3`; loaded only when a URL asks for it. */
function driver(): OpenFile {
  const builtin = process.getBuiltinModule as undefined | ((name: string) => unknown)
  const own = builtin?.('node:sqlite') as { DatabaseSync: OpenFile } | undefined
  if (own !== undefined) return own.DatabaseSync
  const { createRequire } = process.getBuiltinModule('node:module')
  try {
    return createRequire(import.meta.url)('better-sqlite3') as OpenFile
  } catch (cause) {
    throw new ImproperlyConfigured(
      'A sqlite: database needs a driver on this runtime: run `npm install better-sqlite3`, or use Node 22.13 or newer, which has its own.',
      { cause },
    )
  }
}
