import type { ResolvedSettings, SettingName } from './settings.js'
import type { SessionEngine } from './types.js'

export type Level = 'info' | 'warning' | 'error'

/** What a check has to say of the settings. */
export interface Finding {
  /** Django's where Django has this check: `security.W012`; else ours: `sojourn.W001`. */
  readonly id: string
  readonly level: Level
  readonly setting: SettingName
  readonly message: string
  /** What to do about it. */
  readonly remedy: string
}

/** All of them warn, as Django's do. */
interface Check extends Omit<Finding, 'level'> {
  finds(settings: ResolvedSettings, engine: SessionEngine): boolean
}

const MONTH = 30 * 86_400
/** What OWASP asked of PBKDF2 with SHA-256 in 2023. */
const FEWEST_ITERATIONS = 600_000
const OLD_HASHERS = new Set(['md5', 'sha1', 'unsalted_md5', 'unsalted_sha1'])

/** Django's `check_secret_key`; bytes need fewer, for all of their values are used. */
function isWeak(key: string | Uint8Array): boolean {
  if (typeof key !== 'string') return key.length < 32 || new Set(key).size < 5
  return key.length < 50 || new Set(key).size < 5 || key.startsWith('django-insecure-')
}

const NEW_KEY = 'Make a new one: node -p "crypto.randomBytes(48).toString(\'base64url\')"'

