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

/** A short name that stays the same whatever the request held, for pages and metrics. */
export type ReasonCode =
  | 'fetch_site'
  | 'origin'
  | 'no_referer'
  | 'referer'
  | 'no_cookie'
  | 'cookie'
  | 'no_token'
  | 'token'
  | 'other'

const CODES: readonly (readonly [beginning: string, code: ReasonCode])[] = [
  ['Sec-Fetch-Site', 'fetch_site'],
  ['Origin', 'origin'],
  [NO_REFERER, 'no_referer'],
  ['Referer', 'referer'],
  [NO_COOKIE, 'no_cookie'],
  ['CSRF cookie', 'cookie'],
  [NO_TOKEN, 'no_token'],
  ['CSRF token', 'token'],
]

export function reasonCode(reason: string): ReasonCode {
  return CODES.find(([beginning]) => reason.startsWith(beginning))?.[1] ?? 'other'
}
