import { CookieError, CookieTooLarge } from '../errors.js'
import { httpDate } from './dates.js'

/** The attributes of a cookie, RFC 6265bis section 4.1.2. */
export interface CookieAttributes {
  /** Seconds from now. Browsers let it win over `expires`. */
  readonly maxAge?: number
  /** A moment, as a `Date` or in milliseconds since 1970. */
  readonly expires?: Date | number
  readonly domain?: string
  readonly path?: string
  readonly secure?: boolean
  readonly httpOnly?: boolean
  readonly sameSite?: 'Lax' | 'Strict' | 'None' | false
  readonly partitioned?: boolean
}

/** Name and value together; browsers drop the whole cookie past it (RFC 6265bis section 5.6). */
const MAX_PAIR = 4096
/** An attribute's value; browsers drop the attribute past it. */
const MAX_ATTRIBUTE = 1024

const LEGAL = /^[A-Za-z0-9!#$%&'*+\-.^_`|~:]+$/
const NEEDS_ESCAPE = /[^A-Za-z0-9!#$%&'*+\-.^_`|~: ()/<=>?@[\]{}]/g
const BEYOND_LATIN1 = /[^\0-\xff]/
const DOMAIN = /^[A-Za-z0-9._-]+$/
const PATH = /^\/[!-:<-~]*$/
const SAME_SITE = new Set<unknown>(['Lax', 'Strict', 'None'])

/** Python's cookies refuse these as names: some reader would take them for attributes. */
const RESERVED = /^(?:expires|path|comment|domain|max-age|secure|httponly|version|samesite|partitioned)$/i

const FIRST_DATE = Date.UTC(1601, 0, 1)
const LAST_DATE = Date.UTC(10000, 0, 1) - 1

/**
 * Mirrors `http.cookies._quote`: a value of harmless characters as it is, any other in double quotes with octal escapes.
 * Characters past U+00FF have no such form: `CookieError`.
 */
export function quoteCookieValue(value: string): string {
  if (LEGAL.test(value)) return value
  if (BEYOND_LATIN1.test(value)) {
    throw new CookieError('A cookie value holds a character past U+00FF. Encode it first, for example as JSON.')
  }
  const escaped = value.replace(NEEDS_ESCAPE, (character) =>
    character === '"' || character === '\\'
      ? '\\' + character
      : '\\' + character.charCodeAt(0).toString(8).padStart(3, '0'),
  )
  return '"' + escaped + '"'
}

/**
 * The value of a Set-Cookie header; `HttpResponse.set_cookie` in bytes and order. Every part is checked, so that nothing
 * in it can end the cookie or the header early: throws `CookieError`, and `CookieTooLarge` past 4,096 bytes.
 *
 * @example nocheck (not for users: no subpath exports it)
 * setCookie('color', 'dark blue', { path: '/', sameSite: 'Lax' }) // color="dark blue"; Path=/; SameSite=Lax
 */
export function setCookie(name: string, value: string, attributes: CookieAttributes = {}): string {
  const { maxAge, expires, domain, path, sameSite } = attributes
  if (typeof name !== 'string' || !LEGAL.test(name) || RESERVED.test(name)) {
    throw new CookieError("A cookie name is made of letters, digits and !#$%&'*+-.^_`|~: and is no attribute's name.")
  }
  checkPrefix(name, attributes)
  let header = name + '=' + quoteCookieValue(value)
  if (header.length - 1 > MAX_PAIR) {
    throw new CookieTooLarge(
      `The cookie ${name.slice(0, 64)} has ${header.length - 1} bytes with its name; browsers keep ${MAX_PAIR}.`,
    )
  }
  if (domain) header += '; Domain=' + checked('domain', domain, DOMAIN)
  if (expires !== undefined) header += '; expires=' + expiryDate(expires)
  if (attributes.httpOnly) header += '; HttpOnly'
  if (maxAge !== undefined) header += '; Max-Age=' + wholeSeconds(maxAge)
  if (attributes.partitioned) header += '; Partitioned'
  if (path) header += '; Path=' + checked('path', path, PATH)
  if (sameSite) {
    if (!SAME_SITE.has(sameSite)) throw new CookieError("A cookie's sameSite is 'Lax', 'Strict', 'None' or false.")
    header += '; SameSite=' + sameSite
  }
  return attributes.secure ? header + '; Secure' : header
}

/**
 * Mirrors `HttpResponse.delete_cookie`: an empty value that ended in 1970. `Secure` is sent only where browsers would
 * ignore the deletion without it: prefixed names, `SameSite=None`, `Partitioned`.
 */
export function deleteCookie(name: string, attributes: CookieAttributes = {}): string {
  const { domain, path, sameSite, partitioned } = attributes
  const secure = /^__(?:host|secure|http)-/i.test(name) || sameSite === 'None' || partitioned
  const httpOnly = /^__(?:host-)?http-/i.test(name)
  return setCookie(name, '', { domain, path, sameSite, partitioned, secure, httpOnly, expires: 0, maxAge: 0 })
}

/** RFC 6265bis section 4.1.3. Browsers compare prefixes in any case, so that the rules hold for `__hOsT-` too. */
function checkPrefix(name: string, { secure, httpOnly, path, domain }: CookieAttributes): void {
  const prefix = /^__(?:secure|host-http|host|http)-/i.exec(name)?.[0].toLowerCase()
  if (prefix === undefined) return
  if (!secure) throw new CookieError(`The cookie ${name.slice(0, 64)} needs Secure, because of its prefix.`)
  if (prefix.startsWith('__host-') && (domain || path !== '/')) {
    throw new CookieError(`The cookie ${name.slice(0, 64)} needs Path=/ and no Domain, because of its prefix.`)
  }
  if (prefix.endsWith('http-') && !httpOnly) {
    throw new CookieError(`The cookie ${name.slice(0, 64)} needs HttpOnly, because of its prefix.`)
  }
}

function checked(attribute: string, value: string, allowed: RegExp): string {
  if (typeof value !== 'string' || value.length > MAX_ATTRIBUTE || !allowed.test(value)) {
    throw new CookieError(
      attribute === 'path'
        ? `A cookie's path begins with / and holds visible ASCII without ; up to ${MAX_ATTRIBUTE} characters.`
        : `A cookie's domain is made of letters, digits, dots and hyphens, up to ${MAX_ATTRIBUTE} characters.`,
    )
  }
  return value
}

function expiryDate(expires: Date | number): string {
  const time = Number(expires)
  if (!(time >= FIRST_DATE && time <= LAST_DATE)) {
    throw new CookieError("A cookie's expires is a date of the years 1601 to 9999.")
  }
  return httpDate(time / 1000)
}

function wholeSeconds(maxAge: number): number {
  const seconds = Math.trunc(maxAge)
  if (!Number.isSafeInteger(seconds)) throw new CookieError("A cookie's maxAge is a number of seconds.")
  return seconds + 0 // no minus zero
}
