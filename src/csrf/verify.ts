import { getHost, getPort, isSameDomain } from '../core/host.js'
import { chain, isPromise } from '../core/maybe.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise, RequestHead } from '../core/types.js'
import { BodyNotParsed, DisallowedHost } from '../errors.js'
import * as reasons from './reasons.js'
import { type Malformation, malformation, tokenMatches } from './token.js'
import { type TrustedOrigins, trustedOrigins } from './trusted-origins.js'

/** The field of a form that holds its token. */
export const FORM_FIELD = 'csrfmiddlewaretoken'

/** What a visitor's cookie or session holds: a bare secret, nothing, or something that is no secret. */
export type StoredSecret =
  | { readonly secret: string | null; readonly malformed?: undefined }
  | { readonly secret?: undefined; readonly malformed: Malformation }

/** A request that may change something, as far as its checks need to see it. */
export interface Submission {
  readonly head: RequestHead
  /** Whether it came by HTTPS. */
  readonly secure: boolean
  /** Asked only when everything before it is in order: it may mean a look into the session store. */
  stored(): MaybePromise<StoredSecret>
}

/** Checks a submission: `null` if it is in order, else the reason, in Django's words. */
export type Verify = (submission: Submission) => MaybePromise<string | null>

/** Methods that RFC 9110 section 9.2.1 calls safe, and Django accepts unchecked. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
}

/**
 * The checks of `CsrfViewMiddleware.process_view` in Django's order, with one of our own before them. What a browser says
 * by itself (Sec-Fetch-Site, Origin, Referer) comes first and the token last, or not at all with `csrfMode: 'header-only'`; the
 * Content-Type never matters (T37).
 */
export function verifier(settings: ResolvedSettings): Verify {
  const trusted = trustedOrigins(settings.csrfTrustedOrigins)
  const header = tokenHeader(settings)
  return (submission) => {
    const refused = checkSource(submission, settings, trusted)
    if (refused !== null) return refused
    if (settings.csrfMode === 'header-only' || submission.head.formless)
      return isVouchedFor(submission) ? null : reasons.NO_SOURCE
    return chain(submission.stored(), (stored): MaybePromise<string | null> => {
      if (stored.malformed !== undefined) return reasons.badCookie(stored.malformed)
      const { secret } = stored
      if (secret === null) return reasons.NO_COOKIE
      return chain(submittedToken(submission.head, header), (token) => checkToken(token, secret))
    })
  }
}

function checkSource(submission: Submission, settings: ResolvedSettings, trusted: TrustedOrigins): string | null {
  const { head, secure } = submission
  const origin = head.header('origin')
  const isKnown = origin !== undefined && isKnownOrigin(origin, submission, settings, trusted)
  const site = head.header('sec-fetch-site')
  // A sibling host can plant a cookie and post its value (cookie tossing, T03). No page can forge this header, which says
  // so even where Origin and Referer were stripped. Values not invented yet are no word of trust either.
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isKnown) return reasons.badFetchSite(site)
  if (origin !== undefined) return isKnown ? null : reasons.badOrigin(origin)
  // Over plain HTTP anyone on the way could write a Referer, so it proves nothing there.
  return secure ? checkReferer(head, settings, trusted) : null
}

/**
 * Whether any of the headers was there that have just been found in order. A browser of the last years always sends one with a form; without
 * any, a form of another site looks the same as one of ours.
 */
function isVouchedFor({ head, secure }: Submission): boolean {
  const named = head.header('sec-fetch-site') ?? head.header('origin')
  return named !== undefined || (secure && head.header('referer') !== undefined)
}

/** Mirrors `_origin_verified`. `null`, the origin of sandboxed frames and data URLs, is nobody's (T36). */
function isKnownOrigin(
  origin: string,
  { head, secure }: Submission,
  settings: ResolvedSettings,
  trusted: TrustedOrigins,
): boolean {
  const host = allowedHost(head, settings)
  if (host !== null && origin === `${secure ? 'https' : 'http'}://${host}`) return true
  return trusted.hasOrigin(origin)
}

