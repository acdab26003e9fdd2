import { METHODS } from 'node:http'
import { type Case, cameByHttps, headerOf, type Variant, type Verdict } from './case.js'
import { secretInSession } from './kept-secret.js'

/** One request that the two sides did not answer alike. */
export interface Difference {
  readonly asked: Case
  readonly variant: Variant
  readonly django: Verdict
  readonly ours: Verdict
}

/** How an answer of ours differs. It is never that we accept more. */
export type Effect = 'refused more' | 'refused in other words' | 'another secret kept'

/** A difference that is meant. */
export interface Deviation {
  readonly name: string
  readonly why: string
  /** What it may do, and what it does if one only asks often enough. */
  readonly effects: readonly Effect[]
  applies(difference: Difference): boolean
  /** Whether a request must not be accepted, even if Django accepts it. */
  forbids?(asked: Case, variant: Variant): boolean
}

const refuses: readonly Effect[] = ['refused more', 'refused in other words']

export const deviations: readonly Deviation[] = [
  {
    name: 'foreign Sec-Fetch-Site',
    why: 'A browser says that another site sent the form, and no Origin vouches for it; Django does not read this header (T03).',
    effects: refuses,
    applies: ({ asked, django, ours }) => {
      const site = headerOf(asked, 'sec-fetch-site')
      if (site === undefined || site === 'same-origin' || site === 'none') return false
      if (ours.reason !== `Sec-Fetch-Site checking failed - ${site}.`) return false
      const origin = headerOf(asked, 'origin')
      return origin === undefined || isOriginRefused(django) || !isSerialised(origin)
    },
    forbids: (asked) =>
      headerOf(asked, 'origin') === undefined &&
      !['same-origin', 'none', undefined].includes(headerOf(asked, 'sec-fetch-site')),
  },
  {
    name: 'Origin of no browser',
    why: 'Below a wildcard Django reads the Origin as a URL: with users, paths, backslashes and tabs, about whose host parsers disagree (T35, T38).',
    effects: refuses,
    applies: ({ asked, variant, ours }) =>
      isOriginRefused(ours) &&
      !isSerialised(headerOf(asked, 'origin') ?? '') &&
      (variant.settings.csrfTrustedOrigins ?? []).some((origin) => origin.includes('*')),
    forbids: (asked) => /[\\@?#%\t\x80-\xff]|\/\/.*\//.test(headerOf(asked, 'origin') ?? ''),
  },
  {
    name: 'Referer of no browser',
    why: 'The same for the host of a Referer; where Django looks for it in its list, or refuses it in other words, this is malformed.',
    effects: refuses,
    applies: ({ asked, ours }) =>
      ours.reason === 'Referer checking failed - Referer is malformed.' &&
      !hasPlainHost(headerOf(asked, 'referer') ?? ''),
    forbids: (asked, variant) =>
      headerOf(asked, 'origin') === undefined &&
      cameByHttps(asked, variant) &&
      !hasPlainHost(headerOf(asked, 'referer') ?? ''),
  },
  {
    name: 'TAB in a Referer',
    why: 'Python leaves them out where it quotes the Referer; we quote what came.',
    effects: ['refused in other words'],
    applies: ({ django, ours }) =>
      ours.reason?.includes('\t') === true && ours.reason.replaceAll('\t', '') === django.reason,
  },
  {
    name: 'method unknown to the server',
    why: 'The parser of Node, or Fetch, refuses it before any site sees it; WSGI hands all on, and Django takes `get` for GET.',
    effects: refuses,
    applies: ({ asked: { method }, variant, ours }) =>
      variant.adapter === 'fetch'
        ? ours.status === 0 && /^(connect|trace)$/i.test(method)
        : (ours.status === 0 && method === 'CONNECT') || (ours.status === 400 && !METHODS.includes(method)),
  },
  {
    name: 'no Host',
    why: 'HTTP/1.0 may leave it out; Django then takes the name that its server was given, and we have none.',
    effects: refuses,
    applies: ({ asked, ours }) =>
      headerOf(asked, 'host') === undefined &&
      (ours.status === 400 || /^(Origin|Referer|Sec-Fetch-Site) checking failed/.test(ours.reason ?? '')),
  },
  {
    name: 'cookie behind Unicode blanks',
    why: 'Python trims them from its name; browsers let any sibling host set it, since to them it is another one (T04).',
    effects: [...refuses, 'another secret kept'],
    applies: ({ asked, django, ours }) =>
      (ours.reason === 'CSRF cookie not set.' || isSameVerdict(django, ours)) &&
      (headerOf(asked, 'cookie') ?? '').includes('\xc2\xa0'),
    forbids: (asked, { settings }) => {
      const { csrfUseSessions = false, csrfCookieName: name = 'csrftoken' } = settings
      const names = (headerOf(asked, 'cookie') ?? '')
        .split(';')
        .map((each) => each.split('=', 1)[0]?.replace(/^ +| +$/g, ''))
      return !csrfUseSessions && names.includes(`\xc2\xa0${name}`) && !names.includes(name)
    },
  },
  {
    name: 'no secret in the session',
    why: 'A text in `_csrftoken` that is no secret: Django compares it with the token, which never matches, and makes tokens of it; we count it as none.',
    effects: ['refused in other words', 'another secret kept'],
    applies: ({ asked, variant, django, ours }) => {
      const secret = secretInSession(headerOf(asked, 'cookie')?.split(';') ?? [])
      const isNone =
        variant.settings.csrfUseSessions === true && secret !== undefined && !/^\w{32}(\w{32})?$/.test(secret)
      return (
        isNone && (isSameVerdict(django, ours) || (ours.reason === 'CSRF cookie not set.' && isTokenRefused(django)))
      )
    },
  },
  {
    name: 'characters that are counted otherwise',
    why: 'Python counts those of UTF-8 in a cookie and full code points in a form; we count bytes and UTF-16. It is no token either way, and both say so.',
    effects: ['refused in other words'],
    applies: ({ asked, django, ours }) =>
      subjectOf(django) !== undefined &&
      subjectOf(django) === subjectOf(ours) &&
      /[\x80-\xff]|%[89A-F]/.test(asked.body + headerOf(asked, 'cookie')),
  },
]

/** Whether only what becomes of the visitor's secret differs. */
export function isSameVerdict(one: Verdict, other: Verdict): boolean {
  return one.status === other.status && one.reason === other.reason
}

/** What has the wrong form: `CSRF cookie`, `CSRF token from POST`. */
function subjectOf({ reason }: Verdict): string | undefined {
  return /^(CSRF .*) has (?:incorrect length|invalid characters)\.$/.exec(reason ?? '')?.[1]
}

function isOriginRefused({ reason }: Verdict): boolean {
  return reason?.startsWith('Origin checking failed') === true
}

function isTokenRefused({ reason }: Verdict): boolean {
  return reason?.startsWith('CSRF token') === true
}

/** A URL whose host is a name or an address, perhaps with a port, and nothing else. */
function hasPlainHost(url: string): boolean {
  return /^[a-z]+:\/\/([\w.-]+|\[[0-9a-f:.]+\])(:\d*)?([/?#]|$)/i.test(url)
}

/** The form that browsers give an Origin (RFC 6454 section 6.2), for hosts by name. */
function isSerialised(origin: string): boolean {
  return /^[a-z]+:\/\/[\w.-]+(:\d{1,5})?$/i.test(origin)
}
