import { cacheSchemes, schemeAdvice, schemeOf } from '../core/url-schemes.js'
import { ImproperlyConfigured } from '../errors.js'
import type { Cache } from './cache.js'
import { locmem } from './locmem.js'
import { memcached } from './memcached.js'
import { isRedisHandle, redis } from './redis.js'

export interface OpenCacheOptions {
  readonly clock: () => number
  /** Whether it is asked when things end; a cache that does not tell by itself then takes the trouble. */
  readonly withExpiry?: boolean
}

/** The cache that a setting names: by URL, several URLs, an open client, or a cache made by hand. */
export function openCache(location: unknown, options: OpenCacheOptions): Cache {
  const { clock } = options
  const [first = ''] = typeof location === 'string' ? [location] : Array.isArray(location) ? (location as string[]) : []
  const scheme = schemeOf(first)
  // Of several servers, Django's RedisCache writes to the first; the others are its replicas, which may lag behind.
  if (/^rediss?(\+(cluster|sentinel))?$/.test(scheme)) return redis(first, options)
  if (scheme === 'memcached') return memcached(location as string | readonly string[], { clock })
  if (scheme === 'locmem') return locmem({ clock })
  if ((typeof location === 'object' || typeof location === 'function') && location !== null) {
    if ('consistency' in location) return location as Cache
    if (isRedisHandle(location)) return redis(location, options)
  }
  const schemes = cacheSchemes.known.map((name) => `${name}:`).join(', ')
  throw new ImproperlyConfigured(
    `A cache is a URL (${schemes}) or an open client of redis or ioredis. ${schemeAdvice(first, cacheSchemes)}`.trimEnd(),
  )
}
