import { sessionSchema } from './session-schema.js'
import * as kind from './setting-kinds.js'
import * as part from './setting-parts.js'
import { choice, flag, list, orNull, type Rule, whole } from './setting-rules.js'
import * as store from './setting-stores.js'

/** The headings under which the reference page lists the settings. */
export type Section = 'site' | 'sessions' | 'csrf' | 'messages' | 'auth' | 'hosts'

/** One setting. Its name is its key in the table. */
export interface Row<In, Out extends In = In> {
  readonly section: Section
  readonly rule: Rule<In, Out>
  readonly default: Out
  /** One line for the reference page. */
  readonly doc: string
  /** Django's own, or sojourn's. */
  readonly django: boolean
}

function django<In, Out extends In>(
  section: Section,
  rule: Rule<In, Out>,
  initial: NoInfer<Out>,
  doc: string,
): Row<In, Out> {
  return { section, rule, default: frozen(initial), doc, django: true }
}

function own<In, Out extends In>(
  section: Section,
  rule: Rule<In, Out>,
  initial: NoInfer<Out>,
  doc: string,
): Row<In, Out> {
  return { section, rule, default: frozen(initial), doc, django: false }
}

/** Defaults are handed out to every site, so no site may change them. */
function frozen<T>(value: T): T {
  return typeof value === 'object' && value !== null ? Object.freeze(value) : value
}

const secure = choice('auto', true, false)
const sameSite = choice('Lax', 'Strict', 'None', false)

/**
 * Every setting there is: the one place that types, checks, the environment's reader and the reference page come from.
 * Names are Django's, mechanically respelled (`SESSION_COOKIE_HTTPONLY` is `sessionCookieHttponly`); defaults are
 * those of Django 6.1 unless the line says otherwise.
 */
