import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sojourn } from 'sojourn'
import type { Cache } from '../../src/caches/cache.js'
import { memcached } from '../../src/caches/memcached.js'
import { redis } from '../../src/caches/redis.js'
import { run as runCommand } from '../../src/cli/run.js'
import {
  missingServer,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  type TestServer,
} from '../support/servers/index.js'
import { type DriverPackage, missingDriver } from './drivers.js'
import { ask, freshDatabase } from './fresh-database.js'
import { findDjango, type Suite } from './home.js'
import { type DjangoEngine, type Pair, type PairOptions, SECRET, type SharedCache, startPair } from './pair.js'

type DatabaseServer = 'postgres' | 'mariadb'
type CacheBackend = 'RedisCache' | 'PyMemcacheCache' | 'PyLibMCCache'
type ServerName = DatabaseServer | 'redis' | 'memcached'

/** A store that Django and sojourn share. */
export interface EngineKind {
  readonly name: string
  readonly engine: DjangoEngine
  /** Without one, a file of SQLite. */
  readonly database?: DatabaseServer
  readonly cache?: CacheBackend
  readonly keyPrefix?: string
  readonly version?: number
  readonly settings?: PairOptions['settings']
}

/** A Django that all of them are tried with. */
export interface DjangoCase {
  readonly suite: Suite | undefined
  /** From 4.1: moments as text in `_session_expiry`, and a bare secret of forms in the session. */
  readonly recent: boolean
  /** Whose `migrate` makes the table of sessions on servers; the other's finds it there. */
  readonly tablesOf: 'django' | 'sojourn'
  readonly kinds: readonly EngineKind[]
}

/** A pair on such a store. */
export interface EnginePair extends Pair {
  readonly kind: EngineKind
  readonly recent: boolean
  /** The key of a session that sojourn made before Django was there, where the tables are sojourn's. */
  readonly early: string | undefined
  /** What the cache holds for a session, as bytes. */
  cached(key: string | undefined): Promise<string | undefined>
  /** When the store lets go of a session that lasts `age` seconds, in seconds since 1970. */
  endOf(key: string | undefined, age: number): Promise<number>
}

interface Backend {
  readonly module: string
  readonly server: 'redis' | 'memcached'
  readonly driver: DriverPackage
  location(port: number): string
}

const backends: Readonly<Record<CacheBackend, Backend>> = {
  RedisCache: {
    module: 'redis',
    server: 'redis',
    driver: 'python3-redis',
    location: (port) => `redis://127.0.0.1:${port}/1`,
  },
  PyMemcacheCache: {
    module: 'memcached',
    server: 'memcached',
    driver: 'python3-pymemcache',
    location: (port) => `127.0.0.1:${port}`,
  },
  PyLibMCCache: {
    module: 'memcached',
    server: 'memcached',
    driver: 'python3-pylibmc',
    location: (port) => `127.0.0.1:${port}`,
  },
}

const drivers: Readonly<Record<DatabaseServer, DriverPackage>> = {
  postgres: 'python3-psycopg2',
  mariadb: 'python3-mysqldb',
}

const starts: Readonly<Record<ServerName, () => Promise<TestServer>>> = {
  postgres: startPostgres,
  mariadb: startMariadb,
  redis: startRedis,
  memcached: startMemcached,
}

/** Private servers, each started when first asked for. */
export class Servers implements AsyncDisposable {
  readonly #started = new Map<ServerName, Promise<TestServer>>()

  get(name: ServerName): Promise<TestServer> {
    const server = this.#started.get(name) ?? starts[name]()
    this.#started.set(name, server)
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [...this.#started.values()].map(async (server) => (await server)[Symbol.asyncDispose]())
    await Promise.allSettled(ended)
  }
}

/** What must be installed before a kind can be tried, `undefined` if nothing is. */
export async function missingFor(
  { database, cache }: EngineKind,
  suite: Suite | undefined,
): Promise<string | undefined> {
  const home = await findDjango(suite)
  if ('missing' in home) return home.missing
  const backend = cache === undefined ? undefined : backends[cache]
  for (const server of [database, backend?.server]) {
    const missing = server === undefined ? undefined : await missingServer(server)
    if (missing !== undefined) return missing
  }
  const wanted = [database && drivers[database], backend?.driver].filter((name) => name !== undefined)
  return missingDriver(suite, wanted)
}

/** Starts Django and sojourn on a store of that kind. */
export async function startKind(kind: EngineKind, django: DjangoCase, servers: Servers): Promise<EnginePair> {
  const { engine, settings } = kind
  const cache = kind.cache === undefined ? undefined : await sharedCache(kind, kind.cache, servers)
  let database: string | undefined
  let early: string | undefined
  if (kind.database !== undefined) {
    database = await freshDatabase((await servers.get(kind.database)).url)
    if (django.tablesOf === 'sojourn') early = await makeTables(database, kind)
  }
  const pair = await startPair({ suite: django.suite, engine, database, cache: cache?.shared, settings })
  const nameOf = (key: string | undefined): string =>
    `${kind.keyPrefix ?? ''}:${kind.version ?? 1}:django.contrib.sessions.${engine}${key}`
  const found = async (key: string | undefined) => (await cache?.raw.get(nameOf(key))) ?? undefined
  return {
    ...pair,
    kind,
    recent: django.recent,
    early,
    cached: async (key) => {
      const value = (await found(key))?.value
      return value && Buffer.from(value).toString('latin1')
    },
    async endOf(key, age) {
      if (engine === 'file') return (await stat(join(pair.sessionFolder, `sessionid${key}`))).mtimeMs / 1000 + age
      if (engine === 'cache') return ((await found(key))?.expires ?? Number.NaN) / 1000
      return Number(await pair.django.python(rowEnd, key))
    },
    async [Symbol.asyncDispose]() {
      await pair[Symbol.asyncDispose]()
      await cache?.raw.close()
    },
  }
}

async function sharedCache(
  { keyPrefix, version }: EngineKind,
  backend: CacheBackend,
  servers: Servers,
): Promise<{ readonly shared: SharedCache; readonly raw: Cache }> {
  const { module, server, location } = backends[backend]
  const { port } = await servers.get(server)
  const LOCATION = location(port)
  return {
    shared: {
      BACKEND: `django.core.cache.backends.${module}.${backend}`,
      LOCATION,
      ...(keyPrefix === undefined ? {} : { KEY_PREFIX: keyPrefix }),
      ...(version === undefined ? {} : { VERSION: version }),
    },
    raw: server === 'redis' ? redis(LOCATION, { withExpiry: true }) : memcached(`memcached://${LOCATION}`),
  }
}

/** As `sojourn migrate` makes them, with one session in it. The table of users is Django's to make. */
async function makeTables(database: string, { settings }: EngineKind): Promise<string> {
  const printed: string[] = []
  const print = (line: string): void => void printed.push(line)
  const code = await runCommand(['migrate', '--database', database], { env: {}, out: print, err: print })
  if (code !== 0) throw new Error(`sojourn migrate exited ${code}: ${printed.join('\n')}`)
  await ask(database, 'DROP TABLE auth_user')
  const site = sojourn({ secretKey: SECRET, databases: { default: database }, sessionStoreTimeout: 10, ...settings })
  const session = site.sessions.open()
  session.set('early', 1)
  await session.save()
  await site.close()
  return session.sessionKey as string
}

const rowEnd = `
from django.contrib.sessions.models import Session
print(Session.objects.get(pk=args).expire_date.timestamp(), end='')
`