/**
 * Scheme, authority, path, query and fragment as Python's `urlsplit` cuts them, for the well-formed. Users, backslashes
 * and controls in the authority are refused, where URL parsers disagree about the host; browsers never send them.
 */
const REFERER =
  /^([a-z][a-z0-9+.-]*):\/\/((?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]*)?)(\/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?$/is

/** Mirrors `_check_referer`: only for HTTPS, and only where no Origin came. */
function checkReferer(head: RequestHead, settings: ResolvedSettings, trusted: TrustedOrigins): string | null {
  const referer = head.header('referer')
  if (referer === undefined) return reasons.NO_REFERER
  const parts = REFERER.exec(referer)
  if (parts === null) return reasons.MALFORMED_REFERER
  const [, scheme = '', host = '', path = '', query, fragment] = parts
  if (scheme.toLowerCase() !== 'https') return reasons.INSECURE_REFERER
  if (trusted.hasHost(host)) return null
  const expected = expectedReferer(head, settings)
  if (expected !== null && isSameDomain(host, expected)) return null
  return reasons.badReferer(`https://${host}${path}${query ? `?${query}` : ''}${fragment ? `#${fragment}` : ''}`)
}

/** The domain that the secret's cookie is for; without one, this very host. */
function expectedReferer(head: RequestHead, settings: ResolvedSettings): string | null {
  const domain = settings.csrfUseSessions ? settings.sessionCookieDomain : settings.csrfCookieDomain
  if (domain === null) return allowedHost(head, settings)
  const port = getPort(head, settings)
  return port === '443' || port === '80' ? domain : `${domain}:${port}`
}

/** The host as the visitor wrote it; `null` where it is none of ours. */
export function allowedHost(head: RequestHead, settings: ResolvedSettings): string | null {
  try {
    return getHost(head, settings)
  } catch (error) {
    if (error instanceof DisallowedHost) return null
    throw error
  }
}

interface TokenHeader {
  /** As requests are asked for it: `x-csrftoken`. */
  readonly name: string
  /** As Django's reasons print it: `X-Csrftoken`. */
  readonly title: string
}

function tokenHeader({ csrfHeaderName }: ResolvedSettings): TokenHeader {
  const name = csrfHeaderName
    .replace(/^HTTP_/, '')
    .replaceAll('_', '-')
    .toLowerCase()
  return { name, title: name.replace(/(?<![a-z])[a-z]/g, (letter) => letter.toUpperCase()) }
}

interface SubmittedToken {
  readonly source: string
  readonly text: string
}

/** The token of the form, for POST only as in Django; if there is none, of the header. */
function submittedToken(head: RequestHead, header: TokenHeader): MaybePromise<SubmittedToken | null> {
  const text = head.header(header.name)
  const inHeader = text === undefined ? null : { source: header.title, text }
  if (head.method !== 'POST') return inHeader
  /** A script that sends its token as a header need not care whether anyone has parsed its body. */
  const unreadable = (error: unknown): SubmittedToken => {
    if (inHeader !== null && error instanceof BodyNotParsed) return inHeader
    throw error
  }
  try {
    const field = chain(head.formField(FORM_FIELD), (inForm) =>
      inForm === undefined || inForm === '' ? inHeader : { source: 'POST', text: inForm },
    )
    return isPromise(field) ? field.catch(unreadable) : field
  } catch (error) {
    return unreadable(error)
  }
}

function checkToken(token: SubmittedToken | null, secret: string): string | null {
  if (token === null) return reasons.NO_TOKEN
  const malformed = malformation(token.text)
  if (malformed !== null) return reasons.badToken(token.source, malformed)
  return tokenMatches(token.text, secret) ? null : reasons.badToken(token.source, 'incorrect')
}
