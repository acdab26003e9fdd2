import { expect, test } from 'vitest'
import { djangoName, type SettingsInput } from '../../src/core/settings.js'
import { settingsFromEnv } from '../../src/core/settings-env.js'
import { defineSettings, resolveSettings, settingNames } from '../../src/core/settings-input.js'
import { ImproperlyConfigured } from '../../src/errors.js'

const SECRET = 'a-secret-nobody-may-read'

/** Settings that the compiler would not let through, as JavaScript and configuration files bring them. */
function resolve(input: Readonly<Record<string, unknown>>): ReturnType<typeof resolveSettings> {
  return resolveSettings({ secretKey: SECRET, ...input } as SettingsInput)
}

function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(ImproperlyConfigured)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

test('a secret key is all that is needed, and the rest is as in Django 6.1', () => {
  expect(resolve({})).toMatchObject({
    secretKey: SECRET,
    sessionEngine: 'db',
    sessionCookieName: 'sessionid',
    sessionCookieAge: 1209600,
    sessionCookieDomain: null,
    sessionCookieSecure: 'auto',
    sessionCookieHttponly: true,
    sessionCookieSamesite: 'Lax',
    sessionSaveEveryRequest: false,
    csrfCookieName: 'csrftoken',
    csrfCookieAge: 31449600,
    csrfHeaderName: 'HTTP_X_CSRFTOKEN',
    messageStorage: 'fallback',
    messageLevel: 20,
    passwordHashers: ['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'scrypt'],
    middleware: ['sessions', 'csrf', 'auth', 'messages'],
    databases: { default: 'sqlite:./db.sqlite3' },
    clock: Date.now,
    random: null,
  })
  expect(Reflect.ownKeys(resolve({}))).toEqual(settingNames())
})

test('every default passes the check of its own setting', () => {
  const resolved = resolve({})
  const { secretKey, secretKeyFallbacks, databases } = resolved
  const again = resolveSettings({ ...resolved, secretKey, secretKeyFallbacks, databases })
  for (const name of settingNames()) expect(again[name], name).toEqual(resolved[name])
})

test('resolved settings and the lists in them cannot be changed', () => {
  for (const settings of [resolve({}), resolve({ allowedHosts: ['a.example'], databases: { default: 'sqlite:x' } })]) {
    for (const value of [settings, settings.allowedHosts, settings.middleware, settings.databases]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
  }
})

test('both spellings may be mixed', () => {
  expect(resolve({ SESSION_COOKIE_AGE: 60, csrfCookieName: 'xsrf', USE_X_FORWARDED_HOST: true })).toMatchObject({
    sessionCookieAge: 60,
    csrfCookieName: 'xsrf',
    useXForwardedHost: true,
  })
})

test('both spellings of one setting are an error', () => {
  const message = messageOf(() => resolve({ SESSION_COOKIE_AGE: 60, sessionCookieAge: 60 }))
  expect(message).toContain('SESSION_COOKIE_AGE')
  expect(message).toContain('sessionCookieAge')
})

test('a setting that is undefined is not given', () => {
  expect(resolve({ sessionCookieAge: undefined, SESSION_COOKIE_AGE: 60 }).sessionCookieAge).toBe(60)
  expect(resolve({ sessionCookieAge: undefined }).sessionCookieAge).toBe(1209600)
})

test.each<readonly [string, string]>([
  ['sesionCookieAge', 'did you mean sessionCookieAge?'],
  ['sessionCookieHttpOnly', 'did you mean sessionCookieHttponly?'],
  ['SESSION_COOKIE_AGEE', 'did you mean SESSION_COOKIE_AGE?'],
  ['session_engine', 'did you mean sessionEngine?'],
  ['SECRETKEY', 'did you mean SECRET_KEY?'],
  ...['INSTALLED_APPS', '__proto__', 'constructor', 'toString', 'clok_of_the_house', 'x'].map(
    (name) => [name, '; docs/reference/settings.md lists them all.'] as const,
  ),
  ['secret', 'here it is secretKey '],
  ['store', "sessionEngine: 'cache', caches: { default: 'redis://127.0.0.1:6379' }"],
  ['cookie', 'sessionCookieAge (in seconds)'],
  ['name', 'here it is sessionCookieName.'],
  ['rolling', 'here it is sessionSaveEveryRequest: true'],
  ['resave', 'it is not needed here'],
  ['saveUninitialized', 'it is not needed here'],
])('an unknown setting %s is an error with the name that it has here, or one that is near, or none', (name, advice) => {
  const input = JSON.parse(JSON.stringify({ secretKey: SECRET }).replace('}', `,"${name}":1}`)) as SettingsInput
  const message = messageOf(() => resolveSettings(input))
  expect(message).toContain(`'${name}'`)
  expect(message).toContain(advice)
})

test('a cache is a URL, an open client or an object, in either spelling', () => {
  const client = { get: () => undefined }
  const plain = { keyPrefix: '', version: 1, codec: 'pickle' }
  const redis = 'django.core.cache.backends.redis.RedisCache'
  const memcached = 'django.core.cache.backends.memcached.PyMemcacheCache'
  const given: Readonly<Record<string, unknown>> = {
    url: 'redis://127.0.0.1:6379/1',
    client,
    own: { location: 'memcached://h:1', keyPrefix: 'site', version: 2, codec: 'json' },
    django: { BACKEND: redis, LOCATION: 'redis://h:6379', KEY_PREFIX: 'p', VERSION: 3, TIMEOUT: 300, OPTIONS: {} },
    several: { BACKEND: memcached, LOCATION: ['a:11211', 'b:11211'] },
    socket: { BACKEND: memcached, LOCATION: 'unix:/run/memcached.sock' },
  }
  const { caches } = resolve({ CACHES: given })
  expect(caches).toEqual({
    url: { ...plain, location: 'redis://127.0.0.1:6379/1' },
    client: { ...plain, location: client },
    own: { location: 'memcached://h:1', keyPrefix: 'site', version: 2, codec: 'json' },
    django: { ...plain, location: 'redis://h:6379', keyPrefix: 'p', version: 3 },
    several: { ...plain, location: ['memcached://a:11211', 'memcached://b:11211'] },
    socket: { ...plain, location: 'memcached:///run/memcached.sock' },
  })
  expect(resolve({ caches }).caches).toEqual(caches)
})

test('each kind of Redis that a cache may be is a location, with TLS too', () => {
  for (const kind of ['redis', 'rediss', 'redis+cluster', 'rediss+cluster', 'redis+sentinel', 'rediss+sentinel']) {
    const url = `${kind}://h:1/${kind.endsWith('sentinel') ? 'master' : ''}`
    expect(resolve({ caches: { default: url } }).caches['default']).toMatchObject({ location: url })
    expect(settingsFromEnv({ CACHE_URL: url }).caches).toMatchObject({ default: { location: url } })
  }
})

test("what Django's dictionary of a cache has besides, and sessions have no use for, is taken", () => {
  const BACKEND = 'django.core.cache.backends.locmem.LocMemCache'
  const others = { LOCATION: 'unique', TIMEOUT: null, OPTIONS: { MAX_ENTRIES: 9 }, KEY_FUNCTION: 'app.keys.make' }
  const { caches } = resolve({ CACHES: { default: { BACKEND, ...others } } })
  expect(caches['default']).toMatchObject({ location: 'locmem:', keyPrefix: '' })
})

test('a list of no locations is not said to be one of several kinds', () => {
  expect(messageOf(() => resolve({ caches: { default: { location: [] } } }))).toMatch(/is a list of 0\.$/)
})

test('an engine whose place is not given is an error that names the setting', () => {
  expect(messageOf(() => resolve({ sessionEngine: 'cache' }))).toContain("The setting caches must have 'default'")
  const aliased = { SESSION_ENGINE: 'cached_db', SESSION_CACHE_ALIAS: 'sessions', CACHES: { default: 'locmem:' } }
  expect(messageOf(() => resolve(aliased))).toContain("CACHES must have 'sessions' (SESSION_CACHE_ALIAS)")
  expect(
    messageOf(() => resolve({ sessionEngine: 'cached_db', databases: {}, caches: { default: 'locmem:' } })),
  ).toContain('databases must have a default')
})

test.each([undefined, null, '', new Uint8Array()])('without a secret key (%s) nothing begins', (secretKey) => {
  const message = messageOf(() => resolve({ secretKey }))
  expect(message).toMatch(/^The SECRET_KEY setting must not be empty\. Set secretKey/)
})

test.each([undefined, null, 'text', 7, []])('settings that are %s are an error', (input) => {
  expect(messageOf(() => resolveSettings(input as unknown as SettingsInput))).toContain('Settings must be an object')
})

const engineStub = {
  load: () => null,
  create: () => 'conflict',
  save: () => 'missing',
  delete: () => 'missing',
  exists: () => false,
}

/** [setting, wrong value, words of what is allowed, words of what was given] */
const wrong: readonly (readonly [string, unknown, string, string])[] = [
  ['secretKeyFallbacks', 'one', 'a list', 'a text'],
  ['secretKeyFallbacks', ['ok', ''], 'a text or bytes', 'item 1 is an empty text'],
  ['debug', 'false', 'true or false', "the text 'false'"],
  ['debug', 0, 'true or false', 'the number 0'],
  ['SESSION_ENGINE', 'redis', "'file', 'signed_cookies' or 'memory'", "the text 'redis'"],
  ['sessionEngine', 'redis', "'db', 'cache'", "sessionEngine: 'cache', caches: { default: 'redis://127.0.0.1:6379' }"],
  ['sessionEngine', 'redis://127.0.0.1', "'db', 'cache'", "caches: { default: 'redis://127.0.0.1:6379' }"],
  ['sessionEngine', 'memcached', "'db', 'cache'", "sessionEngine: 'cache', caches: { default: 'memcached://"],
  ['sessionEngine', 'postgres', "'db', 'cache'", "sessionEngine: 'db', databases: { default: 'postgres://"],
  ['sessionEngine', 'constructor', "'db', 'cache'", "the text 'constructor'."],
  ['sessionEngine', 'django.contrib.sessions.backends.nothing', "'db', 'cache', 'cached_db'", 'the text'],
  ['sessionEngine', 'django.contrib.sessions.backends.memory.x', "'memory'", 'the text'],
  ['sessionEngine', { load: () => null, exists: 1 }, 'an engine object', 'lacks create, save, delete, exists'],
  ['sessionEngine', null, 'an engine object', 'null'],
  ['sessionCookieName', 'a b', 'a cookie name', "'a b'"],
  ['sessionCookieName', '', 'a cookie name', 'an empty text'],
  ['SESSION_COOKIE_AGE', '60', 'a whole number of seconds from 1', "the text '60'"],
  ['SESSION_COOKIE_AGE', 0, 'a whole number of seconds', 'the number 0'],
  ['sessionCookieAge', 1.5, 'a whole number of seconds', 'the number 1.5'],
  ['sessionCookieAge', Number.NaN, 'a whole number of seconds', 'the number NaN'],
  ['sessionCookieAge', Number.POSITIVE_INFINITY, 'a whole number of seconds', 'the number Infinity'],
  ['sessionCookieAge', 10n, 'a whole number of seconds', 'the bigint 10'],
  ['sessionCookieAge', null, 'a whole number of seconds', 'null'],
  ['sessionCookieDomain', 'https://example.com', 'a domain', "'https://example.com'"],
  ['sessionCookieDomain', 'a.example\r\nSet-Cookie: x=y', 'a domain', '\\u000d\\u000a'],
  ['sessionCookiePath', 'app/', "begins with '/'", "'app/'"],
  ['sessionCookiePath', '/a; Secure', "without ';'", "'/a; Secure'"],
  ['sessionCookieSecure', 'true', "'auto', true or false", "'true'"],
  ['sessionCookieSamesite', 'lax', "'Lax', 'Strict', 'None' or false", "'lax'"],
  ['sessionCookieSamesite', true, "'Lax', 'Strict', 'None' or false", 'the boolean true'],
  ['sessionSaveEveryRequest', 'yes', "true, false or 'django'", "'yes'"],
  ['sessionCookieConflict', 'first', "'last' or 'anonymous'", "'first'"],
  ['sessionAbsoluteAge', -1, 'or null', 'the number -1'],
  ['sessionPrefetch', 'always', 'true, false or a function', "'always'"],
  ['sessionMaxBytes', 2 ** 40, 'a whole number of bytes', 'the number'],
  ['sessionStoreTimeout', 0, 'a number of seconds above 0', 'the number 0'],
  ['sessionSerializer', 'django.contrib.sessions.serializers.PickleSerializer', "'JSONSerializer'", 'Pickle'],
  ['SIGNING_BACKEND', 'django.core.signing.Signer', "'TimestampSigner'", 'Signer'],
  ['csrfCookieAge', '1', 'or null', "'1'"],
  ['csrfHeaderName', 'X CSRF', "'HTTP_X_NAME'", "'X CSRF'"],
  ['csrfHeaderName', 'X_CSRFTOKEN', "'X-Name'", "'X_CSRFTOKEN'"],
  [
    'CSRF_TRUSTED_ORIGINS',
    ['https://a.example', 'b.example'],
    'an origin with its scheme',
    "item 1 is the text 'b.example'",
  ],
  ['csrfTrustedOrigins', ['https://a.example/'], 'no path', "item 0 is the text 'https://a.example/'"],
  ['csrfTrustedOrigins', ['https://u:p@a.example'], 'an origin', 'a URL with a user or password'],
  ['csrfTrustedOrigins', 'https://a.example', 'a list', "the text 'https://a.example'"],
  ['csrfFailureView', 'views.failure', 'a function (request, reason)', "'views.failure'"],
  ['messageStorage', 'redis', "'fallback', 'cookie' or 'session'", "'redis'"],
  ['messageLevel', 'loud', "'debug', 'info'", "'loud'"],
  ['messageLevel', 2.5, 'a whole number', 'the number 2.5'],
  ['messageTags', { error: 'danger' }, 'level numbers', "one of its keys is the text 'error'"],
  ['messageTags', { 40: 7 }, 'level numbers', 'its 40 is the number 7'],
  ['messageTags', { 40: 'a\nb' }, 'level numbers', 'its 40'],
  ['messageTags', new Map(), 'level numbers', 'an object'],
  ['authenticationBackends', [], 'a list of at least 1', 'a list of 0'],
  ['authenticationBackends', [{ path: 'a.B', authenticate: () => null }], 'getUser', 'It lacks getUser'],
  ['authUserModel', 'User', 'app_label.ModelName', "'User'"],
  ['passwordHashers', ['rot13'], "'pbkdf2_sha256'", "item 0 is the text 'rot13'"],
  ['passwordHashers', ['md5', 'argon2'], "'argon2'", 'only for reading old hashes'],
  ['passwordHashers', ['django.contrib.auth.hashers.SHA1PasswordHasher'], "'argon2'", 'only for reading old hashes'],
  ['loginThrottle', { check: () => 0 }, 'retryAfter(attempt)', 'an object'],
  ['csrfMode', 'off', "'header-only'", "'off'"],
  ...['hook', '/a/../b', '/a/./b', '/a//b', '/a%2fb', '/a*', '/a?b', '/..', '/a/..', '/*/a', '/a b'].map(
    (path) => ['csrfExemptPaths', [path], "'/hooks/*'", 'item 0'] as const,
  ),
  ['silencedSystemChecks', ['W020'], 'security.W020', 'item 0'],
  ['loginUrl', '/login\r\nX: y', 'a URL or path', '\\u000d\\u000a'],
  ['timeZone', 'Mars/Olympus', "a time zone's name", "'Mars/Olympus'"],
  ['timeZone', '+01:00', "a time zone's name", "'+01:00'"],
  ['allowedHosts', ['https://a.example'], 'a host without scheme', 'item 0'],
  ['allowedHosts', ['a.example:80'], 'a host without scheme and port', 'item 0'],
  ['secureProxySslHeader', ['X-Forwarded-Proto'], 'a pair [header, value]', 'a list of 1'],
  ['secureProxySslHeader', ['X Forwarded', 'https'], 'a pair [header, value]', 'its header is'],
  ['secureProxySslHeader', ['X-Forwarded-Proto', true], 'a pair', 'its value is the boolean true'],
  ['middleware', ['csfr'], "'sessions', 'csrf', 'auth' or 'messages'", "item 0 is the text 'csfr'"],
  ['MIDDLEWARE', ['django.middleware.csrf.CsrfVeiwMiddleware'], "'csrf'", 'item 0'],
  ['MIDDLEWARE', ['django.contrib.auth.middleware.LoginRequiredMiddleware'], "'auth'", 'loginRequired'],
  ['MIDDLEWARE', ['django.contrib.auth.middleware.RemoteUserMiddleware'], "'auth'", 'remoteUserHeader'],
  ['remoteUserHeader', 'REMOTE_USER', "'X-Name'", "'REMOTE_USER'"],
  ['databases', 'sqlite:./db.sqlite3', 'an object such as', 'a text'],
  ['databases', { default: 'oracle://scott:tiger@h' }, "'sqlite:...'", 'its default is a text'],
  ['databases', { default: 'mongodb://u:tiger@h/d' }, "'postgres://...'", 'its default is a text'],
  ['caches', 'redis://:tiger@h', 'an object such as', 'a text'],
  ['caches', { default: 'redos://:tiger@h' }, "'redis://...'", 'its default is a text'],
  [
    'caches',
    { default: { location: 'http://u:tiger@h' } },
    "'memcached://...'",
    'its location in its default is a text',
  ],
  [
    'caches',
    { default: { location: 'locmem:', keyPrefix: 'a b' } },
    'an open client',
    'its keyPrefix in its default is a text',
  ],
  ['caches', { default: { location: 'locmem:', version: '1' } }, 'an open client', 'It is a whole number'],
  ['caches', { default: { location: 'locmem:', codec: 'xml' } }, 'an open client', "It is 'pickle' or 'json'"],
  [
    'CACHES',
    { default: { BACKEND: 'django.core.cache.backends.memcached.PyLibMCCache', LOCATION: ['a:1', 'b:1'] } },
    'an object with location',
    'pylibmc looks for a key elsewhere',
  ],
  [
    'CACHES',
    { default: { BACKEND: 'django.core.cache.backends.filebased.FileBasedCache', LOCATION: '/tiger' } },
    'an object with location',
    'Its BACKEND must be',
  ],
  ['DATABASES', { default: { ENGINE: 'django.db.backends.sqlite3' } }, "'sqlite:...'", "Django's dictionary"],
  ['databases', { default: 'sqlite3:./tiger' }, "'mariadb://...'", "'sqlite3:' is none of them; did you mean sqlite:?"],
  [
    'databases',
    { default: 'mysql2://u:tiger@h/d' },
    "'mysql://...'",
    "'mysql2:' is none of them; did you mean mysql:?",
  ],
  ['databases', { default: 'psql://u:tiger@h/d' }, "'postgres://...'", 'did you mean postgres:?'],
  ['databases', { default: 'postgre://u:tiger@h/d' }, "'postgres://...'", 'did you mean postgres:?'],
  ['databases', { default: './db.sqlite3' }, "'sqlite:...'", 'A path is written sqlite:./db.sqlite3'],
  ['databases', { default: '/srv/site.db' }, "'sqlite:...'", 'A path is written sqlite:/srv/site.db'],
  ['databases', { default: ':memory:' }, "'sqlite:...'", 'A path is written sqlite::memory:'],
  ['databases', { default: 'tiger:tiger@h/d' }, "'sqlite:...'", 'its default is a text'],
  ['databases', { default: 'sqlite:' }, "'sqlite:...'", 'its default is a text'],
  ['databases', { default: 'sqlite:a\0b:c' }, "'sqlite:...'", 'its default is a text'],
  ['caches', { default: 'valkey://u:tiger@h' }, "'redis://...'", "'valkey:' is none of them; did you mean redis:?"],
  ['caches', { default: 'memcache://tiger' }, "'memcached://...'", 'did you mean memcached:?'],
  ['caches', { default: { location: 'redis+clutser://tiger' } }, "'locmem:'", 'did you mean redis+cluster:?'],
  ['caches', { default: { location: ['redis://tiger', 'memcached://b'] } }, 'an open client', 'must be alike'],
  ['caches', { default: { location: [] } }, 'an open client', 'its location in its default is a list of 0'],
  [
    'caches',
    { default: { location: 'memcached://h', keyprefix: 'tiger' } },
    'an object with location',
    "'keyprefix' is none of its keys (location, keyPrefix, version, codec); did you mean keyPrefix?",
  ],
  ['caches', { default: { location: 'locmem:', versoin: 2 } }, 'an open client', 'did you mean version?'],
  ['caches', { default: { location: 'locmem:', versoin: undefined } }, 'an open client', 'did you mean version?'],
  ['caches', { default: { locatoin: 'locmem:' } }, 'an open client', 'did you mean location?'],
  ['caches', { default: {} }, 'an open client', 'its location in its default is undefined'],
  [
    'caches',
    { default: { location: 'locmem:', 'redis://:tiger@h': 1 } },
    'an open client',
    'One of its keys is none of its keys',
  ],
  [
    'CACHES',
    { default: { BACKEND: 'django.core.cache.backends.locmem.LocMemCache', KEYPREFIX: 'p' } },
    'an object with location',
    'did you mean KEY_PREFIX?',
  ],
  [
    'CACHES',
    { default: { BACKEND: 'django.core.cache.backends.locmem.LocMemCache', keyPrefix: 'p' } },
    'an object with location',
    "'keyPrefix' is none of its keys (BACKEND, LOCATION, KEY_PREFIX, VERSION",
  ],
  ['clock', 0, 'a function', 'the number 0'],
  ['random', 'random', 'a function (length, alphabet)', "'random'"],
]

test.each(wrong)('%s as %o is refused, with the name and what is allowed', (name, value, allowed, given) => {
  const message = messageOf(() => resolve({ [name]: value }))
  expect(message).toContain(`The setting ${name} must be `)
  expect(message).toContain(allowed)
  expect(message).toContain(given)
  expect(message).not.toContain('tiger')
})

test.each([
  ['secretKey', `${SECRET}\ud800`],
  ['secretKey', { toString: () => SECRET }],
  ['secretKey', 123456789],
  ['secretKeyFallbacks', SECRET],
  ['secretKeyFallbacks', [`${SECRET}\udc00`]],
  ['secretKeyFallbacks', [123456789]],
  ['databases', `sqlite:${SECRET}`],
  ['databases', { default: `mongodb://u:${SECRET}@h/d` }],
  ['caches', { default: `redis:// :${SECRET}@h\0` }],
  ['databases', { [`${SECRET} `]: 'sqlite:x' }],
  ['csrfTrustedOrigins', [`https://u:${SECRET}@h`]],
])('no message shows a secret: %s', (name, value) => {
  const message = messageOf(() => resolve({ [name]: value }))
  expect(message).toContain(name)
  expect(message).not.toContain(SECRET)
  expect(message).not.toContain('123456789')
})

test('a secret key of bytes is copied, so that wiping it later changes nothing', () => {
  const bytes = Buffer.from('key')
  const { secretKey } = resolve({ secretKey: bytes })
  bytes.fill(0)
  expect(secretKey).toEqual(new Uint8Array([107, 101, 121]))
})

test('values are brought to one form', () => {
  const settings = resolve({
    SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies',
    SESSION_SERIALIZER: 'django.contrib.sessions.serializers.JSONSerializer',
    SIGNING_BACKEND: 'django.core.signing.TimestampSigner',
    MESSAGE_STORAGE: 'django.contrib.messages.storage.session.SessionStorage',
    MESSAGE_LEVEL: 'WARNING',
    PASSWORD_HASHERS: ['django.contrib.auth.hashers.PBKDF2PasswordHasher'],
    CSRF_HEADER_NAME: 'X-Other-Token',
    CSRF_TRUSTED_ORIGINS: ['HTTPS://*.Example.com:8443', 'http://[::1]:8000'],
    SECURE_PROXY_SSL_HEADER: ['HTTP_X_FORWARDED_PROTO', 'https'],
    REMOTE_USER_HEADER: 'X-Remote-User',
  })
  expect(settings).toMatchObject({
    sessionEngine: 'signed_cookies',
    sessionSerializer: 'JSONSerializer',
    signingBackend: 'TimestampSigner',
    messageStorage: 'session',
    messageLevel: 30,
    passwordHashers: ['pbkdf2_sha256'],
    csrfHeaderName: 'HTTP_X_OTHER_TOKEN',
    csrfTrustedOrigins: ['https://*.example.com:8443', 'http://[::1]:8000'],
    secureProxySslHeader: ['x-forwarded-proto', 'https'],
    remoteUserHeader: 'x-remote-user',
  })
  expect(resolve({ secureProxySslHeader: ['X-Forwarded-Proto', 'https'] }).secureProxySslHeader).toEqual([
    'x-forwarded-proto',
    'https',
  ])
})

test("Django's own list of middleware is taken in any order, and what is not about sessions is ignored", () => {
  const project = [
    'django.contrib.messages.middleware.MessageMiddleware',
    'django.middleware.security.SecurityMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'whitenoise.middleware.WhiteNoiseMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
  ]
  expect(resolve({ MIDDLEWARE: project }).middleware).toEqual(['sessions', 'csrf', 'auth', 'messages'])
  expect(resolve({ middleware: [] }).middleware).toEqual(['sessions'])
  expect(resolve({ middleware: ['auth', 'csrf', 'auth'] }).middleware).toEqual(['sessions', 'csrf', 'auth'])
})

test('objects that keep state are handed through as they are', () => {
  const handle = { prepare: () => null }
  const backend = { path: 'app.Backend', authenticate: () => null, getUser: () => null }
  const settings = resolve({
    sessionEngine: engineStub,
    databases: { default: handle },
    authenticationBackends: [backend],
  })
  expect(settings.sessionEngine).toBe(engineStub)
  expect(settings.databases['default']).toBe(handle)
  expect(settings.authenticationBackends[0]).toBe(backend)
})

test.each<[string, Readonly<Record<string, unknown>>, readonly string[]]>([
  [
    '__Host- without the path /',
    { SESSION_COOKIE_NAME: '__Host-sid', SESSION_COOKIE_PATH: '/app' },
    ['SESSION_COOKIE_NAME', "SESSION_COOKIE_PATH '/'"],
  ],
  [
    '__Host- with a domain',
    { sessionCookieName: '__Host-sid', sessionCookieDomain: 'a.example' },
    ['sessionCookieName', 'sessionCookieDomain null'],
  ],
  [
    '__Host- without Secure',
    { csrfCookieName: '__Host-csrf', CSRF_COOKIE_SECURE: false },
    ['csrfCookieName', 'CSRF_COOKIE_SECURE true'],
  ],
  [
    "__Host- with the Secure that is 'auto', where a visitor by HTTP would get an error",
    { sessionCookieName: '__Host-sid' },
    ['sessionCookieName', 'sessionCookieSecure true'],
  ],
  ['__hOST- in another case', { sessionCookieName: '__hOST-sid', sessionCookieSecure: false }, ['sessionCookieSecure']],
  [
    '__Secure- without Secure',
    { sessionCookieName: '__SECURE-sid', sessionCookieSecure: false },
    ['sessionCookieSecure'],
  ],
  [
    'Partitioned without Secure',
    { sessionCookiePartitioned: true, sessionCookieSecure: false },
    ['sessionCookiePartitioned'],
  ],
  [
    'a session cookie for other sites that is not Secure',
    { sessionCookieSamesite: 'None', SESSION_COOKIE_SECURE: false },
    ["sessionCookieSamesite 'None' needs SESSION_COOKIE_SECURE", 'browsers drop'],
  ],
  [
    'a CSRF cookie for other sites that is not Secure',
    { csrfCookieSamesite: 'None', csrfCookieSecure: false },
    ["csrfCookieSamesite 'None' needs csrfCookieSecure", 'browsers drop'],
  ],
  [
    'one name for two cookies',
    { sessionCookieName: 'same', CSRF_COOKIE_NAME: 'same' },
    ['sessionCookieName and CSRF_COOKIE_NAME'],
  ],
  ['the name of the messages cookie', { sessionCookieName: 'messages' }, ['sessionCookieName']],
  ['the db engine without a default database', { databases: { other: 'sqlite:x' } }, ['databases must have a default']],
  [
    'a touch later than the end',
    { sessionTouchAfter: 60, SESSION_COOKIE_AGE: 60 },
    ['sessionTouchAfter', 'SESSION_COOKIE_AGE'],
  ],
  [
    'a number of signed cookies, which nobody counts',
    { SESSION_ENGINE: 'signed_cookies', sessionUserIndex: true, maxSessionsPerUser: 3 },
    ['maxSessionsPerUser', "a SESSION_ENGINE that keeps sessions ('db'", 'revokeUser'],
  ],
  [
    'a number of sessions that an own engine leaves in browsers',
    { sessionEngine: { ...engineStub, stateless: true }, sessionUserIndex: true, maxSessionsPerUser: 3 },
    ['maxSessionsPerUser', 'sessionEngine', 'nobody counts'],
  ],
  [
    'lists of sessions of an own engine that keeps none',
    { sessionEngine: { ...engineStub, name: 'mine' }, SESSION_USER_INDEX: true },
    ['SESSION_USER_INDEX', 'sessionEngine', "'mine'", '`users`'],
  ],
  [
    'lists of sessions of an own engine without a name',
    { sessionEngine: engineStub, sessionUserIndex: true },
    ['this one has no `users`'],
  ],
])('settings that contradict each other are refused: %s', (_, input, words) => {
  const message = messageOf(() => resolve(input))
  for (const word of words) expect(message).toContain(word)
})

test.each<Readonly<Record<string, unknown>>>([
  { sessionCookieName: '__Host-sid', sessionCookieSecure: true },
  {
    sessionCookieName: '__Secure-sid',
    sessionCookieSecure: true,
    sessionCookiePath: '/app',
    sessionCookieDomain: '.example.com',
  },
  { sessionCookieSamesite: 'None' },
  { sessionCookieSamesite: 'None', sessionCookieSecure: true },
  { sessionCookiePartitioned: true },
  { sessionEngine: 'memory', databases: {} },
  { sessionEngine: 'signed_cookies', sessionUserIndex: true },
  { sessionEngine: { ...engineStub, stateless: true }, sessionUserIndex: true },
  { sessionEngine: { ...engineStub, users: {} }, sessionUserIndex: true, maxSessionsPerUser: 3 },
  { sessionEngine: engineStub },
])('settings that agree are taken: %j', (input) => {
  expect(resolve(input)).toMatchObject(input)
})

const everyByte = [
  ...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)),
  '\ud800',
  '\udbff',
  '\udc00',
  '\udfff',
]
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/
const legal = {
  CookieName: ['a?b', TOKEN],
  CookieDomain: ['a?b', /^[A-Za-z0-9._-]$/],
  CookiePath: ['/a?b', /^[\x20-\x3a\x3c-\x7e]$/],
} as const

