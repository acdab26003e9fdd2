import { ImproperlyConfigured } from '../errors.js'
import type { Cache } from './cache.js'
import { locmem } from './locmem.js'
import { memcached } from './memcached.js'
import { isRedisHandle, redis } from './redis.js'

/** The cache that a setting names: by URL, several URLs, an open client, or a cache made by hand. */
export function openCache(location: unknown, clock: () => number): Cache {
  const [first = ''] = typeof location === 'string' ? [location] : Array.isArray(location) ? (location as string[]) : []
  const scheme = first.slice(0, first.indexOf(':'))
  // Of several servers, Django's RedisCache writes to the first; the others are its replicas, which may lag behind.
  if (/^rediss?(\+(cluster|sentinel))?$/.test(scheme)) return redis(first, { clock })
  if (scheme === 'memcached') return memcached(location as string | readonly string[], { clock })
  if (scheme === 'locmem') return locmem({ clock })
  if ((typeof location === 'object' || typeof location === 'function') && location !== null) {
    if ('consistency' in location) return location as Cache
    if (isRedisHandle(location)) return redis(location, { clock })
  }
  throw new ImproperlyConfigured(
    'A cache is a URL (redis:, rediss:, memcached:, locmem:) or an open client of redis or ioredis.',
  )
}