/** What is looked at before a site goes to its visitors. Mirrors `django.core.checks.security`, as far as sessions stand on it. */
const DEPLOY_CHECKS: readonly Check[] = [
  {
    id: 'security.W003',
    setting: 'middleware',
    message: "The part 'csrf' is off, so forms are not protected.",
    remedy: "Add 'csrf', or guard each page that changes anything with csrfProtect.",
    finds: ({ middleware }) => !middleware.includes('csrf'),
  },
  {
    id: 'security.W009',
    setting: 'secretKey',
    message:
      'It has less than 50 characters, or less than 5 different ones, or begins with django-insecure-: it can be guessed.',
    remedy: NEW_KEY,
    finds: ({ secretKey }) => isWeak(secretKey),
  },
  {
    id: 'security.W025',
    setting: 'secretKeyFallbacks',
    message: 'One of them has less than 50 characters, or less than 5 different ones, or begins with django-insecure-.',
    remedy: 'Leave it out: who guesses it can sign sessions.',
    finds: ({ secretKeyFallbacks }) => secretKeyFallbacks.some(isWeak),
  },
  {
    id: 'security.W012',
    setting: 'sessionCookieSecure',
    message: 'The session cookie is sent over plain HTTP too, where anybody on the way can read it.',
    remedy: 'Set it to true.',
    finds: ({ sessionCookieSecure }) => sessionCookieSecure === false,
  },
  {
    id: 'security.W015',
    setting: 'sessionCookieHttponly',
    message: 'Scripts can read the session cookie, also those that somebody has smuggled into a page.',
    remedy: 'Set it to true.',
    finds: ({ sessionCookieHttponly }) => !sessionCookieHttponly,
  },
  {
    id: 'security.W016',
    setting: 'csrfCookieSecure',
    message: 'The CSRF cookie is sent over plain HTTP too.',
    remedy: 'Set it to true.',
    finds: ({ csrfCookieSecure, csrfUseSessions, middleware }) =>
      middleware.includes('csrf') && !csrfUseSessions && csrfCookieSecure === false,
  },
  {
    id: 'security.W018',
    setting: 'debug',
    message: 'Error pages tell their visitors why.',
    remedy: 'Set it to false.',
    finds: ({ debug }) => debug,
  },
  {
    id: 'security.W020',
    setting: 'allowedHosts',
    message: 'It is empty, so requests for any host are answered.',
    remedy: "Name the site's hosts: ['shop.example.com'].",
    finds: ({ allowedHosts }) => allowedHosts.length === 0,
  },
  {
    id: 'sojourn.W001',
    setting: 'sessionCookieDomain',
    message:
      'Every host of that domain gets the session cookie and can set one: a forgotten subdomain is enough to steal sessions.',
    remedy: "Leave it null unless hosts share sessions; then a name that begins with '__Host-' shuts all others out.",
    finds: ({ sessionCookieDomain }) => sessionCookieDomain !== null,
  },
  {
    id: 'sojourn.W021',
    setting: 'csrfCookieDomain',
    message: 'Every host of that domain can set the CSRF cookie, and so knows a good token.',
    remedy: 'Leave it null unless hosts share forms, or set csrfUseSessions to true.',
    finds: ({ csrfCookieDomain, csrfUseSessions }) => csrfCookieDomain !== null && !csrfUseSessions,
  },
  {
    id: 'sojourn.W002',
    setting: 'secureProxySslHeader',
    message:
      "Behind a proxy that ends TLS requests look like plain HTTP, and cookies whose Secure is 'auto' then go without it.",
    remedy:
      "Set sessionCookieSecure and csrfCookieSecure to true, or name the proxy's header: ['X-Forwarded-Proto', 'https'].",
    finds: ({ sessionCookieSecure, csrfCookieSecure, csrfUseSessions, middleware, secureProxySslHeader }) => {
      const hasOwnCookie = middleware.includes('csrf') && !csrfUseSessions
      return (
        secureProxySslHeader === null &&
        (sessionCookieSecure === 'auto' || (hasOwnCookie && csrfCookieSecure === 'auto'))
      )
    },
  },
  {
    id: 'sojourn.W003',
    setting: 'sessionCookieSamesite',
    message: "Other sites' pages send the session cookie along with what they make browsers ask for.",
    remedy: "Set it to 'Lax', unless the site is shown inside of others.",
    finds: ({ sessionCookieSamesite }) => sessionCookieSamesite === 'None' || sessionCookieSamesite === false,
  },
  {
    id: 'sojourn.W004',
    setting: 'sessionAbsoluteAge',
    message:
      'Sessions last over 30 days and have no end that cannot be moved: a stolen one is good for as long as it is used.',
    remedy: 'Set sessionAbsoluteAge, in seconds.',
    finds: ({ sessionCookieAge, sessionAbsoluteAge }) => sessionCookieAge > MONTH && sessionAbsoluteAge === null,
  },
  {
    id: 'sojourn.W005',
    setting: 'sessionEngine',
    message:
      'Sessions are in the memory of one process, on Workers of one isolate: they end with it, and no other knows them.',
    remedy: "Use 'db', 'file', or a cache on a server.",
    finds: ({ sessionEngine, caches, sessionCacheAlias }) =>
      sessionEngine === 'memory' || (sessionEngine === 'cache' && caches[sessionCacheAlias]?.location === 'locmem:'),
  },
  {
    id: 'sojourn.W006',
    setting: 'sessionEngine',
    message:
      'Of two requests at once that change a session one is lost, and a late one may bring back what was logged out: it cannot compare.',
    remedy: "Use an engine that can: 'db', 'cache', 'cached_db' or 'file'.",
    finds: (_, { consistency }) => consistency === 'last-write-wins',
  },
  {
    id: 'sojourn.W007',
    setting: 'csrfMode',
    message: 'Forms without a token are reported, and let through.',
    remedy: "Set it to 'token' once the reports have stopped.",
    finds: ({ csrfMode }) => csrfMode === 'report-only',
  },
  {
    id: 'sojourn.W008',
    setting: 'csrfTrustedOrigins',
    message: 'A plain http: origin is trusted, whose pages anybody on the way can write.',
    remedy: 'Trust https: origins only.',
    finds: ({ csrfTrustedOrigins }) => csrfTrustedOrigins.some((origin) => origin.startsWith('http:')),
  },
  {
    id: 'sojourn.W009',
    setting: 'csrfExemptPaths',
    message: 'No path needs a token.',
    remedy: "Name the paths of webhooks alone: ['/hooks/*'].",
    finds: ({ csrfExemptPaths }) => csrfExemptPaths.includes('/*'),
  },
  {
    id: 'sojourn.W010',
    setting: 'pbkdf2Iterations',
    message: `New password hashes are made with less than ${FEWEST_ITERATIONS} iterations: a stolen table is guessed soon.`,
    remedy: 'Leave it out, or set it to what the Django beside does.',
    finds: ({ pbkdf2Iterations, passwordHashers }) =>
      passwordHashers[0]?.startsWith('pbkdf2') === true && pbkdf2Iterations < FEWEST_ITERATIONS,
  },
  {
    id: 'sojourn.W011',
    setting: 'passwordHashers',
    message: 'Passwords that are hashed by one round of a fast digest are still accepted.',
    remedy: 'Leave those hashers out once nobody has such a hash, or give the users that have one new passwords.',
    finds: ({ passwordHashers }) => passwordHashers.some((name) => OLD_HASHERS.has(name)),
  },
  {
    id: 'sojourn.W012',
    setting: 'random',
    message: 'Session keys and tokens are not made by the secure generator.',
    remedy: 'Leave it null: it is for tests.',
    finds: ({ random }) => random !== null,
  },
  {
    id: 'sojourn.W013',
    setting: 'sessionSaveEveryRequest',
    message: 'Each request with a made-up cookie stores a new session: anybody can fill the table.',
    remedy: 'Set it to true, which moves the end of sessions that are there.',
    finds: ({ sessionSaveEveryRequest }) => sessionSaveEveryRequest === 'django',
  },
  {
    id: 'sojourn.W014',
    setting: 'signedCookieLegacySaltFallback',
    message:
      'Signed cookies of one name and salt are taken for those of another that reads the same when joined (CVE-2026-6873).',
    remedy: 'Set it to false once no Django before 5.2.15 and 6.0.6 signs cookies.',
    finds: ({ signedCookieLegacySaltFallback }) => signedCookieLegacySaltFallback,
  },
  {
    id: 'sojourn.W015',
    setting: 'useXForwardedHost',
    message: 'Any visitor can name the host in X-Forwarded-Host, and every one is allowed.',
    remedy: 'Name the hosts in allowedHosts, and have the proxy set the header always.',
    finds: ({ useXForwardedHost, allowedHosts }) =>
      useXForwardedHost && (allowedHosts.length === 0 || allowedHosts.includes('*')),
  },
  {
    id: 'sojourn.W016',
    setting: 'sessionUserIndex',
    message:
      'A signed cookie that was copied is good until its age is over, also after a logout, and nothing can end it.',
    remedy: 'Set it to true, so that site.sessions.revokeUser can.',
    finds: ({ sessionUserIndex }, { stateless }) => stateless === true && !sessionUserIndex,
  },
  {
    id: 'sojourn.W017',
    setting: 'sessionFilePath',
    message: "Sessions are in the system's temporary folder, which is emptied, and which others share.",
    remedy: 'Give it a folder of its own.',
    finds: ({ sessionEngine, sessionFilePath }) => sessionEngine === 'file' && sessionFilePath === null,
  },
  {
    id: 'sojourn.W018',
    setting: 'loginThrottle',
    message: 'Passwords can be guessed as fast as the machine checks them.',
    remedy: 'Give it an object that counts (docs: Logging users in), or limit the login page before this site.',
    finds: ({ loginThrottle, middleware }) => middleware.includes('auth') && loginThrottle === null,
  },
  {
    id: 'sojourn.W019',
    setting: 'remoteUserHeader',
    message: 'Whoever sends this header is that user, if the proxy lets it through from outside.',
    remedy: 'See that the proxy always removes or replaces it; then silence this check.',
    finds: ({ remoteUserHeader }) => remoteUserHeader !== null,
  },
  {
    id: 'sojourn.W020',
    setting: 'dataUploadMaxMemorySize',
    message: 'A form of any size is read into memory to look for its token.',
    remedy: 'Set it to a number of bytes.',
    finds: ({ dataUploadMaxMemorySize }) => dataUploadMaxMemorySize === null,
  },
]

/** What there is to say of a site before it goes to its visitors, but for what `silencedSystemChecks` names. */
export function checkDeployment(settings: ResolvedSettings, engine: SessionEngine): readonly Finding[] {
  return DEPLOY_CHECKS.filter(
    (check) => !settings.silencedSystemChecks.includes(check.id) && check.finds(settings, engine),
  ).map(({ id, setting, message, remedy }) => ({ id, level: 'warning', setting, message, remedy }))
}