test.each(
  ['session', 'csrf'].flatMap((which) =>
    Object.entries(legal).map(([attribute, rule]) => [which + attribute, ...rule] as const),
  ),
)('T20: no byte that could split a header gets into %s', (name, around, allowed) => {
  for (const character of everyByte) {
    const value = around.replace('?', () => character)
    if (allowed.test(character)) expect(resolve({ [name]: value })).toHaveProperty(name, value)
    else expect(messageOf(() => resolve({ [name]: value }))).toContain(`The setting ${name} must be `)
  }
})

test('T20: no message carries a raw control character into a log', () => {
  for (const character of everyByte.filter((each) => !/^[\x20-\x7e]$/.test(each))) {
    expect(messageOf(() => resolve({ sessionCookieName: `a${character}` }))).toMatch(/^[\x20-\x7e]+$/)
    expect(messageOf(() => resolve({ [`a${character}`]: 1 }))).toMatch(/^[\x20-\x7e]+$/)
  }
})

test("defineSettings gives TypeScript's names and short values, and only what was given", () => {
  expect(
    defineSettings({ SESSION_ENGINE: 'django.contrib.sessions.backends.db', DEBUG: true, csrfCookieAge: undefined }),
  ).toEqual({
    sessionEngine: 'db',
    debug: true,
  })
  expect(messageOf(() => defineSettings({ SESSION_COOKIE_AGE: -1 }))).toContain(
    'The setting SESSION_COOKIE_AGE must be ',
  )
})

