import type { LoginThrottle } from './login-throttle.js'
import { flag, list, named, oneOf, Refusal, type Rule, record, rule, text } from './setting-rules.js'
import type { Clock, MaybePromise, PlainResponse } from './types.js'

/** The values of settings that choose parts of a site: middleware, backends, hashers, functions. */

/** The parts of a site, which Django calls middleware. */
export type PartName = 'sessions' | 'csrf' | 'auth' | 'messages'

const PARTS: Readonly<Record<PartName, string>> = {
  sessions: 'django.contrib.sessions.middleware.SessionMiddleware',
  csrf: 'django.middleware.csrf.CsrfViewMiddleware',
  auth: 'django.contrib.auth.middleware.AuthenticationMiddleware',
  messages: 'django.contrib.messages.middleware.MessageMiddleware',
}
const PART_NAMES = Object.keys(PARTS) as readonly PartName[]

/**
 * Django's middleware that has nothing to do with sessions. The list is closed so that a slip in the path of
 * CsrfViewMiddleware is an error and not a site without CSRF protection; and LoginRequiredMiddleware is not in it,
 * because to ignore that would publish pages.
 */
const UNRELATED = new Set([
  'django.middleware.security.SecurityMiddleware',
  'django.middleware.common.CommonMiddleware',
  'django.middleware.common.BrokenLinkEmailsMiddleware',
  'django.middleware.clickjacking.XFrameOptionsMiddleware',
  'django.middleware.cache.UpdateCacheMiddleware',
  'django.middleware.cache.FetchFromCacheMiddleware',
  'django.middleware.cache.CacheMiddleware',
  'django.middleware.csp.ContentSecurityPolicyMiddleware',
  'django.middleware.gzip.GZipMiddleware',
  'django.middleware.http.ConditionalGetMiddleware',
  'django.middleware.locale.LocaleMiddleware',
  'django.contrib.admindocs.middleware.XViewMiddleware',
  'django.contrib.flatpages.middleware.FlatpageFallbackMiddleware',
  'django.contrib.redirects.middleware.RedirectFallbackMiddleware',
  'django.contrib.sites.middleware.CurrentSiteMiddleware',
])
const INSTEAD: Readonly<Record<string, string>> = {
  LoginRequiredMiddleware: 'Here pages are guarded one by one, with loginRequired.',
  RemoteUserMiddleware: 'Set remoteUserHeader instead.',
  PersistentRemoteUserMiddleware: 'Set remoteUserHeader instead.',
}

export type MiddlewareSetting = PartName | `${string}.${string}`

/** Any order will do: parts finish in one fixed order. Sessions are always among them, for the others stand on them. */
export const middleware: Rule<readonly MiddlewareSetting[], readonly PartName[]> = rule(
  `a list of ${oneOf(PART_NAMES)}, or of Django's dotted paths (middleware that is not about sessions is ignored)`,
  'list',
  (value) => {
    if (!Array.isArray(value)) return new Refusal(value)
    const chosen = new Set<PartName>(['sessions'])
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      const part = PART_NAMES.find((name) => name === item || PARTS[name] === item)
      if (part !== undefined) chosen.add(part)
      else if (!isUnrelated(item)) {
        const last = typeof item === 'string' ? item.slice(item.lastIndexOf('.') + 1) : ''
        return new Refusal(item, Object.hasOwn(INSTEAD, last) ? INSTEAD[last] : '', `item ${index}`)
      }
    }
    return Object.freeze(PART_NAMES.filter((name) => chosen.has(name)))
  },
)

function isUnrelated(path: unknown): boolean {
  if (typeof path !== 'string' || !DOTTED.test(path)) return false
  return path.startsWith('django.') ? UNRELATED.has(path) : true
}
const DOTTED = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$/

/** The functions by which an authentication backend is known; the auth part says what they take and give. */
export interface AuthenticationBackend {
  /** What `_auth_user_backend` holds in the session, so that Django finds its own backend of that path. */
  readonly path: string
  authenticate(...args: never[]): unknown
  getUser(...args: never[]): unknown
}

const backend: Rule<string | AuthenticationBackend> = rule(
  'a dotted path, or an object with path, authenticate and getUser',
  'text',
  (value) => {
    if (typeof value === 'string') return DOTTED.test(value) ? value : new Refusal(value)
    if (typeof value !== 'object' || value === null) return new Refusal(value)
    const given = value as Partial<AuthenticationBackend>
    const missing = [
      ...(typeof given.path === 'string' && DOTTED.test(given.path) ? [] : ['a dotted path as its path']),
      ...(typeof given.authenticate === 'function' ? [] : ['authenticate']),
      ...(typeof given.getUser === 'function' ? [] : ['getUser']),
    ]
    return missing.length > 0 ? new Refusal(value, `It lacks ${missing.join(', ')}.`) : (value as AuthenticationBackend)
  },
)

