/**
 * The Cookie header read as Django reads it (`django.http.cookie.parse_cookie`), with one difference: only blank and TAB
 * are trimmed. Python trims every Unicode space, so that `\u2000__Host-sid`, which browsers take for another name and
 * let any subdomain set, would pass for `__Host-sid`.
 */

const TAB = 9
const BLANK = 32
const DOUBLE_QUOTE = 34
const SEMICOLON = 59
const EQUALS = 61

/** Colliding keys can make a dictionary slow, so it takes the first 256 pairs only; browsers send some 180 at most. */
const MAX_PAIRS = 256

/**
 * The value of the last cookie of this name; names are compared byte for byte. A cookie without a name is nobody's,
 * whatever its value says. `name` is a cookie name, of visible ASCII without `;` and `=`.
 */
export function findCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  let last = -1
  for (let at = nextCookie(header, name, 0); at >= 0; at = nextCookie(header, name, at)) last = at
  return last < 0 ? undefined : valueAt(header, last)
}

/** Whether two cookies of this name have different values: one of them was set by somebody else. */
export function conflictingCookie(header: string | undefined, name: string): boolean {
  if (header === undefined) return false
  const first = nextCookie(header, name, 0)
  if (first < 0) return false
  let at = nextCookie(header, name, first)
  if (at < 0) return false
  const value = valueAt(header, first)
  for (; at >= 0; at = nextCookie(header, name, at)) if (valueAt(header, at) !== value) return true
  return false
}

/** The index after the `=` of the next cookie of this name, or -1. */
function nextCookie(header: string, name: string, from: number): number {
  if (name === '') return -1
  for (let at = header.indexOf(name, from); at >= 0; at = header.indexOf(name, at + 1)) {
    let end = at + name.length
    while (isBlank(header.charCodeAt(end))) end++
    if (header.charCodeAt(end) !== EQUALS) continue
    let start = at
    while (start > 0 && isBlank(header.charCodeAt(start - 1))) start--
    if (start === 0 || header.charCodeAt(start - 1) === SEMICOLON) return end + 1
  }
  return -1
}

function valueAt(header: string, start: number): string {
  const semicolon = header.indexOf(';', start)
  return unquoteCookie(trimmed(header, start, semicolon < 0 ? header.length : semicolon))
}

function isBlank(code: number): boolean {
  return code === BLANK || code === TAB
}

function trimmed(header: string, start: number, end: number): string {
  while (start < end && isBlank(header.charCodeAt(start))) start++
  while (start < end && isBlank(header.charCodeAt(end - 1))) end--
  return header.slice(start, end)
}

/**
 * All cookies as a dictionary without a prototype. As in Django the last of a name wins, and a pair without `=` is the
 * value of the name `''`.
 */
export function parseCookies(header: string | undefined): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null)
  if (header === undefined) return cookies
  let equals = header.indexOf('=')
  for (let start = 0, pairs = 0; start <= header.length && pairs < MAX_PAIRS; ) {
    const semicolon = header.indexOf(';', start)
    const end = semicolon < 0 ? header.length : semicolon
    if (equals >= 0 && equals < start) equals = header.indexOf('=', start)
    const named = equals >= 0 && equals < end
    const name = named ? trimmed(header, start, equals) : ''
    const value = trimmed(header, named ? equals + 1 : start, end)
    if (name !== '' || value !== '') {
      cookies[name] = unquoteCookie(value)
      pairs++
    }
    start = end + 1
  }
  return cookies
}

/** Mirrors `http.cookies._unquote`: a value in double quotes is taken out of them, `\"` and octal escapes resolved. */
export function unquoteCookie(value: string): string {
  const last = value.length - 1
  if (last < 1 || value.charCodeAt(0) !== DOUBLE_QUOTE || value.charCodeAt(last) !== DOUBLE_QUOTE) return value
  const inner = value.slice(1, last)
  if (!inner.includes('\\')) return inner
  return inner.replace(/\\(?:([0-3][0-7][0-7])|([^\n]))/g, (_, octal: string | undefined, character: string) =>
    octal === undefined ? character : String.fromCharCode(Number.parseInt(octal, 8)),
  )
}

/**
 * Whether a cookie is this one in a disguise that Python would see through: its name with Unicode spaces or controls
 * around it, as characters or as the bytes of their UTF-8. For a log line; such a cookie is never used.
 */
export function suspiciousCookie(header: string | undefined, name: string): boolean {
  if (header === undefined || name === '') return false
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + 1)) {
    let disguised = false
    let end = at + name.length
    for (; isSpacelike(header.charCodeAt(end)); end++) disguised ||= !isBlank(header.charCodeAt(end))
    if (header.charCodeAt(end) !== EQUALS) continue
    let start = at
    for (; start > 0 && isSpacelike(header.charCodeAt(start - 1)); start--) {
      disguised ||= !isBlank(header.charCodeAt(start - 1))
    }
    if (disguised && (start === 0 || header.charCodeAt(start - 1) === SEMICOLON)) return true
  }
  return false
}

/** Controls, Unicode's spaces, and every byte their UTF-8 is made of. */
const SPACELIKE =
  /[\0-\x20\x7f-\xa0\xa8\xa9\xaf\xbb\xbf\xc2\xe1-\xe3\xef\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]/

function isSpacelike(code: number): boolean {
  if (isBlank(code)) return true
  if (Number.isNaN(code) || (code > BLANK && code < 127)) return false
  return SPACELIKE.test(String.fromCharCode(code))
}