test("each setting's two spellings are known", () => {
  for (const name of settingNames()) {
    expect(djangoName(name)).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
    expect(defineSettings({ [djangoName(name)]: undefined })).toEqual({})
  }
  expect(djangoName('pbkdf2Iterations')).toBe('PBKDF2_ITERATIONS')
  expect(djangoName('useXForwardedHost')).toBe('USE_X_FORWARDED_HOST')
})

test('the environment is read in the forms that people write', () => {
  const env = {
    SECRET_KEY: ' kept, as it is ',
    SECRET_KEY_FALLBACKS: '["a,b", "c"]',
    SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies',
    SESSION_COOKIE_AGE: '86400',
    SESSION_COOKIE_DOMAIN: 'None',
    SESSION_COOKIE_SECURE: 'auto',
    CSRF_COOKIE_SECURE: 'Yes',
    SESSION_COOKIE_SAMESITE: 'None',
    CSRF_COOKIE_SAMESITE: 'False',
    SESSION_SAVE_EVERY_REQUEST: 'django',
    CSRF_COOKIE_AGE: '',
    CSRF_USE_SESSIONS: 'ON',
    USE_TZ: '0',
    SESSION_STORE_TIMEOUT: '0.25',
    ALLOWED_HOSTS: 'a.example, .b.example,',
    CSRF_TRUSTED_ORIGINS: '',
    SECURE_PROXY_SSL_HEADER: 'HTTP_X_FORWARDED_PROTO,https',
    MESSAGE_LEVEL: 'error',
    MESSAGE_TAGS: '{"40": "danger"}',
    DATABASES: '{"other": "sqlite:other.sqlite3"}',
    DATABASE_URL: 'sqlite:./site.sqlite3',
    CACHE_URL: 'redis://h',
    DEBUG: 'express:*',
    RANDOM: '4711',
    HOME: '/root',
  }
  expect(settingsFromEnv(env)).toEqual({
    secretKey: ' kept, as it is ',
    secretKeyFallbacks: ['a,b', 'c'],
    sessionEngine: 'signed_cookies',
    sessionCookieAge: 86400,
    sessionCookieDomain: null,
    sessionCookieSecure: 'auto',
    csrfCookieSecure: true,
    sessionCookieSamesite: 'None',
    csrfCookieSamesite: false,
    sessionSaveEveryRequest: 'django',
    csrfCookieAge: null,
    csrfUseSessions: true,
    useTz: false,
    sessionStoreTimeout: 0.25,
    allowedHosts: ['a.example', '.b.example'],
    csrfTrustedOrigins: [],
    secureProxySslHeader: ['x-forwarded-proto', 'https'],
    messageLevel: 40,
    messageTags: { 40: 'danger' },
    databases: { other: 'sqlite:other.sqlite3', default: 'sqlite:./site.sqlite3' },
    caches: { default: { location: 'redis://h', keyPrefix: '', version: 1, codec: 'pickle' } },
  })
  expect(settingsFromEnv({ DEBUG: 'true', SESSION_ENGINE: 'db' })).toEqual({ debug: true, sessionEngine: 'db' })
  expect(settingsFromEnv({})).toEqual({})
})

