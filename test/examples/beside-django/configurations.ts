import type { DriverPackage } from '../../django/drivers.js'

/** One way to set up the example. */
export interface Configuration {
  readonly name: string
  readonly engine: 'db' | 'cached_db' | 'signed_cookies'
  readonly cache?: CacheServer
  readonly csrfInSession?: boolean
  /** Whether an older Django and a browser are to see it too: not all of them need to see all. */
  readonly isMain?: true
}

export type CacheServer = 'redis' | 'memcached'

/** What Python needs to speak to a cache. */
export const drivers: Readonly<Record<CacheServer, DriverPackage>> = {
  redis: 'python3-redis',
  memcached: 'python3-pymemcache',
}

/** All of them, for a Django that keeps `cached_db` in that cache. */
export function configurations(cache: CacheServer, cacheName: string): readonly Configuration[] {
  const inTheSession = "the forms' secret in the session"
  return [
    { name: 'db', engine: 'db', isMain: true },
    { name: `cached_db on ${cacheName}`, engine: 'cached_db', cache },
    { name: 'signed_cookies', engine: 'signed_cookies' },
    { name: `db, ${inTheSession}`, engine: 'db', csrfInSession: true },
    {
      name: `cached_db on ${cacheName}, ${inTheSession}`,
      engine: 'cached_db',
      cache,
      csrfInSession: true,
      isMain: true,
    },
  ]
}
