import type { Malformation } from './token.js'

/** Why a request was refused, in Django's words: they are what logs, `csrfFailureView` and searches on the web know. */
export const NO_REFERER = 'Referer checking failed - no Referer.'
export const MALFORMED_REFERER = 'Referer checking failed - Referer is malformed.'
export const INSECURE_REFERER = 'Referer checking failed - Referer is insecure while host is secure.'
export const NO_COOKIE = 'CSRF cookie not set.'
export const NO_TOKEN = 'CSRF token missing.'

/** sojourn's own: Django does not look at this header. */
export function badFetchSite(site: string): string {
  return `Sec-Fetch-Site checking failed - ${site}.`
}

/** sojourn's own, with `csrfMode: 'header-only'`. */
export const NO_SOURCE = 'Source checking failed - no Sec-Fetch-Site, Origin or Referer.'

export function badOrigin(origin: string): string {
  return `Origin checking failed - ${origin} does not match any trusted origins.`
}

export function badReferer(referer: string): string {
  return `Referer checking failed - ${referer} does not match any trusted origins.`
}

export function badCookie(malformed: Malformation): string {
  return `CSRF cookie ${malformed}.`
}

/** `source` is `POST`, or the title-cased name of the header that the token came in. */
export function badToken(source: string, what: Malformation | 'incorrect'): string {
  return `CSRF token from ${source === 'POST' ? source : `the '${source}' HTTP header`} ${what}.`
}

/** A short name of a reason, the same whatever the request held: for pages, logs and metrics. */
export type CsrfReasonCode =
  | 'fetch_site'
  | 'no_source'
  | 'origin'
  | 'no_referer'
  | 'referer'
  | 'no_cookie'
  | 'cookie'
  | 'no_token'
  | 'token'
  | 'other'

const CODES: readonly (readonly [beginning: string, code: CsrfReasonCode])[] = [
  ['Sec-Fetch-Site', 'fetch_site'],
  [NO_SOURCE, 'no_source'],
  ['Origin', 'origin'],
  [NO_REFERER, 'no_referer'],
  ['Referer', 'referer'],
  [NO_COOKIE, 'no_cookie'],
  ['CSRF cookie', 'cookie'],
  [NO_TOKEN, 'no_token'],
  ['CSRF token', 'token'],
]

/**
 * The short name of a reason that `csrfFailureView` is given.
 *
 * @example
 * ```ts
 * import { csrfReasonCode } from 'sojourn/csrf'
 *
 * console.log(csrfReasonCode('CSRF cookie not set.')) // no_cookie
 * ```
 */
export function csrfReasonCode(reason: string): CsrfReasonCode {
  return CODES.find(([beginning]) => reason.startsWith(beginning))?.[1] ?? 'other'
}
