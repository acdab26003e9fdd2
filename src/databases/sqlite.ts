import { type Runtime, runtime, type SqliteModule } from '../core/runtime.js'
import { ImproperlyConfigured } from '../errors.js'
import { msOfSqliteDate, sqliteDate } from '../wire/dates.js'
import { type Database, placeholders, type Row, type Statement, type Value, type ZoneRules } from './database.js'
import { Waiters } from './sqlite/waiters.js'

/** What `better-sqlite3`, `node:sqlite` and `bun:sqlite` have in common. */
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

type MaybePromise<T> = T | Promise<T>

interface Rules extends ZoneRules {
  /** Seconds that a statement waits for another process's write. */
  readonly sessionStoreTimeout?: number
}

interface Connection {
  readonly handle: SqliteHandle
  readonly waiters: Waiters
  readonly isOurs: boolean
}

const DEFAULT_PATIENCE = 0.5
/**
 * How long opening a file and making tables waits for another process's write, in milliseconds; it holds the event loop meanwhile, for
 * nothing else could go on without the tables. A file that was locked too long once is tried again and again, for a moment each time.
 */
const OPENING = { first: 500, again: 20 } as const

/** Whether an object is an open SQLite database. */
export function isSqliteHandle(value: object): value is SqliteHandle {
  const handle = value as Partial<SqliteHandle>
  return typeof handle.prepare === 'function' && typeof handle.exec === 'function'
}

/**
 * A SQLite file or an open handle of `node:sqlite`, `bun:sqlite` or `better-sqlite3`. A file is opened at first use, in WAL mode with
 * `synchronous=NORMAL` (nothing that was answered is lost when the process dies; `?synchronous=full` also survives a
 * power cut, at some 200 µs a write); `onOpen` is then called once. A handle stays as its owner set it up, and open.
 *
 * Reading is synchronous. What writes is a promise while another connection has the file locked: it is tried again for as long as the site
 * waits for its store, and the process goes on meanwhile. A handle whose own `timeout` is longer than 5 ms waits for that instead, standing
 * still, and then fails.
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
  rules: Rules = { useTz: true, timeZone: 'UTC' },
  onOpen?: (database: Database) => void,
): Database {
  return new Sqlite(source, rules, onOpen)
}

class Sqlite implements Database {
  readonly dialect = 'sqlite'
  readonly synchronous = true
  readonly #source: string | SqliteHandle
  readonly #zone: string | undefined
  readonly #patience: number
  readonly #onOpen: ((database: Database) => void) | undefined
  #connection: Connection | null = null
  #opening: number = OPENING.first

  constructor(source: string | SqliteHandle, rules: Rules, onOpen?: (database: Database) => void) {
    const { useTz, timeZone, sessionStoreTimeout = DEFAULT_PATIENCE } = rules
    this.#source = source
    this.#onOpen = onOpen
    this.#zone = useTz ? undefined : timeZone
    this.#patience = sessionStoreTimeout * 1000
  }

  prepare(sql: string): Statement {
    const { text, order } = placeholders(sql, () => '?')
    if (order !== null) throw new TypeError('A statement for SQLite has its values once and in order.')
    const { handle, waiters } = this.#open()
    return new Prepared(prepared(handle, waiters, text), waiters, !READS.test(text))
  }

  /** Never tried again later: a text of several statements, or a `BEGIN`, must not run in the middle of others. */
  execute(sql: string): void {
    const { handle, isOurs } = this.#open()
    if (!isOurs) {
      handle.exec(sql)
      return
    }
    handle.exec(`PRAGMA busy_timeout = ${this.#opening}`)
    try {
      handle.exec(sql)
    } finally {
      handle.exec('PRAGMA busy_timeout = 0')
    }
  }

  fromMoment(ms: number): string {
    return sqliteDate(ms, this.#zone)
  }

  toMoment(value: unknown): number | null {
    return typeof value === 'string' ? msOfSqliteDate(value, this.#zone) : null
  }

  close(): void {
    const connection = this.#connection
    this.#connection = null
    connection?.waiters.end()
    if (connection?.isOurs) connection.handle.close()
  }

  #open(): Connection {
    if (this.#connection !== null) return this.#connection
    if (typeof this.#source !== 'string') return this.#connect(this.#source, false)
    try {
      const connection = this.#connect(openFile(this.#source, this.#opening), true)
      this.#onOpen?.(this)
      this.#opening = OPENING.first
      return connection
    } catch (error) {
      // Without its tables it would be of no use for as long as it is open.
      this.close()
      this.#opening = OPENING.again
      throw error
    }
  }

  #connect(handle: SqliteHandle, isOurs: boolean): Connection {
    this.#connection = { handle, isOurs, waiters: new Waiters(handle, this.#patience) }
    return this.#connection
  }
}

/** What surely only reads, and so is never put off. Anything else may write, and return rows all the same. */
const READS = /^\s*(?:SELECT|VALUES|PRAGMA|EXPLAIN)\b/i

/** Reads the schema, and is a reader in that. */
function prepared(handle: SqliteHandle, waiters: Waiters, text: string): SqliteStatement {
  try {
    return handle.prepare(text)
  } catch (error) {
    return waiters.again(error, () => handle.prepare(text), false) as SqliteStatement
  }
}

type Operation<T> = (statement: SqliteStatement, values: Value[]) => T

const get: Operation<Row | undefined> = (statement, values) =>
  (statement.get(...values) as Row | undefined) ?? undefined
const all: Operation<Row[]> = (statement, values) => statement.all(...values) as Row[]
const run: Operation<number> = (statement, values) => Number(statement.run(...values).changes)

class Prepared implements Statement {
  readonly #statement: SqliteStatement
  readonly #waiters: Waiters
  readonly #writes: boolean

  constructor(statement: SqliteStatement, waiters: Waiters, writes: boolean) {
    this.#statement = statement
    this.#waiters = waiters
    this.#writes = writes
  }

  get(...values: Value[]): MaybePromise<Row | undefined> {
    return this.#perform(get, values)
  }

  all(...values: Value[]): MaybePromise<Row[]> {
    return this.#perform(all, values)
  }

  run(...values: Value[]): MaybePromise<number> {
    return this.#perform(run, values)
  }

  #perform<T>(operation: Operation<T>, values: Value[]): MaybePromise<T> {
    if (this.#writes && this.#waiters.areAhead) return this.#inTurn(operation, values)
    try {
      return operation(this.#statement, values)
    } catch (error) {
      return this.#again(error, operation, values)
    }
  }

  // Apart, so that what always runs makes no function.
  #inTurn<T>(operation: Operation<T>, values: Value[]): Promise<T> {
    return this.#waiters.inTurn(() => operation(this.#statement, values))
  }

  #again<T>(error: unknown, operation: Operation<T>, values: Value[]): MaybePromise<T> {
    return this.#waiters.again(error, () => operation(this.#statement, values), this.#writes)
  }
}

