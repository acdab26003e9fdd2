import { Refusal, type Rule, rule, secret, text, whole } from './setting-rules.js'

/**
 * The values of plain settings: keys, cookies, headers, hosts, times. Each is made of the rules in `setting-rules.ts`.
 */

const HUNDRED_YEARS = 3_155_760_000

export const seconds: Rule<number> = whole('seconds', 1, HUNDRED_YEARS)

/** A time limit; fractions count. */
export const timeout: Rule<number> = rule('a number of seconds above 0, at most 3600', 'number', (value) =>
  typeof value === 'number' && value > 0 && value <= 3600 ? value : new Refusal(value),
)

/**
 * A signing key. Lone surrogates have no UTF-8 form (all of them would encode to the same bytes), and an empty key
 * would let anybody sign. Bytes are copied, so that wiping the caller's buffer changes nothing here.
 */
export const key: Rule<string | Uint8Array> = secret(
  rule('a text or bytes, not empty', 'text', (value) => {
    if (typeof value === 'string') {
      if (/\p{Cs}/u.test(value)) return new Refusal(value, 'It holds half of a surrogate pair.')
      return value === '' ? new Refusal(value) : value
    }
    return value instanceof Uint8Array && value.length > 0 ? new Uint8Array(value) : new Refusal(value)
  }),
)

/** RFC 6265 section 4.1.1: a token. Anything else would split or bend the Set-Cookie line. */
export const cookieName: Rule<string> = text(
  "a cookie name: letters, digits and !#$%&'*+-.^_`|~",
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/,
)

export const cookieDomain: Rule<string> = text(
  "a domain such as 'example.com' or '.example.com'",
  /^\.?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/,
)

/** RFC 6265 section 4.1.1, path-value; without the leading slash browsers ignore it. */
export const cookiePath: Rule<string> = text(
  "a path that begins with '/', of printable ASCII without ';'",
  /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/,
)

export const checkId: Rule<string> = text("the id of a check, such as 'security.W020'", /^[A-Za-z0-9_.]+\.[A-Z]\d{3}$/)

/** Compared with paths as they come, so nothing in it may be written in two ways. */
export const pathPattern: Rule<string> = rule(
  "a path such as '/hook', or '/hooks/*' for all below it (no '..', '//' or '%')",
  'text',
  (value) => {
    const good = typeof value === 'string' && PATH_PATTERN.test(value) && !/\/\/|\/\.{1,2}(?:\/|$)/.test(value)
    return good ? value : new Refusal(value)
  },
)
const PATH_PATTERN = /^\/(?:[\w.~!$&'()+,;=:@/-]*\/\*?|[\w.~!$&'()+,;=:@/-]*|\*)$/

/** Where a browser is sent. */
export const location: Rule<string> = text('a URL or path without blanks or control characters', /^[^\s\p{C}]+$/u)

export const word: Rule<string> = text('a text of letters, digits, - and _', /^[A-Za-z0-9_-]+$/)

/** Whom a session token is for. */
export const audience: Rule<string> = text(
  "a name of whom the tokens are for, such as 'native:app', without blanks",
  /^[\x21-\x7e]{1,200}$/,
)

export const filePath: Rule<string> = text('a path of a folder', /^[^\0]+$/)

export const userModel: Rule<string> = text("'app_label.ModelName'", /^[A-Za-z_]\w*\.[A-Za-z_]\w*$/)

const HOST = '([A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*|\\[[0-9A-Fa-f:.]+\\])'

export const host: Rule<string> = text(
  "a host without scheme and port, '.example.com' for a domain and what is below it, or '*' for all",
  new RegExp(`^(\\*|\\.?${HOST}\\.?)$`),
)

/** Django's check 4_0.E001 asks for a scheme; a path or a final slash would never equal an Origin header. */
export const origin: Rule<string> = rule(
  "an origin with its scheme, such as 'https://example.com:8443' or 'https://*.example.com' (punycode, no path)",
  'text',
  (value) => {
    const good = typeof value === 'string' && ORIGIN.test(value)
    return good ? value.toLowerCase() : new Refusal(value)
  },
)
const ORIGIN = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*://(\\*\\.)?${HOST}(:\\d{1,5})?$`)

/** An HTTP header in either spelling, as Django's `request.META` has it: `HTTP_X_CSRFTOKEN`. */
export const metaHeader: Rule<string> = rule(
  "a header's name: 'X-Name', or 'HTTP_X_NAME' as in Django",
  'text',
  (value) => {
    const name = headerWords(value)
    return name === undefined ? new Refusal(value) : `HTTP_${name.toUpperCase().replaceAll('-', '_')}`
  },
)

/** An HTTP header in either spelling, as adapters look it up: `x-forwarded-proto`. */
export const headerName: Rule<string> = rule(metaHeader.allowed, 'text', (value) => {
  return headerWords(value)?.toLowerCase() ?? new Refusal(value)
})

function headerWords(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 128) return undefined
  if (/^HTTP_[A-Z0-9]+(_[A-Z0-9]+)*$/.test(value)) return value.slice(5).replaceAll('_', '-')
  return /^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/.test(value) ? value : undefined
}

/** Django's `SECURE_PROXY_SSL_HEADER`. */
export const proxyHeader: Rule<readonly [string, string]> = rule(
  "a pair [header, value], such as ['X-Forwarded-Proto', 'https']",
  'list',
  (value) => {
    if (!Array.isArray(value) || value.length !== 2) return new Refusal(value)
    const name = headerName.check(value[0])
    if (name instanceof Refusal) return new Refusal(value[0], '', 'its header')
    const proof: unknown = value[1]
    if (typeof proof !== 'string' || !/^[\x21-\x7e]+$/.test(proof)) return new Refusal(proof, '', 'its value')
    return Object.freeze([name, proof] as const)
  },
)

/** A name that zoneinfo and Intl both know; Intl alone would take offsets too. */
export const zone: Rule<string> = rule("a time zone's name, such as 'Europe/Berlin'", 'text', (value) => {
  if (typeof value !== 'string' || !/^[A-Za-z]/.test(value)) return new Refusal(value)
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
    return value
  } catch {
    return new Refusal(value)
  }
})