test('settings of the environment may be laid under settings in code', () => {
  const fromEnv = settingsFromEnv({ SECRET_KEY: SECRET, SESSION_COOKIE_AGE: '5' })
  expect(resolveSettings({ ...fromEnv, sessionCookieAge: 6 })).toMatchObject({ secretKey: SECRET, sessionCookieAge: 6 })
})

test('without an argument, the environment is that of the process', () => {
  process.env['SESSION_COOKIE_NAME'] = 'from_process'
  try {
    expect(settingsFromEnv().sessionCookieName).toBe('from_process')
  } finally {
    delete process.env['SESSION_COOKIE_NAME']
  }
})

test.each([
  ['SECRET_KEY', ''],
  ['SESSION_COOKIE_AGE', 'soon'],
  ['SESSION_COOKIE_AGE', ''],
  ['SESSION_COOKIE_HTTPONLY', 'maybe'],
  ['SESSION_ENGINE', 'redis'],
  ['MESSAGE_TAGS', '{"40": tiger}'],
  ['MESSAGE_TAGS', 'danger'],
  ['ALLOWED_HOSTS', '["a.example"'],
  ['ALLOWED_HOSTS', 'https://a.example'],
  ['CSRF_FAILURE_VIEW', 'app.views.failure'],
  ['DATABASES', '{"default": "mongodb://u:tiger@h/d"}'],
  ['DATABASE_URL', 'mongodb://u:tiger@h/d'],
  ['CACHE_URL', 'http://u:tiger@h/d'],
  ['DATABASE_URL', ''],
])('a wrong environment variable is named: %s=%s', (variable, value) => {
  const message = messageOf(() => settingsFromEnv({ [variable]: value }))
  expect(message).toContain(variable)
  expect(message).not.toContain('tiger')
})

test('a default database given twice in the environment is an error', () => {
  const env = { DATABASES: '{"default": "sqlite:a"}', DATABASE_URL: 'sqlite:b' }
  expect(messageOf(() => settingsFromEnv(env))).toContain('DATABASE_URL and DATABASES')
  const caches = { CACHES: '{"default": "locmem:"}', CACHE_URL: 'locmem:' }
  expect(messageOf(() => settingsFromEnv(caches))).toContain('CACHE_URL and CACHES')
})
