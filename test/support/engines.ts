import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SettingsInput } from '../../src/core/settings.js'
import { openDatabase } from '../../src/databases/open.js'
import { makeTables } from '../../src/tables.js'
import {
  type ServerOptions,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  startRedisCluster,
  type TestServer,
} from './servers/index.js'
import type { ServerName } from './servers/programs.js'
import { SECRET } from './sites.js'

/** Where a store is, as text: a process of its own finds it by that. */
export interface StoreAddress {
  readonly engine: EngineName
  readonly database?: string
  readonly cache?: string
  readonly folder?: string
}

/** What of a store may fail for itself: a server, or the masters of a cluster. */
export type Failing = Pick<TestServer, 'kill' | 'start' | 'pause' | 'resume'>

/** A store that runs, with its tables in it. */
export interface RunningStore extends AsyncDisposable {
  readonly address: StoreAddress
  /** Its servers; none where it lives in the processes that use it, or in a file. */
  readonly servers: readonly Failing[]
}

export interface EngineKind {
  /** What must be installed: for `missingServer`. */
  readonly servers: readonly ServerName[]
  /** Whether several processes share it. */
  readonly shared: boolean
  /** Whether what it acknowledged is there after `kill -9`, of its servers or of the processes that use it. */
  readonly durable: boolean
  /** Starts private servers for it, as careful with their disks as can be unless their settings say otherwise. */
  start(serverSettings?: Readonly<Record<string, string>>): Promise<RunningStore>
  /** The settings that make a site of it, in whatever process, and how to end what was opened for them. */
  settings(address: StoreAddress): Promise<SiteSettings>
}

export interface SiteSettings {
  readonly settings: SettingsInput
  close(): Promise<void>
}

export type EngineName =
  | 'memory'
  | 'locmem'
  | 'file'
  | 'sqlite'
  | 'postgres'
  | 'postgres-js'
  | 'mariadb'
  | 'redis'
  | 'ioredis'
  | 'redis-cluster'
  | 'memcached'
  | 'cached_db'
  | 'signed_cookies'

const nothing = async (): Promise<void> => undefined

/** In one process, or in the browser: nothing to start. */
function without(engine: EngineName, input: SettingsInput): EngineKind {
  return {
    servers: [],
    shared: false,
    durable: false,
    start: async () => ({ address: { engine }, servers: [], [Symbol.asyncDispose]: nothing }),
    settings: async () => site(input),
  }
}

