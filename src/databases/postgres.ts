import { ImproperlyConfigured } from '../errors.js'
import { derivedKey } from '../wire/crypto.js'
import { isoOfMicros, microsOfIso } from '../wire/dates.js'
import { type Database, placeholders, type Row, type Statement, type Value, type ZoneRules } from './database.js'
import {
  type Answer,
  type Driver,
  PgDriver,
  type PgPool,
  type PostgresSql,
  QUERY_TIMEOUT,
  SqlDriver,
} from './postgres/drivers.js'
import { discreet, isHeldByNoRow, isMadeMeanwhile, remedyFor } from './postgres/errors.js'
import { type PgClient, PostgresPool } from './postgres/pool.js'

export type { PgPool, PostgresSql } from './postgres/drivers.js'

const CONNECT_TIMEOUT = 250
const MAX = 10
/** How often a statement gets a new name before it goes without one. */
const MOST_NAMES = 10
const MOST_TRIES = 3

/** Whether an object is a pool or client of `pg`, or the `sql` function of postgres.js. */
export function isPostgresHandle(value: object): value is PgPool | PostgresSql {
  const handle = value as Partial<PgPool & PostgresSql> & { execute?: unknown }
  if (typeof handle.unsafe === 'function') return true
  // mysql2 has query and connect too.
  return (
    typeof handle.query === 'function' && typeof handle.connect === 'function' && typeof handle.execute !== 'function'
  )
}

/**
 * PostgreSQL, by a URL, a `Pool` or `Client` of `pg`, or the `sql` function of postgres.js. A URL is opened at first use
 * with `pg`: at most 10 connections (`?max=`), 250 ms to connect, 500 ms a statement (`?query_timeout=`), what else `pg`
 * understands. Statements are prepared once on each connection; `?prepare=false` is for a PgBouncer that gives each
 * transaction another one. What you opened is yours: it is never closed, and stays set up as you did.
 *
 * @example
 * ```ts
 * import { postgres } from 'sojourn/databases/postgres'
 *
 * const database = postgres('postgres://site@127.0.0.1/site?max=20')
 * ```
 */
export function postgres(source: string | PgPool | PostgresSql, _rules?: ZoneRules): Database {
  return new Postgres(source)
}

const NO_ROWS: Answer = { rows: [], count: 0 }

class Postgres implements Database {
  readonly dialect = 'postgres'
  readonly synchronous = false
  readonly #address: Address | null
  #driver: Driver | null = null
  #opening: Promise<Driver> | null = null

  constructor(source: string | PgPool | PostgresSql) {
    this.#address = typeof source === 'string' ? parseUrl(source) : null
    if (typeof source !== 'string') this.#driver = 'unsafe' in source ? new SqlDriver(source) : new PgDriver(source)
  }

  prepare(sql: string): Statement {
    const { text } = placeholders(sql, (value) => `$${value}`)
    return new Prepared(text, () => this.#driver ?? this.#open())
  }

  async execute(sql: string): Promise<void> {
    const driver = this.#driver ?? (await this.#open())
    for (let tries = 1; ; tries++) {
      try {
        await driver.execute(sql)
        return
      } catch (error) {
        if (tries === MOST_TRIES || !isMadeMeanwhile(error)) throw discreet(error)
      }
    }
  }

  /** An instant, whatever `USE_TZ`, `TIME_ZONE` and the connection's zone are. */
  fromMoment(ms: number): string {
    return isoOfMicros(Math.round(ms * 1000))
  }

  /** From a `Date`, or from PostgreSQL's own text where the driver was told to leave that alone. `infinity` is none. */
  toMoment(value: unknown): number | null {
    const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? msOfText(value) : value
    return typeof ms === 'number' && Number.isFinite(ms) ? ms : null
  }

  async close(): Promise<void> {
    if (this.#address === null) return
    const opening = this.#opening
    this.#opening = null
    this.#driver = null
    const driver = await opening?.catch(() => null)
    await driver?.close()
  }

  #open(): Promise<Driver> {
    this.#opening ??= connectTo(this.#address as Address).then((driver) => {
      if (this.#opening !== null) this.#driver = driver
      return driver
    })
    return this.#opening
  }
}

