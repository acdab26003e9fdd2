import { conflictingCookie, findCookie, suspiciousCookie } from '../wire/cookies.js'
import type { ResolvedSettings } from './settings.js'
import type { Site } from './site.js'

/**
 * The session cookie of a request, by Django's rules; `undefined` where there is none, or where two differ and nobody can say whose is whose
 * (`sessionCookieConflict`). What looks like an attack is told to the site's listeners.
 */
export function readSessionCookie(
  header: string | undefined,
  { sessionCookieName: name, sessionCookieConflict }: ResolvedSettings,
  site: Pick<Site, 'emit'>,
  request: object,
): string | undefined {
  if (header === undefined) return undefined
  const first = header.indexOf(name)
  if (first < 0) return undefined
  const value = findCookie(header, name)
  if (value !== undefined && header.indexOf(name, first + name.length) < 0) return value
  // The name is there more than once, or in a disguise: rare, and worth a closer look.
  if (suspiciousCookie(header, name)) site.emit('cookie_name_suspicious', { request })
  if (!conflictingCookie(header, name)) return value
  site.emit('session_cookie_conflict', { request })
  return sessionCookieConflict === 'anonymous' ? undefined : value
}
