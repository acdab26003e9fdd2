/** That one session travels between Django 3.2 and sojourn on every store that both know, with sojourn's tables. */
import { inSession, tryEngines } from './engine-claims.js'

const settings = inSession

await tryEngines({
  suite: 'bookworm',
  recent: false,
  tablesOf: 'sojourn',
  kinds: [
    { name: 'db on SQLite', engine: 'db', settings },
    { name: 'db on PostgreSQL', engine: 'db', database: 'postgres', settings },
    {
      name: 'db on MariaDB, without time zones',
      engine: 'db',
      database: 'mariadb',
      settings: { ...settings, USE_TZ: false, TIME_ZONE: 'Europe/Berlin' },
    },
    { name: 'cache on Memcached by pymemcache', engine: 'cache', cache: 'PyMemcacheCache', settings },
    {
      name: 'cache on Memcached by pylibmc, with a prefix',
      engine: 'cache',
      cache: 'PyLibMCCache',
      keyPrefix: 'site',
      version: 7,
      settings,
    },
    {
      name: 'cached_db on PostgreSQL and Memcached',
      engine: 'cached_db',
      database: 'postgres',
      cache: 'PyMemcacheCache',
      settings,
    },
    { name: 'file', engine: 'file', settings },
    { name: 'signed_cookies', engine: 'signed_cookies', settings },
  ],
})