class Prepared implements Statement {
  readonly #text: string
  readonly #reads: boolean
  readonly #open: () => Driver | Promise<Driver>
  /** Made of the text, as two processes may share a connection behind PgBouncer: a name must not mean two statements. */
  readonly #base: string
  #name: string | undefined
  #names = 0

  constructor(text: string, open: () => Driver | Promise<Driver>) {
    this.#text = text
    this.#open = open
    this.#reads = /^SELECT\b/i.test(text)
    this.#base = `sojourn_${derivedKey('statement', text).toString('hex').slice(0, 24)}`
    this.#name = this.#base
  }

  async get(...values: Value[]): Promise<Row | undefined> {
    return (await this.#ask(values)).rows[0]
  }

  async all(...values: Value[]): Promise<Row[]> {
    return (await this.#ask(values)).rows
  }

  async run(...values: Value[]): Promise<number> {
    return (await this.#ask(values)).count
  }

  async #ask(values: readonly Value[]): Promise<Answer> {
    const opened = this.#open()
    const driver = opened instanceof Promise ? await opened : opened
    for (let tries = 1; ; tries++) {
      const name = this.#name
      try {
        return await driver.ask(this.#text, name, values)
      } catch (error) {
        if (this.#reads && isHeldByNoRow(error, values)) return NO_ROWS
        const remedy = remedyFor(error, this.#reads)
        if (remedy === null || tries === MOST_TRIES) throw discreet(error, values)
        if (remedy === 'rename') this.#rename(name)
      }
    }
  }

  /**
   * `pg` believes for good that a connection knows a name. So one that failed is not used again, on any connection; where that goes on
   * and on, statements cannot be prepared at all.
   */
  #rename(failed: string | undefined): void {
    if (failed === undefined || failed !== this.#name) return
    this.#names += 1
    this.#name = this.#names < MOST_NAMES ? `${this.#base}_${this.#names}` : undefined
  }
}

/** A URL without what is ours in it. */
interface Address {
  readonly connectionString: string
  readonly prepares: boolean
  readonly max: number
  readonly timeout: number
}

function parseUrl(url: string): Address {
  const [location = '', query = ''] = url.split('?', 2)
  const params = new URLSearchParams(query)
  const prepare = params.get('prepare') ?? 'true'
  if (prepare !== 'true' && prepare !== 'false') wrong("prepare is 'true' or 'false'")
  const max = whole(params, 'max', MAX)
  const timeout = whole(params, 'query_timeout', QUERY_TIMEOUT)
  for (const ours of ['prepare', 'max', 'query_timeout']) params.delete(ours)
  const connectionString = params.size > 0 ? `${location}?${params}` : location
  return { connectionString, prepares: prepare === 'true', max, timeout }
}

async function connectTo({ connectionString, prepares, max, timeout }: Address): Promise<Driver> {
  const { default: pg } = await loadDriver()
  const options = { connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT, keepAlive: true }
  const make = (): PgClient => new pg.Client(options) as unknown as PgClient
  try {
    make()
  } catch {
    // Without its cause, which quotes the URL.
    wrong('host, port, database and certificates must be such that pg understands them')
  }
  return new PgDriver(new PostgresPool(make, max), timeout, prepares)
}

function whole(params: URLSearchParams, name: string, otherwise: number): number {
  const text = params.get(name) ?? String(otherwise)
  if (!/^[1-9]\d{0,5}$/.test(text)) wrong(`${name} is a whole number above 0`)
  return Number(text)
}

/** Never shows the URL, which may hold a password. */
function wrong(rule: string): never {
  throw new ImproperlyConfigured(`The databases setting: ${rule} in a postgres URL.`)
}

async function loadDriver(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch (cause) {
    throw new ImproperlyConfigured('A postgres: database needs its driver: run `npm install pg`.', { cause })
  }
}

/** `2023-11-28 22:13:20.25+00`: a short offset, which `isoformat()` never writes. */
function msOfText(text: string): number | null {
  const micros = microsOfIso(text.replace(/([+-]\d\d)$/, '$1:00'))
  return micros === null ? null : micros / 1000
}
