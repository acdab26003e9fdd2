import { isPlainObject, oneOf, Refusal, type Rule, record, rule, secret } from './setting-rules.js'
import type { SessionEngine } from './types.js'

/** The values of settings that say where things are kept: the session engine, databases and caches. */

export type SessionEngineName = 'db' | 'cache' | 'cached_db' | 'file' | 'signed_cookies' | 'memory'

const ENGINES: readonly SessionEngineName[] = ['db', 'cache', 'cached_db', 'file', 'signed_cookies', 'memory']
const ENGINE_METHODS = ['load', 'create', 'save', 'delete', 'exists'] as const
const BACKENDS = 'django.contrib.sessions.backends.'

export type SessionEngineSetting =
  | SessionEngineName
  | `django.contrib.sessions.backends.${Exclude<SessionEngineName, 'memory'>}`
  | SessionEngine

export const engine: Rule<SessionEngineSetting, SessionEngineName | SessionEngine> = rule(
  `${oneOf(ENGINES)} (Django's dotted path will do), or an engine object`,
  'text',
  (value) => {
    if (typeof value === 'string') {
      const name = value.startsWith(BACKENDS) ? value.slice(BACKENDS.length) : value
      return ENGINES.find((known) => known === name) ?? new Refusal(value)
    }
    if (typeof value !== 'object' || value === null) return new Refusal(value)
    const missing = ENGINE_METHODS.filter((method) => typeof (value as Partial<SessionEngine>)[method] !== 'function')
    if (missing.length > 0) return new Refusal(value, `As an engine object it lacks ${missing.join(', ')}.`)
    return value as SessionEngine
  },
)

const DATABASE_URL = /^(sqlite|postgres|postgresql|mysql|mariadb):[^\0]+$/

/** One database: a URL, which may hold a password, or a handle or pool that is open already. */
export const database: Rule<string | object> = secret(
  rule("a URL text ('sqlite:...', 'postgres://...', 'mysql://...'), an open handle or a pool", 'text', (value) => {
    if (typeof value === 'string') return DATABASE_URL.test(value) ? value : new Refusal(value)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || Array.isArray(value)) {
      return new Refusal(value)
    }
    const dictionary = isPlainObject(value) && Object.hasOwn(value, 'ENGINE')
    return dictionary ? new Refusal(value, "Django's dictionary with ENGINE is not read: write it as a URL.") : value
  }),
)

const ALIAS = /^[A-Za-z_]\w*$/

export const databases: Rule<Readonly<Record<string, string | object>>> = record(
  `an object such as { default: 'sqlite:./db.sqlite3' }, each value ${database.allowed}`,
  ALIAS,
  database,
)

/** How a cache keeps a session: as Django's pickle, or as JSON, which no Django reads. */
export type CacheCodec = 'pickle' | 'json'

/** One cache, with Django's words for its keys in TypeScript's spelling. */
export interface CacheOptions {
  /** A URL, several of them, or an open client. */
  readonly location: string | readonly string[] | object
  /** Django's `KEY_PREFIX` (default none). */
  readonly keyPrefix?: string
  /** Django's `VERSION` (default 1). */
  readonly version?: number
  /** Default `pickle`, as Django keeps sessions in a cache. */
  readonly codec?: CacheCodec
}

/** One cache as Django's `CACHES` has it. */
export interface DjangoCache {
  readonly BACKEND: string
  readonly LOCATION?: string | readonly string[]
  readonly KEY_PREFIX?: string
  readonly VERSION?: number
  /** `TIMEOUT`, `OPTIONS` and what else Django has there does not concern sessions. */
  readonly [other: string]: unknown
}

export type CacheSetting = string | object | CacheOptions | DjangoCache
export type ResolvedCache = Required<CacheOptions>

const CACHE_URL = /^(redis|rediss|redis\+cluster|redis\+sentinel|memcached|locmem):[^\0]*$/
const KEY_PREFIX = /^[\x21-\x7e]{0,60}$/
const CODECS: readonly CacheCodec[] = ['pickle', 'json']