/** In a temporary folder. */
function inFolder(engine: EngineName, input: (folder: string) => SettingsInput): EngineKind {
  return {
    servers: [],
    shared: true,
    durable: true,
    async start() {
      const folder = await mkdtemp(join(tmpdir(), `sojourn-${engine}-`))
      return { address: { engine, folder }, servers: [], [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
    },
    settings: async ({ folder = '' }) => site(input(folder)),
  }
}

type Start = (options: ServerOptions) => Promise<TestServer>

/** In one database server, by its URL or by a driver's own pool. */
function onDatabase(
  engine: EngineName,
  server: ServerName,
  start: Start,
  open: (url: string) => Promise<Handle> = byUrl,
): EngineKind {
  return {
    servers: [server],
    shared: true,
    durable: true,
    async start(settings) {
      const started = await start({ settings })
      await migrate(started.url)
      return { address: { engine, database: started.url }, servers: [started], ...endOf(started) }
    },
    async settings({ database = '' }) {
      const { handle, close } = await open(database)
      return { ...site({ databases: { default: handle } }), close }
    },
  }
}

/** In a cache, by its URL or by a driver's own client. */
function onCache(
  server: ServerName,
  start: (options: ServerOptions) => Promise<RunningStore>,
  open: (url: string) => Promise<Handle> = byUrl,
): EngineKind {
  return {
    servers: [server],
    shared: true,
    durable: server !== 'memcached',
    start: (settings) => start({ settings }),
    async settings({ cache = '' }) {
      const { handle, close } = await open(cache)
      return { ...site({ sessionEngine: 'cache', caches: { default: handle } }), close }
    },
  }
}

const oneServer =
  (engine: EngineName, start: Start) =>
  async (options: ServerOptions): Promise<RunningStore> => {
    const server = await start(options)
    return { address: { engine, cache: server.url }, servers: [server], ...endOf(server) }
  }

/** Every store that sojourn keeps sessions in, each on private servers of its own. */
export const engines: Readonly<Record<EngineName, EngineKind>> = {
  memory: without('memory', { sessionEngine: 'memory' }),
  locmem: without('locmem', { sessionEngine: 'cache', caches: { default: 'locmem:' } }),
  signed_cookies: without('signed_cookies', { sessionEngine: 'signed_cookies' }),
  file: inFolder('file', (folder) => ({ sessionEngine: 'file', sessionFilePath: folder })),
  sqlite: inFolder('sqlite', (folder) => ({ databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` } })),
  postgres: onDatabase('postgres', 'postgres', startPostgres),
  'postgres-js': onDatabase('postgres-js', 'postgres', startPostgres, postgresJs),
  mariadb: onDatabase('mariadb', 'mariadb', startMariadb),
  redis: onCache('redis', oneServer('redis', startRedis)),
  ioredis: onCache('redis', oneServer('ioredis', startRedis), ioRedis),
  'redis-cluster': onCache('redis', startCluster),
  memcached: onCache(
    'memcached',
    oneServer('memcached', () => startMemcached()),
  ),
  cached_db: {
    servers: ['postgres', 'redis'],
    shared: true,
    durable: true,
    async start() {
      const postgres = await startPostgres()
      const redis = await startRedis()
      await migrate(postgres.url)
      const address: StoreAddress = { engine: 'cached_db', database: postgres.url, cache: redis.url }
      return { address, servers: [postgres, redis], ...endOf(postgres, redis) }
    },
    settings: async ({ database = '', cache = '' }) =>
      site({ sessionEngine: 'cached_db', databases: { default: database }, caches: { default: cache } }),
  },
}

export const engineNames = Object.keys(engines) as readonly EngineName[]

/** The settings of a site on a store that was started, here or in another process. */
export function siteSettings(address: StoreAddress): Promise<SiteSettings> {
  return engines[address.engine].settings(address)
}

function site(input: SettingsInput): SiteSettings {
  return {
    settings: { secretKey: SECRET, databases: { default: 'sqlite::memory:' }, ...input },
    close: nothing,
  }
}

/** All tables, as `sojourn migrate` makes them. */
async function migrate(url: string): Promise<void> {
  const database = openDatabase(url, { useTz: true, timeZone: 'UTC' })
  try {
    await makeTables(database)
  } finally {
    await database.close()
  }
}

interface Handle {
  readonly handle: string | object
  close(): Promise<void>
}

async function byUrl(url: string): Promise<Handle> {
  return { handle: url, close: nothing }
}

async function postgresJs(url: string): Promise<Handle> {
  const { default: postgres } = await import('postgres')
  const sql = postgres(url, {
    onnotice: () => undefined,
    // A connection that is lost while the driver asks for types ends the process: nobody hears of that rejection.
    fetch_types: false,
    // Seconds. By itself it waits for longer with each failure, and is not back when its server is.
    backoff: (() => 0.1) as unknown as boolean,
    connect_timeout: 1,
  })
  return { handle: sql, close: () => sql.end({ timeout: 1 }) }
}

async function ioRedis(url: string): Promise<Handle> {
  const { Redis } = await import('ioredis')
  // By itself it sends again what it got no answer to: a save that was done is then a conflict, and a transaction runs twice.
  const client = new Redis(url, { maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  return { handle: client, close: async () => client.disconnect() }
}

/**
 * Replicas are written to later than a write is acknowledged, so a failover may lose some; here the masters come back
 * before anybody takes their place.
 */
async function startCluster(options: ServerOptions): Promise<RunningStore> {
  const cluster = await startRedisCluster({ settings: { 'cluster-node-timeout': '15000', ...options.settings } })
  const masters = cluster.nodes.slice(0, 3)
  const all = async (work: (node: TestServer) => Promise<void>): Promise<void> => {
    await Promise.all(masters.map(work))
  }
  const failing: Failing = {
    kill: () => all((node) => node.kill()),
    start: () => all((node) => node.start()),
    pause: () => masters.forEach((node) => void node.pause()),
    resume: () => masters.forEach((node) => void node.resume()),
  }
  const hosts = masters.map(({ port }) => `127.0.0.1:${port}`).join(',')
  return {
    address: { engine: 'redis-cluster', cache: `redis+cluster://${hosts}` },
    servers: [failing],
    ...endOf(cluster),
  }
}

function endOf(...things: readonly AsyncDisposable[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(things.map((thing) => thing[Symbol.asyncDispose]()))
    },
  }
}
