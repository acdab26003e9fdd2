import { ImproperlyConfigured } from '../errors.js'
import { quoteShort } from './setting-rules.js'
import type { ResolvedSettings, SettingName } from './settings.js'
import type { SessionEngine } from './types.js'

/** Gives the name of a setting as the user wrote it. */
export type Speller = (name: SettingName) => string

/** Settings that are right one by one and wrong together. */
export function refuseConflicts(settings: ResolvedSettings, spell: Speller): void {
  cookiePrefix(settings, spell, 'session')
  cookiePrefix(settings, spell, 'csrf')
  if (settings.sessionCookiePartitioned && settings.sessionCookieSecure === false) {
    refuse(
      `${spell('sessionCookiePartitioned')} needs ${spell('sessionCookieSecure')} to be 'auto' or true: browsers drop a Partitioned cookie that is not Secure.`,
    )
  }
  for (const which of ['session', 'csrf'] as const) {
    if (settings[`${which}CookieSamesite`] !== 'None' || settings[`${which}CookieSecure`] !== false) continue
    refuse(
      `${spell(`${which}CookieSamesite`)} 'None' needs ${spell(`${which}CookieSecure`)} to be 'auto' or true: browsers drop such a cookie that is not Secure.`,
    )
  }
  const { sessionCookieName, csrfCookieName, sessionTouchAfter, sessionCookieAge } = settings
  if (sessionCookieName === csrfCookieName) {
    refuse(
      `${spell('sessionCookieName')} and ${spell('csrfCookieName')} must differ: one cookie would overwrite the other.`,
    )
  }
  for (const name of ['sessionCookieName', 'csrfCookieName'] as const) {
    if (settings[name] === MESSAGES_COOKIE) {
      refuse(`${spell(name)} must not be '${MESSAGES_COOKIE}': that is the cookie in which messages wait.`)
    }
  }
  const { sessionEngine, sessionCacheAlias } = settings
  if ((sessionEngine === 'db' || sessionEngine === 'cached_db') && !Object.hasOwn(settings.databases, 'default')) {
    refuse(`${spell('databases')} must have a default: the session engine '${sessionEngine}' keeps sessions there.`)
  }
  if (
    (sessionEngine === 'cache' || sessionEngine === 'cached_db') &&
    !Object.hasOwn(settings.caches, sessionCacheAlias)
  ) {
    refuse(
      `${spell('caches')} must have '${sessionCacheAlias}' (${spell('sessionCacheAlias')}): the session engine '${sessionEngine}' keeps sessions there.`,
    )
  }
  if (settings.maxSessionsPerUser !== null && !settings.sessionUserIndex) {
    refuse(`${spell('maxSessionsPerUser')} needs ${spell('sessionUserIndex')} true: else nobody counts.`)
  }
  engineWithoutList(settings, spell)
  if (sessionTouchAfter !== null && sessionTouchAfter >= sessionCookieAge) {
    refuse(
      `${spell('sessionTouchAfter')} must be less than ${spell('sessionCookieAge')}: a session would end before it is first touched.`,
    )
  }
}

/** Each login would fail, if it were only found out then. */
function engineWithoutList(settings: ResolvedSettings, spell: Speller): void {
  const { sessionEngine, maxSessionsPerUser, sessionUserIndex } = settings
  const isOwn = typeof sessionEngine === 'object'
  const isStateless = isOwn ? sessionEngine.stateless === true : sessionEngine === 'signed_cookies'
  const named = spell('sessionEngine')
  if (isStateless && maxSessionsPerUser !== null) {
    refuse(
      `${spell('maxSessionsPerUser')} needs a ${named} that keeps sessions ('db', 'cache', 'cached_db', 'file' or 'memory'): these are in browsers alone, where nobody counts them. Leave it null: sessions.revokeUser still ends all of a user's.`,
    )
  }
  if (isStateless && (settings.sessionTokenAudiences.length > 0 || settings.sessionTokenAllauth)) {
    const which = spell(settings.sessionTokenAllauth ? 'sessionTokenAllauth' : 'sessionTokenAudiences')
    refuse(
      `${which} needs a ${named} that keeps sessions ('db', 'cache', 'cached_db', 'file' or 'memory'): a signed cookie changes with what is in it, and no token can name it.`,
    )
  }
  if (sessionUserIndex && isOwn && !isStateless && sessionEngine.users === undefined) {
    refuse(
      `${spell('sessionUserIndex')} needs a ${named} that lists the sessions of a user, and ${nameOf(sessionEngine)} has no \`users\`: add it, or leave ${spell('sessionUserIndex')} false.`,
    )
  }
}

/** Own engines come from JavaScript too, where nobody makes sure that they have a name. */
function nameOf({ name }: SessionEngine): string {
  return typeof name === 'string' ? quoteShort(name) : 'this one'
}

/** Django's `CookieStorage.cookie_name`, which no setting changes. */
const MESSAGES_COOKIE = 'messages'

/**
 * Browsers drop a `__Host-` or `__Secure-` cookie whose attributes break its promise (RFC 6265bis section 4.1.3), and
 * some servers compare names without case, so the prefixes count in any case here.
 */
function cookiePrefix(settings: ResolvedSettings, spell: Speller, which: 'session' | 'csrf'): void {
  const name = settings[`${which}CookieName`].toLowerCase()
  const isHost = name.startsWith('__host-')
  if (!isHost && !name.startsWith('__secure-')) return
  const broken = [
    ...(settings[`${which}CookieSecure`] === true ? [] : [`${spell(`${which}CookieSecure`)} true`]),
    ...(isHost && settings[`${which}CookiePath`] !== '/' ? [`${spell(`${which}CookiePath`)} '/'`] : []),
    ...(isHost && settings[`${which}CookieDomain`] !== null ? [`${spell(`${which}CookieDomain`)} null`] : []),
  ]
  if (broken.length === 0) return
  const prefix = isHost ? '__Host-' : '__Secure-'
  refuse(`${spell(`${which}CookieName`)} begins with ${prefix}, for which browsers want ${broken.join(' and ')}.`)
}

function refuse(message: string): never {
  throw new ImproperlyConfigured(`The setting ${message}`)
}
