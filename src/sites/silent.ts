import { getScopeUser } from '../auth/get-user.js'
import { safeNext } from '../auth/safe-next.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { findCookie } from '../wire/cookies.js'
import { setCookie } from '../wire/set-cookie.js'
import { hop } from './begin.js'
import { sendCookies } from './cookies.js'
import type { Ground } from './ground.js'

/** Says that the hub was asked lately and knew nobody. */
const RESTING = '__Host-nosso'
/** Seconds until the hub is asked again. */
const RESTS = 300

/** Whether a browser loads a page ahead of its visitor, who may never come. */
export function isAhead({ head }: Scope): boolean {
  return /\bprefetch\b|\bprerender\b/i.test(`${head.header('sec-purpose') ?? ''} ${head.header('purpose') ?? ''}`)
}

/**
 * Whether a page is for a frame. Browsers hold no redirect to its `frame-ancestors`, and a login is little else: a frame of a sibling host, which
 * this site's cookies come to, would go through all of it unseen.
 */
export function isFramed({ head }: Scope): boolean {
  return /^(?:i?frame|fencedframe|embed|object)$/.test(head.header('sec-fetch-dest') ?? '')
}

/** The hub knew nobody: it is left alone for a while. */
export function rest(scope: Scope): void {
  sendCookies(scope, [
    setCookie(RESTING, '1', { path: '/', secure: true, httpOnly: true, sameSite: 'Lax', maxAge: RESTS }),
  ])
}

/**
 * Asks the hub who an unknown visitor is, without a page of it being seen; `null` for whoever is known, or is no browser that opens a page.
 * Only what a person looks at can be led around: no script, no picture, no crawler.
 */
export async function silent(ground: Ground, scope: Scope): Promise<PlainResponse | null> {
  const { head } = scope
  const isPage = head.header('sec-fetch-mode') === 'navigate' && head.header('sec-fetch-dest') === 'document'
  if (ground.registry.isHub || head.method !== 'GET' || !isPage || isAhead(scope)) return null
  if (findCookie(head.header('cookie'), RESTING) !== undefined) return null
  // A path may be read as another host (`//evil.example`), and a cookie holds no path of any length.
  const next = safeNext(scope.request, head.url, '')
  return next !== '' && (await getScopeUser(scope)) === null ? hop(ground, scope, next, 'none') : null
}
