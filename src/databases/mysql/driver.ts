import { ImproperlyConfigured } from '../../errors.js'

/** What a pool and a connection of `mysql2` have in common, in both flavours. */
export interface MysqlPool {
  execute(sql: string): unknown
  query(sql: string): unknown
  escapeId(name: string): string
}

/** A statement as `mysql2` takes it. */
export interface DriverStatement {
  readonly sql: string
  readonly values: readonly unknown[]
}

type Done<T> = (error: Error | null, result: T) => void

/** A connection of the callback flavour. */
export interface DriverConnection {
  execute(statement: DriverStatement, done: Done<unknown>): unknown
  query(statement: DriverStatement, done: Done<unknown>): unknown
  /** Only a pool's connection has it. */
  release?(): void
  destroy(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
  readonly stream?: { destroy?(): unknown }
}

/** A pool of the callback flavour. */
export interface DriverPool {
  getConnection(done: Done<DriverConnection>): void
  end(done: (error?: Error | null) => void): void
  on(event: 'connection', listener: (connection: DriverConnection) => void): unknown
  readonly config?: { readonly connectionLimit?: number }
}

/** What statements are sent through, and by whose rules. */
export interface Opened {
  readonly pool: DriverPool | null
  /** The site's only connection, where it gave that instead of a pool. */
  readonly only: DriverConnection | null
  /** How many statements may be under way. */
  readonly limit: number
  /** Milliseconds in which a connection is to be had, and in which it is to answer. */
  readonly connectTimeout: number
  readonly queryTimeout: number
  /** Whether closing is up to us. */
  readonly ours: boolean
}

/** `mysql2` itself. */
export interface MysqlDriver {
  createPool(options: object): DriverPool
}

/** Of the 500 ms that an operation of the visitor's may take. */
const CONNECT_TIMEOUT = 250
const QUERY_TIMEOUT = 500
const CONNECTIONS = 10
const PARAMETERS = ['connectionLimit', 'connectTimeout', 'queryTimeout', 'socketPath', 'ssl']

/** Whether an object is a pool or a connection of `mysql2`. */
export function isMysqlHandle(value: object): value is MysqlPool {
  const core = callbackFlavour(value)
  return (
    typeof core['execute'] === 'function' &&
    typeof core['query'] === 'function' &&
    typeof core['escapeId'] === 'function' &&
    typeof core['config'] === 'object'
  )
}

/** The site's own pool or connection. */
export function opened(source: MysqlPool): Opened {
  const core = callbackFlavour(source)
  const rules = { connectTimeout: CONNECT_TIMEOUT, queryTimeout: QUERY_TIMEOUT, ours: false }
  if (typeof core['getConnection'] !== 'function') {
    return { ...rules, pool: null, only: core as unknown as DriverConnection, limit: 1 }
  }
  const pool = core as unknown as DriverPool
  return { ...rules, pool, only: null, limit: pool.config?.connectionLimit || CONNECTIONS }
}

/** The promise flavour wraps the other one, and says so under these names. */
function callbackFlavour(source: object): Readonly<Record<string, unknown>> {
  const { pool, connection } = source as { pool?: unknown; connection?: unknown }
  const inner = [pool, connection].find((each) => typeof (each as MysqlPool | undefined)?.query === 'function')
  return (inner ?? source) as Readonly<Record<string, unknown>>
}

/** `mysql://user:password@host:3306/name?connectionLimit=10`, or `mariadb://`. */
export async function openMysql(source: string, load: () => Promise<MysqlDriver>): Promise<Opened> {
  const { queryTimeout, ...options } = optionsOf(source)
  const driver = await load()
  return {
    pool: driver.createPool(options),
    only: null,
    limit: options.connectionLimit,
    connectTimeout: options.connectTimeout,
    queryTimeout,
    ours: true,
  }
}

interface UrlOptions {
  readonly [option: string]: unknown
  readonly connectTimeout: number
  readonly queryTimeout: number
  readonly connectionLimit: number
}

function optionsOf(source: string): UrlOptions {
  const url = parse(source)
  const parameters = url.searchParams
  for (const name of parameters.keys()) if (!PARAMETERS.includes(name)) throw wrong(`has ${PARAMETERS.join(', ')}`)
  const database = decodeURIComponent(url.pathname.slice(1))
  if (database === '') throw wrong('ends with the name of the database')
  const number = (name: string, otherwise: number): number => {
    const text = parameters.get(name) ?? String(otherwise)
    if (!/^[1-9]\d{0,6}$/.test(text)) throw wrong(`has a number of 1 or more as ${name}`)
    return Number(text)
  }
  const ssl = parameters.get('ssl')
  return {
    ...(parameters.has('socketPath')
      ? { socketPath: parameters.get('socketPath') }
      : { host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(url.port || 3306) }),
    ...(ssl === null ? {} : { ssl: ssl === 'true' ? { verifyIdentity: true } : ssl }),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    connectionLimit: number('connectionLimit', CONNECTIONS),
    connectTimeout: number('connectTimeout', CONNECT_TIMEOUT),
    queryTimeout: number('queryTimeout', QUERY_TIMEOUT),
  }
}

function parse(source: string): URL {
  try {
    return new URL(source.replace(/^(?:mysql|mariadb):\/\/(?=\/)/, '$&127.0.0.1'))
  } catch {
    throw wrong('is written mysql://user:password@host:3306/name')
  }
}

function wrong(rule: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`The databases setting: a mysql URL ${rule}.`)
}