/** `sqlite:./db.sqlite3`, `sqlite:///var/lib/site.db`, `sqlite::memory:`; `?synchronous=full` for power cuts. */
function openFile(url: string, patience: number): SqliteHandle {
  const [location = '', query = ''] = url.replace(/^sqlite:(?:\/\/(?=\/))?/, '').split('?', 2)
  const { synchronous = 'normal', ...others } = Object.fromEntries(new URLSearchParams(query))
  if (Object.keys(others).length > 0 || !/^(?:off|normal|full|extra)$/i.test(synchronous)) {
    throw new ImproperlyConfigured(
      "The databases setting: after the ? of a sqlite URL stands nothing but 'synchronous=', with 'off', 'normal', 'full' or 'extra'.",
    )
  }
  const handle = open(decodeURIComponent(location))
  try {
    handle.exec(`PRAGMA busy_timeout = ${patience}`)
    if (location !== ':memory:') handle.exec('PRAGMA journal_mode = WAL')
    handle.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA busy_timeout = 0`)
  } catch (error) {
    handle.close()
    throw error
  }
  return handle
}

function open(path: string): SqliteHandle {
  const File = driver(runtime)
  try {
    return new File(path)
  } catch (cause) {
    throw new ImproperlyConfigured(
      'The SQLite database of the databases setting cannot be opened: is its folder there, and may this process write into it?',
      { cause },
    )
  }
}

/** What opens a file in each of these modules; absent where the module is. Loaded only when a URL asks for it. */
const DRIVERS: Readonly<Record<SqliteModule, () => OpenFile | undefined>> = {
  'node:sqlite': () => builtin<{ readonly DatabaseSync: OpenFile }>('node:sqlite')?.DatabaseSync,
  'bun:sqlite': () => builtin<{ readonly Database: OpenFile }>('bun:sqlite')?.Database,
  'better-sqlite3': () => {
    const { createRequire } = process.getBuiltinModule('node:module')
    return createRequire(import.meta.url)('better-sqlite3') as OpenFile
  },
}

function builtin<T>(name: string): T | undefined {
  return process.getBuiltinModule(name) as T | undefined
}

/** The first driver that this runtime has. */
function driver({ name, sqlite, withoutSqlite }: Runtime): OpenFile {
  let cause: unknown
  for (const each of sqlite) {
    try {
      const found = DRIVERS[each]()
      if (found !== undefined) return found
    } catch (error) {
      cause = error
    }
  }
  throw new ImproperlyConfigured(`A sqlite: database has no driver on ${name}: ${withoutSqlite}.`, { cause })
}