export const settingsTable = {
  // Site
  secretKey: django(
    'site',
    kind.key,
    '',
    'Signs sessions, cookies, messages and login hashes. Share it with the Django site that shares the sessions. Required.',
  ),
  secretKeyFallbacks: django(
    'site',
    list(kind.key),
    [],
    'Older keys: what they signed is still read, nothing new is signed with them.',
  ),
  debug: django('site', flag, false, 'Shows reasons on error pages. Never in production.'),
  silencedSystemChecks: django(
    'site',
    list(kind.checkId),
    [],
    'What `sojourn check --deploy` does not say, by id: `security.W020`.',
  ),
  middleware: django(
    'site',
    part.middleware,
    ['sessions', 'csrf', 'auth', 'messages'],
    'The parts that are on, in any order; sessions always are. Without `csrf` only pages with `csrfProtect` check a token.',
  ),
  databases: own(
    'site',
    store.databases,
    { default: 'sqlite:./db.sqlite3' },
    'Where tables live, by alias: a URL or an open handle. `DATABASE_URL` in the environment is the default one.',
  ),
  caches: django(
    'site',
    store.caches,
    {},
    'The caches of the engines `cache` and `cached_db`, by alias: a URL, an open client, or an object that also says keyPrefix, version and codec. `CACHE_URL` in the environment is the default one.',
  ),
  useTz: django(
    'site',
    flag,
    true,
    'Whether moments in the database and in sessions carry their offset, as in Django.',
  ),
  timeZone: django(
    'site',
    kind.zone,
    'America/Chicago',
    'The zone of moments without an offset; matters with `useTz: false` only.',
  ),
  signingBackend: django('site', part.signer, 'TimestampSigner', 'How cookies are signed; the only one there is.'),
  signedCookieLegacySaltFallback: django(
    'site',
    flag,
    false,
    '`getSignedCookie` also reads cookies that were signed under the salt of Django before 5.2.15 and 6.0.6.',
  ),
  clock: own('site', part.clock, Date.now, 'The time in milliseconds; tests turn it.'),
  random: own(
    'site',
    orNull(part.random),
    null,
    'Makes session keys and tokens in tests; null is the secure generator.',
  ),

  // Sessions
  sessionEngine: django(
    'sessions',
    store.engine,
    'db',
    "Where sessions are kept: a name, Django's dotted path, or an object.",
  ),
  sessionCookieName: django('sessions', kind.cookieName, 'sessionid', 'The name of the session cookie.'),
  sessionCookieAge: django(
    'sessions',
    kind.seconds,
    1_209_600,
    'How long a session lasts after it was last saved, in seconds (two weeks).',
  ),
  sessionCookieDomain: django(
    'sessions',
    orNull(kind.cookieDomain),
    null,
    'The domain of the session cookie and the messages cookie; null is this host only.',
  ),
  sessionCookiePath: django('sessions', kind.cookiePath, '/', 'The path of the session cookie.'),
  sessionCookieSecure: django(
    'sessions',
    secure,
    'auto',
    "HTTPS only. `'auto'`, the default here, is true on requests that came by HTTPS; Django's default is false.",
  ),
  sessionCookieHttponly: django('sessions', flag, true, 'Hides the session cookie from scripts.'),
  sessionCookieSamesite: django(
    'sessions',
    sameSite,
    'Lax',
    "When other sites' pages may send the session cookie; false leaves the attribute out.",
  ),
  sessionCookiePartitioned: own(
    'sessions',
    flag,
    false,
    'Keeps the cookie apart for each embedding site (CHIPS); needs Secure.',
  ),
  sessionCookieConflict: own(
    'sessions',
    choice('last', 'anonymous'),
    'last',
    'When a request brings two different session cookies: take the last, as Django does, or none.',
  ),
  sessionExpireAtBrowserClose: django(
    'sessions',
    flag,
    false,
    'Sends the cookie without an age, so that it ends with the browser.',
  ),
  sessionSaveEveryRequest: django(
    'sessions',
    choice(true, false, 'django'),
    false,
    "Moves the expiry at each request: `true` for sessions that exist; `'django'` saves as Django does, also a new empty row for an unknown cookie.",
  ),
  sessionAbsoluteAge: own(
    'sessions',
    orNull(kind.seconds),
    null,
    'Ends a session this many seconds after it began, however busy it is.',
  ),
  sessionTouchAfter: own(
    'sessions',
    orNull(kind.seconds),
    null,
    'Moves the expiry of a session that is only read, at most once in so many seconds.',
  ),
  sessionDetectNested: own(
    'sessions',
    flag,
    true,
    "Notices changes inside nested values; false is Django's way, where only assignment counts.",
  ),
  sessionSchema: own(
    'sessions',
    orNull(sessionSchema),
    null,
    'Describes the data: types them, refuses what does not fit when it is put in, and passes over what does not fit when it is stored.',
  ),
  sessionPrefetch: own(
    'sessions',
    part.prefetch,
    true,
    'Loads the session before the handler on asynchronous engines; false or a function leaves it to `getSession`.',
  ),
  sessionMaxBytes: own('sessions', whole('bytes', 1, 2 ** 30), 2 ** 20, 'The largest session, as stored text.'),
  sessionStoreTimeout: own(
    'sessions',
    kind.timeout,
    0.5,
    'How long one store operation may take before the answer is 503, in seconds.',
  ),
  sessionOnStoreError: own(
    'sessions',
    choice('error', 'read-only'),
    'error',
    "When the store fails: `'error'` answers 503 to whatever uses the session; `'read-only'` gives pages an empty session that says so and cannot be changed.",
  ),
  sessionUserIndex: own(
    'sessions',
    flag,
    false,
    "Keeps a list of each user's sessions, for `site.sessions.forUser` and `revokeUser`. A database needs `sojourn migrate` first.",
  ),
  sessionUserIndexDetails: own(
    'sessions',
    flag,
    true,
    'Whether that list has the browser and the address of each session.',
  ),
  maxSessionsPerUser: own(
    'sessions',
    orNull(whole('sessions', 1, 10_000)),
    null,
    'How often a user may be logged in at once; needs `sessionUserIndex`.',
  ),
  maxSessionsPerUserPolicy: own(
    'sessions',
    choice('evict', 'reject'),
    'evict',
    "One login too many: `'evict'` ends the session that was seen longest ago, `'reject'` refuses the login (`TooManySessions`).",
  ),
  sessionTokenAudiences: own(
    'sessions',
    list(kind.audience),
    [],
    'Accepts session tokens that were issued for these audiences, in `Authorization: Bearer`; an empty list accepts none.',
  ),
  sessionTokenAllauth: own(
    'sessions',
    flag,
    false,
    "Accepts in `X-Session-Token` what django-allauth's headless API gives to apps: the session key itself.",
  ),
  sessionMemoryMax: own(
    'sessions',
    whole('sessions', 1, 2 ** 31 - 1),
    100_000,
    'The most sessions the memory engine keeps.',
  ),
  sessionFilePath: django(
    'sessions',
    orNull(kind.filePath),
    null,
    "The folder of the file engine, which must exist; null is the system's temporary folder.",
  ),
  sessionFileSync: own(
    'sessions',
    flag,
    true,
    'Whether the file engine has each save on the disk before it answers (fsync), so that a power cut loses nothing.',
  ),
  sessionCacheAlias: django(
    'sessions',
    kind.word,
    'default',
    'Which of the caches holds the sessions of the engines `cache` and `cached_db`.',
  ),
  sessionSerializer: django(
    'sessions',
    part.serializer,
    'JSONSerializer',
    'How session data become text; the only one there is.',
  ),

  // CSRF protection
  csrfCookieName: django('csrf', kind.cookieName, 'csrftoken', 'The name of the CSRF cookie.'),
  csrfCookieAge: django(
    'csrf',
    orNull(kind.seconds),
    31_449_600,
    'How long the CSRF cookie lasts, in seconds (a year less a day); null ends it with the browser.',
  ),
  csrfCookieDomain: django(
    'csrf',
    orNull(kind.cookieDomain),
    null,
    'The domain of the CSRF cookie; null is this host only.',
  ),
  csrfCookiePath: django('csrf', kind.cookiePath, '/', 'The path of the CSRF cookie.'),
  csrfCookieSecure: django(
    'csrf',
    secure,
    'auto',
    "HTTPS only. `'auto'`, the default here, is true on requests that came by HTTPS; Django's default is false.",
  ),
  csrfCookieHttponly: django(
    'csrf',
    flag,
    false,
    'Hides the CSRF cookie from scripts, which then cannot send it as a header.',
  ),
  csrfCookieSamesite: django(
    'csrf',
    sameSite,
    'Lax',
    "When other sites' pages may send the CSRF cookie; false leaves the attribute out.",
  ),
  csrfCookieMasked: django(
    'csrf',
    flag,
    false,
    'Keeps the CSRF secret masked, in the cookie and in the session, as Django did before 4.1: with `csrfUseSessions` such a Django beside cannot read it otherwise.',
  ),
  csrfHeaderName: django('csrf', kind.metaHeader, 'HTTP_X_CSRFTOKEN', 'The header that scripts send the token in.'),
  csrfTrustedOrigins: django('csrf', list(kind.origin), [], 'Other origins whose forms are accepted.'),
  csrfUseSessions: django('csrf', flag, false, 'Keeps the CSRF secret in the session instead of a cookie.'),
  csrfMode: own(
    'csrf',
    choice('token', 'header-only', 'report-only'),
    'token',
    "What a form must bring: `'token'` as in Django; `'header-only'` only a good Sec-Fetch-Site, Origin or Referer, which browsers send by themselves; `'report-only'` refuses nothing and tells `csrf_failed`.",
  ),
  csrfExemptPaths: own(
    'csrf',
    list(kind.pathPattern),
    [],
    "Paths that need no token, as webhooks do: `'/hook'` is exactly this, `'/hooks/*'` all below it.",
  ),
  csrfFailureView: django(
    'csrf',
    orNull(part.csrfFailureView),
    null,
    'Answers a refused form; null is the built-in page.',
  ),
  dataUploadMaxMemorySize: django(
    'csrf',
    orNull(whole('bytes', 1, 2 ** 31 - 1)),
    2_621_440,
    'The largest form that is read to look for its token, in bytes (2.5 MiB); a larger one is a 400. null is no limit.',
  ),

  // Messages
  messageStorage: django(
    'messages',
    part.messageStorage,
    'fallback',
    'Where messages wait: a cookie, the session, or the cookie while they fit.',
  ),
  messageLevel: django('messages', part.messageLevel, 20, 'The lowest level that is kept.'),
  messageTags: django('messages', part.messageTags, {}, "The tag of each level, where it is not Django's."),

  // Auth
  authenticationBackends: django(
    'auth',
    part.authenticationBackends,
    ['django.contrib.auth.backends.ModelBackend'],
    'Who checks credentials, in order.',
  ),
  authUserModel: django('auth', kind.userModel, 'auth.User', 'The user model, which names the table.'),
  passwordHashers: django(
    'auth',
    part.passwordHashers,
    ['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'scrypt'],
    'How passwords are hashed: the first makes new hashes, all are read. `argon2` and `bcrypt_sha256` need the package `argon2` or `bcrypt`; `bcrypt`, `md5`, `sha1` and the unsalted ones are for reading only.',
  ),
  passwordUpgrade: own(
    'auth',
    flag,
    true,
    'Hashes a password anew at login where its hash is weaker than new ones are, as Django does; never the other way. A hash that is rewritten ends the other sessions of its user.',
  ),
  pbkdf2Iterations: own(
    'auth',
    whole('iterations', 1, 2 ** 31 - 1),
    1_500_000,
    'The work of a new PBKDF2 hash, as Django 6.1 does it.',
  ),
  loginThrottle: own(
    'auth',
    orNull(part.loginThrottle),
    null,
    'Is asked by `authenticate` before it looks at a password, and told how it went: slows down whoever guesses.',
  ),
  sessionAuthTime: own(
    'auth',
    flag,
    false,
    'Notes in the session when its user proved who they are; needed for `requireRecentAuth`.',
  ),
  loginUrl: django('auth', kind.location, '/accounts/login/', 'Where a visitor is sent to log in.'),
  loginRedirectUrl: django(
    'auth',
    kind.location,
    '/accounts/profile/',
    'Where a user is sent after login without a next page.',
  ),
  logoutRedirectUrl: django(
    'auth',
    orNull(kind.location),
    null,
    'Where your logout page sends a user: read it from `site.settings`.',
  ),
  remoteUserHeader: own(
    'auth',
    orNull(kind.headerName),
    null,
    'The header in which a trusted proxy names the user; null trusts none.',
  ),

  // Hosts and proxies
  allowedHosts: django(
    'hosts',
    list(kind.host),
    [],
    'The hosts this site answers for. Empty, the default, is any well-formed host; Django then takes only localhost, and only with DEBUG.',
  ),
  useXForwardedHost: django('hosts', flag, false, 'Takes the host from `X-Forwarded-Host`.'),
  useXForwardedPort: django('hosts', flag, false, 'Takes the port from `X-Forwarded-Port`.'),
  secureProxySslHeader: django(
    'hosts',
    orNull(kind.proxyHeader),
    null,
    'The header and value by which a trusted proxy says that a request came by HTTPS.',
  ),
} as const

type Table = typeof settingsTable
type InOf<R> = R extends { readonly rule: { readonly input?: infer In } } ? Exclude<In, undefined> : never

/** The name of a setting, such as `sessionCookieAge`. */
export type SettingName = keyof Table

/** `sessionCookieAge` as Django spells it: `SESSION_COOKIE_AGE`. */
export type DjangoName<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? '' : '_'}${Uppercase<First>}${DjangoName<Rest>}`
  : ''

type SettingValues = { readonly [Name in SettingName]?: InOf<Table[Name]> }
type DjangoValues = { readonly [Name in SettingName as DjangoName<Name>]?: InOf<Table[Name]> }
type ResolvedValues = { readonly [Name in SettingName]: Table[Name]['default'] }

/** Settings in TypeScript's spelling. `undefined` is the same as not given. */
export interface Settings extends SettingValues {}

/** Settings in Django's spelling. */
export interface DjangoSettings extends DjangoValues {}

/** What `sojourn(settings)` takes: either spelling, also mixed; but not both for one setting. */
export type SettingsInput = Settings & DjangoSettings

/** All settings, checked, with defaults filled in and every name in its short form. Frozen. */
export interface ResolvedSettings extends ResolvedValues {}

/** `SESSION_COOKIE_AGE` for `sessionCookieAge`. */
export function djangoName(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase()
}