export const authenticationBackends: Rule<readonly (string | AuthenticationBackend)[]> = list(backend, 1)

const HASHERS = {
  pbkdf2_sha256: 'django.contrib.auth.hashers.PBKDF2PasswordHasher',
  pbkdf2_sha1: 'django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher',
  argon2: 'django.contrib.auth.hashers.Argon2PasswordHasher',
  bcrypt_sha256: 'django.contrib.auth.hashers.BCryptSHA256PasswordHasher',
  scrypt: 'django.contrib.auth.hashers.ScryptPasswordHasher',
  bcrypt: 'django.contrib.auth.hashers.BCryptPasswordHasher',
  md5: 'django.contrib.auth.hashers.MD5PasswordHasher',
  sha1: 'django.contrib.auth.hashers.SHA1PasswordHasher',
  unsalted_md5: 'django.contrib.auth.hashers.UnsaltedMD5PasswordHasher',
  unsalted_sha1: 'django.contrib.auth.hashers.UnsaltedSHA1PasswordHasher',
} as const
const hasher = named(HASHERS)
/** Guessed by the billion: they are read, and no new hash is made by them. */
const FOR_READING = new Set(['bcrypt', 'md5', 'sha1', 'unsalted_md5', 'unsalted_sha1'])

/** The name of a password hasher: what a stored hash begins with. */
export type HasherName = keyof typeof HASHERS

const hashers = list(hasher, 1)

export const passwordHashers: Rule<readonly (HasherName | (typeof HASHERS)[HasherName])[], readonly HasherName[]> =
  rule(hashers.allowed, 'list', (value) => {
    const checked = hashers.check(value)
    if (checked instanceof Refusal || !FOR_READING.has(checked[0] as string)) return checked
    return new Refusal(
      checked[0],
      'That one is only for reading old hashes: name one first that makes new ones.',
      'item 0',
    )
  })

export const loginThrottle: Rule<LoginThrottle> = rule(
  'an object with a function retryAfter(attempt), and if wanted failed and succeeded',
  'code',
  (value) => {
    const { retryAfter } = (value ?? {}) as Partial<LoginThrottle>
    return typeof retryAfter === 'function' ? (value as LoginThrottle) : new Refusal(value)
  },
)

export const serializer = named({ JSONSerializer: 'django.contrib.sessions.serializers.JSONSerializer' })

export const signer = named({ TimestampSigner: 'django.core.signing.TimestampSigner' })

export const messageStorage = named({
  fallback: 'django.contrib.messages.storage.fallback.FallbackStorage',
  cookie: 'django.contrib.messages.storage.cookie.CookieStorage',
  session: 'django.contrib.messages.storage.session.SessionStorage',
})

const LEVELS = { debug: 10, info: 20, success: 25, warning: 30, error: 40 } as const
type LevelName = keyof typeof LEVELS

export const messageLevel: Rule<number | LevelName | Uppercase<LevelName>, number> = rule(
  `a whole number from 0 to 1000, or ${oneOf(Object.keys(LEVELS))}`,
  'number',
  (value) => {
    const name = typeof value === 'string' ? value.toLowerCase() : ''
    const level = Object.hasOwn(LEVELS, name) ? LEVELS[name as LevelName] : value
    const good = typeof level === 'number' && Number.isInteger(level) && level >= 0 && level <= 1000
    return good ? level : new Refusal(value)
  },
)

export const messageTags: Rule<Readonly<Record<number, string>>> = record(
  "an object of level numbers and their tags, such as { 40: 'danger' }",
  /^\d{1,4}$/,
  text('a text', /^[^\p{C}]*$/u),
)

// The functions below are written as methods so that a caller's narrower request type (an Express request) is accepted.

/** Answers a refused form; `reason` is Django's text. Mirrors Django's `CSRF_FAILURE_VIEW`. */
export type CsrfFailureView = { view(request: object, reason: string): MaybePromise<PlainResponse> }['view']
/** Whether a request's session is loaded before its handler. */
export type SessionPrefetch = { decide(request: object): boolean }['decide']
/** `length` characters, each of `alphabet`, that nobody can guess. */
export type RandomText = (length: number, alphabet: string) => string

function callable<T>(allowed: string): Rule<T> {
  return rule<T>(allowed, 'code', (value) => (typeof value === 'function' ? (value as T) : new Refusal(value)))
}

export const csrfFailureView: Rule<CsrfFailureView> = callable('a function (request, reason) that gives a response')
export const clock: Rule<Clock> = callable('a function that gives milliseconds since 1970')
export const random: Rule<RandomText> = callable('a function (length, alphabet) that gives a text')

export const prefetch: Rule<boolean | SessionPrefetch> = rule(
  'true, false or a function (request) that gives one of them',
  'boolean',
  (value) => (typeof value === 'function' ? (value as SessionPrefetch) : flag.check(value)),
)
