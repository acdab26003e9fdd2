/** That one session travels between the newest Django and sojourn on every store that both know, with Django's tables. */
import { inSession, tryEngines } from './engine-claims.js'

const settings = inSession

await tryEngines({
  suite: undefined,
  recent: true,
  tablesOf: 'django',
  kinds: [
    { name: 'db on SQLite', engine: 'db', settings },
    { name: 'db on PostgreSQL', engine: 'db', database: 'postgres', settings },
    {
      name: 'db on MariaDB, without time zones',
      engine: 'db',
      database: 'mariadb',
      settings: { ...settings, USE_TZ: false, TIME_ZONE: 'Europe/Berlin' },
    },
    { name: 'cache on Redis', engine: 'cache', cache: 'RedisCache', settings },
    {
      name: 'cache on Memcached by pymemcache, with a prefix',
      engine: 'cache',
      cache: 'PyMemcacheCache',
      keyPrefix: 'site',
      version: 7,
      settings,
    },
    { name: 'cache on Memcached by pylibmc', engine: 'cache', cache: 'PyLibMCCache', settings },
    {
      name: 'cached_db on PostgreSQL and Redis, with a prefix',
      engine: 'cached_db',
      database: 'postgres',
      cache: 'RedisCache',
      keyPrefix: 'site',
      version: 2,
      settings,
    },
    { name: 'file', engine: 'file', settings },
    { name: 'signed_cookies', engine: 'signed_cookies', settings },
  ],
})
