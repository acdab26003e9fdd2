/** What other libraries call settings and engines, and what it is here. */

const COOKIE =
  'here each of it is a setting: sessionCookieAge (in seconds), sessionCookieDomain, sessionCookiePath, sessionCookieSecure, sessionCookieHttponly, sessionCookieSamesite.'

/** Options of express-session, cookie-session and iron-session, each with the end of a sentence. */
const OPTIONS: Readonly<Record<string, string>> = {
  secret: 'here it is secretKey (and secretKeyFallbacks for older ones).',
  keys: 'here they are secretKey and secretKeyFallbacks.',
  password: 'here it is secretKey.',
  store:
    "here it is sessionEngine, with databases or caches: sessionEngine: 'cache', caches: { default: 'redis://127.0.0.1:6379' }.",
  cookie: COOKIE,
  cookieOptions: COOKIE,
  maxAge: 'here it is sessionCookieAge, in seconds.',
  ttl: 'here it is sessionCookieAge.',
  name: 'here it is sessionCookieName.',
  cookieName: 'here it is sessionCookieName.',
  rolling: 'here it is sessionSaveEveryRequest: true, or once in a while sessionTouchAfter.',
  resave: 'it is not needed here: what changed is saved, and nothing else.',
  saveUninitialized: 'it is not needed here: a session is stored once something is in it.',
  unset: 'it is not needed here: req.session.flush() ends a session.',
  genid: 'it is not needed here: a key is 32 random characters.',
  proxy: "here it is secureProxySslHeader: ['X-Forwarded-Proto', 'https'].",
}

/** What to say of an option that is another library's; `undefined` for any other name. */
export function optionElsewhere(name: string): string | undefined {
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
}

const inCache = (url: string): string => `sessionEngine: 'cache', caches: { default: '${url}' }`
const inDatabase = (url: string): string => `sessionEngine: 'db', databases: { default: '${url}' }`

const REDIS = inCache('redis://127.0.0.1:6379')
const MEMCACHED = inCache('memcached://127.0.0.1:11211')
const POSTGRES = inDatabase('postgres://user:password@127.0.0.1/name')
const MYSQL = inDatabase('mysql://user:password@127.0.0.1/name')
const SQLITE = inDatabase('sqlite:./db.sqlite3')
const COOKIES = "sessionEngine: 'signed_cookies'"

/** Names of stores, where one of an engine is wanted. */
const ENGINES: Readonly<Record<string, string>> = {
  ...{ redis: REDIS, rediss: REDIS, valkey: REDIS, ioredis: REDIS },
  ...{ memcached: MEMCACHED, memcache: MEMCACHED },
  ...{ postgres: POSTGRES, postgresql: POSTGRES, pg: POSTGRES },
  ...{ mysql: MYSQL, mysql2: MYSQL, mariadb: MYSQL },
  ...{ sqlite: SQLITE, sqlite3: SQLITE, 'better-sqlite3': SQLITE, database: SQLITE },
  ...{ cookie: COOKIES, cookies: COOKIES },
}

/** How sessions are kept in a store of this name, or of this URL; `''` where the name is none. */
export function engineElsewhere(named: string): string {
  const name = (/^[\w-]+/.exec(named)?.[0] ?? '').toLowerCase()
  return Object.hasOwn(ENGINES, name) ? `For ${name} write ${ENGINES[name]}.` : ''
}