/** Django's backends, and what their locations are called here. Others cannot be shared, or hold nothing that lasts. */
const BACKENDS_OF_CACHES: Readonly<Record<string, (location: string) => string>> = {
  'django.core.cache.backends.redis.RedisCache': (location) => location,
  'django.core.cache.backends.memcached.PyMemcacheCache': memcachedUrl,
  'django.core.cache.backends.memcached.PyLibMCCache': memcachedUrl,
  'django.core.cache.backends.locmem.LocMemCache': () => 'locmem:',
}

function memcachedUrl(location: string): string {
  return `memcached://${location.replace(/^unix:(?:\/\/)?|^\/(?=\/)/, '')}`
}

const ALLOWED_CACHE =
  "a URL text ('redis://...', 'memcached://...', 'locmem:'), an open client, or an object with location and, if wanted, keyPrefix, version and codec"

const location = (value: unknown): value is string => typeof value === 'string' && CACHE_URL.test(value)

/** One cache; its URL may hold a password. */
export const cache: Rule<CacheSetting, ResolvedCache> = secret(
  rule<CacheSetting, ResolvedCache>(ALLOWED_CACHE, 'text', (value) => {
    if (typeof value === 'string') return location(value) ? resolved({ location: value }) : new Refusal(value)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return new Refusal(value)
    if (Object.hasOwn(value, 'BACKEND')) return ofDjango(value as DjangoCache)
    return Object.hasOwn(value, 'location') ? ofOptions(value as CacheOptions) : resolved({ location: value })
  }),
)

function ofDjango(value: DjangoCache): ResolvedCache | Refusal {
  const { BACKEND, LOCATION = [], KEY_PREFIX: keyPrefix, VERSION: version } = value
  const url = Object.hasOwn(BACKENDS_OF_CACHES, BACKEND) ? BACKENDS_OF_CACHES[BACKEND] : undefined
  if (url === undefined) {
    return new Refusal(value, `Its BACKEND must be ${oneOf(Object.keys(BACKENDS_OF_CACHES))}.`)
  }
  const locations = typeof LOCATION === 'string' ? LOCATION.split(/[;,]/) : [...LOCATION]
  if (BACKEND.endsWith('.PyLibMCCache') && locations.length > 1) {
    return new Refusal(
      LOCATION,
      'Among several servers pylibmc looks for a key elsewhere: name one, or use PyMemcacheCache.',
      'its LOCATION',
    )
  }
  return ofOptions({ location: (locations.length > 0 ? locations : ['']).map(url), keyPrefix, version })
}

function ofOptions(given: CacheOptions): ResolvedCache | Refusal {
  const { location: where, keyPrefix = '', version = 1, codec = 'pickle' } = given
  const urls = typeof where === 'string' ? [where] : Array.isArray(where) ? (where as readonly unknown[]) : []
  if (!urls.every(location)) return new Refusal(where, '', 'its location')
  if ((typeof where !== 'object' && typeof where !== 'string') || where === null)
    return new Refusal(where, '', 'its location')
  if (typeof keyPrefix !== 'string' || !KEY_PREFIX.test(keyPrefix)) {
    return new Refusal(keyPrefix, 'It is at most 60 printable ASCII characters without blanks.', 'its keyPrefix')
  }
  if (!Number.isSafeInteger(version)) return new Refusal(version, 'It is a whole number.', 'its version')
  if (!CODECS.includes(codec)) return new Refusal(codec, `It is ${oneOf(CODECS)}.`, 'its codec')
  return resolved({ location: urls.length === 1 ? (urls[0] as string) : where, keyPrefix, version, codec })
}

function resolved({ location: where, keyPrefix = '', version = 1, codec = 'pickle' }: CacheOptions): ResolvedCache {
  return Object.freeze({ location: where, keyPrefix, version, codec })
}

export const caches: Rule<Readonly<Record<string, CacheSetting>>, Readonly<Record<string, ResolvedCache>>> = record(
  `an object such as { default: 'redis://127.0.0.1:6379' }, each value ${cache.allowed}`,
  ALIAS,
  cache,
)
