import type { EndOf } from '../core/links.js'
import { type Verified, verify } from './jose.js'
import type { Known } from './provider.js'

/** The member of `events` that makes a token one for logout (OpenID Connect Back-Channel Logout 1.0 section 2.4). */
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Seconds that a logout token is good for, and that two clocks may differ by. */
export const GOOD_FOR = 150
export const TOLERANCE = 30
/** As long as anything in it may be that is kept or looked up. */
const LONGEST = 1024

/** Whose sessions a provider wants to have ended, and by what that is told from its other wishes. */
export interface Wish {
  readonly who: EndOf
  readonly id: string
}

/** What a logout token wants; a word that says why it is none. Rejects where it is not signed by the provider, for us and of late. */
export async function readLogoutToken(token: string, known: Known, now: number): Promise<Wish | string> {
  const { issuer, clientId, algorithms } = known
  const wanted = { issuer, audience: clientId, algorithms, maxAge: GOOD_FOR, tolerance: TOLERANCE, now }
  return wishOf(await verify(token, await known.keys(), wanted), known)
}

function wishOf({ type, claims }: Verified, { issuer: iss, clientId }: Known): Wish | string {
  // Explicit typing came late; some still send none, or that of any token (Keycloak).
  if (type !== undefined && !/^(?:jwt|(?:application\/)?logout\+jwt)$/i.test(type)) return 'typ'
  const { events, jti, sid, sub, iat } = claims
  if (!isLogout(events)) return 'events'
  // An ID token has one, and is no logout token.
  if ('nonce' in claims) return 'nonce'
  if (!isText(jti)) return 'jti'
  if ((sid !== undefined && !isText(sid)) || (sub !== undefined && !isText(sub))) return 'subject'
  if (isText(sid)) return { who: { iss, clientId, sid }, id: jti }
  return isText(sub) ? { who: { iss, clientId, sub, before: Math.floor(Number(iat)) }, id: jti } : 'subject'
}

function isLogout(events: unknown): boolean {
  if (typeof events !== 'object' || events === null || !Object.hasOwn(events, EVENT)) return false
  const event = (events as Readonly<Record<string, unknown>>)[EVENT]
  return typeof event === 'object' && event !== null && !Array.isArray(event)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST
}
