import { engineElsewhere } from './setting-elsewhere.js'
import { nearestName } from './setting-names.js'
import { isPlainObject, oneOf, Refusal, type Rule, record, rule, secret } from './setting-rules.js'
import type { SessionEngine } from './types.js'
import { cacheSchemes, databaseSchemes, schemeAdvice, schemeOf } from './url-schemes.js'

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
      return ENGINES.find((known) => known === name) ?? new Refusal(value, engineElsewhere(value))
    }
    if (typeof value !== 'object' || value === null) return new Refusal(value)
    const missing = ENGINE_METHODS.filter((method) => typeof (value as Partial<SessionEngine>)[method] !== 'function')
    if (missing.length > 0) return new Refusal(value, `As an engine object it lacks ${missing.join(', ')}.`)
    return value as SessionEngine
  },
)

/** One database: a URL, which may hold a password, or a handle or pool that is open already. */
export const database: Rule<string | object> = secret(
  rule(
    "a URL text ('sqlite:...', 'postgres://...', 'mysql://...', 'mariadb://...'), an open handle or a pool",
    'text',
    (value) => {
      if (typeof value === 'string') {
        const isKnown = databaseSchemes.known.includes(schemeOf(value)) && /^[^:]+:[^\0]+$/.test(value)
        return isKnown ? value : new Refusal(value, schemeAdvice(value, databaseSchemes))
      }
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || Array.isArray(value)) {
        return new Refusal(value)
      }
      const dictionary = isPlainObject(value) && Object.hasOwn(value, 'ENGINE')
      return dictionary ? new Refusal(value, "Django's dictionary with ENGINE is not read: write it as a URL.") : value
    },
  ),
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
  /** These three are taken and have no say over sessions here. */
  readonly TIMEOUT?: unknown
  readonly OPTIONS?: unknown
  readonly KEY_FUNCTION?: unknown
}

/** An open client of redis or ioredis, or a cache made by hand: anything that is not one of the above with a slip in its keys. */
export type CacheClient = object & { readonly [Key in keyof CacheOptions | 'BACKEND']?: never }

export type CacheSetting = string | CacheClient | CacheOptions | DjangoCache
export type ResolvedCache = Required<CacheOptions>

const OPTION_KEYS: readonly (keyof CacheOptions)[] = ['location', 'keyPrefix', 'version', 'codec']
const DJANGO_KEYS: readonly (keyof DjangoCache)[] = [
  'BACKEND',
  'LOCATION',
  'KEY_PREFIX',
  'VERSION',
  'TIMEOUT',
  'OPTIONS',
  'KEY_FUNCTION',
]
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
  "a URL text ('redis://...', 'memcached://...', 'locmem:'; 'rediss' for TLS, '+cluster' and '+sentinel'), an open client, or an object with location and, if wanted, keyPrefix, version and codec"

const location = (value: unknown): value is string =>
  typeof value === 'string' && cacheSchemes.known.includes(schemeOf(value)) && !value.includes('\0')

/** One cache; its URL may hold a password. */
export const cache: Rule<CacheSetting, ResolvedCache> = secret(
  rule<CacheSetting, ResolvedCache>(ALLOWED_CACHE, 'text', (value) => {
    if (typeof value === 'string') {
      return location(value) ? resolved({ location: value }) : new Refusal(value, schemeAdvice(value, cacheSchemes))
    }
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return new Refusal(value)
    if (Object.hasOwn(value, 'BACKEND')) return ofDjango(value as DjangoCache)
    const isOptions = Object.hasOwn(value, 'location') || isMereData(value)
    return isOptions ? ofOptions(value as CacheOptions) : resolved({ location: value })
  }),
)

/** An object without a single function is no client, but one whose `location` is missing or misspelt. */
function isMereData(value: object): boolean {
  return isPlainObject(value) && !Object.values(value).some((each) => typeof each === 'function')
}

function unknownKey(value: object, known: readonly string[]): Refusal | null {
  const wrong = Object.keys(value).find((key) => !known.includes(key))
  if (wrong === undefined) return null
  // What is no word may be a URL that got into the wrong place, with its password.
  const name = /^\w{1,40}$/.test(wrong) ? `'${wrong}'` : 'One of its keys'
  return new Refusal(value, `${name} is none of its keys (${known.join(', ')}); ${nearestName(wrong, known)}`)
}

function ofDjango(value: DjangoCache): ResolvedCache | Refusal {
  const wrong = unknownKey(value, DJANGO_KEYS)
  if (wrong !== null) return wrong
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
  const wrong = unknownKey(given, OPTION_KEYS)
  if (wrong !== null) return wrong
  const { location: where, keyPrefix = '', version = 1, codec = 'pickle' } = given
  const refusal = refusedLocation(where)
  if (refusal !== null) return refusal
  if (typeof keyPrefix !== 'string' || !KEY_PREFIX.test(keyPrefix)) {
    return new Refusal(keyPrefix, 'It is at most 60 printable ASCII characters without blanks.', 'its keyPrefix')
  }
  if (!Number.isSafeInteger(version)) return new Refusal(version, 'It is a whole number.', 'its version')
  if (!CODECS.includes(codec)) return new Refusal(codec, `It is ${oneOf(CODECS)}.`, 'its codec')
  return resolved({
    location: Array.isArray(where) && where.length === 1 ? where[0] : where,
    keyPrefix,
    version,
    codec,
  })
}

function refusedLocation(where: unknown): Refusal | null {
  const refused = (why: string): Refusal => new Refusal(where, why, 'its location')
  const isHandle = (typeof where === 'object' || typeof where === 'function') && where !== null && !Array.isArray(where)
  if (isHandle) return null
  const urls: readonly unknown[] = Array.isArray(where) ? where : [where]
  if (!urls.every(location)) {
    const wrong = urls.find((url) => !location(url))
    return refused(typeof wrong === 'string' ? schemeAdvice(wrong, cacheSchemes) : '')
  }
  if (urls.length === 0) return refused('')
  const isOfOneKind = new Set(urls.map(schemeOf)).size < 2
  return isOfOneKind ? null : refused('All its URLs must be alike in what is before the colon: a cache is of one kind.')
}

function resolved({ location: where, keyPrefix = '', version = 1, codec = 'pickle' }: CacheOptions): ResolvedCache {
  return Object.freeze({ location: where, keyPrefix, version, codec })
}

export const caches: Rule<Readonly<Record<string, CacheSetting>>, Readonly<Record<string, ResolvedCache>>> = record(
  `an object such as { default: 'redis://127.0.0.1:6379' }, each value ${cache.allowed}`,
  ALIAS,
  cache,
)
