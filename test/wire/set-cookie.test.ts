import fc from 'fast-check'
import { Cookie } from 'tough-cookie'
import { expect, test } from 'vitest'
import { CookieError, CookieTooLarge } from '../../src/errors.js'
import { findCookie, unquoteCookie } from '../../src/wire/cookies.js'
import { type CookieAttributes, deleteCookie, quoteCookieValue, setCookie } from '../../src/wire/set-cookie.js'
import { anyText } from './arbitraries.js'

test("the session's cookie is Django's, to the byte", () => {
  expect(
    setCookie('sessionid', 'dqwir5f6ngn94204p3gvwgdcs9nvp4rj', {
      maxAge: 1209600,
      expires: new Date(1_701_209_600_000),
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
    }),
  ).toBe(
    'sessionid=dqwir5f6ngn94204p3gvwgdcs9nvp4rj; expires=Tue, 28 Nov 2023 22:13:20 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax',
  )
  expect(deleteCookie('sessionid', { path: '/', sameSite: 'Lax', httpOnly: true, secure: true })).toBe(
    'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax',
  )
})

test("all attributes come in the order of Python's cookies", () => {
  const header = setCookie('a', 'b', {
    secure: true,
    sameSite: 'None',
    path: '/x',
    partitioned: true,
    maxAge: -60.9,
    httpOnly: true,
    expires: 0,
    domain: '.example.com',
  })
  expect(header).toBe(
    'a=b; Domain=.example.com; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=-60; Partitioned; Path=/x; SameSite=None; Secure',
  )
  expect(setCookie('a', 'b')).toBe('a=b')
  expect(setCookie('a', 'b', { domain: '', path: '', sameSite: false, secure: false, maxAge: -0 })).toBe(
    'a=b; Max-Age=0',
  )
})

function mostly<T>(good: fc.Arbitrary<T>, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: good, weight: 4 }, { arbitrary: other, weight: 1 })
}

const attributes: fc.Arbitrary<CookieAttributes> = fc.record(
  {
    maxAge: mostly(fc.integer(), fc.double()),
    expires: mostly<Date | number>(
      fc.date({ min: new Date(0), max: new Date(2e14), noInvalidDate: true }),
      fc.double(),
    ),
    domain: mostly(fc.constantFrom('example.com', '.a.example'), anyText),
    path: mostly(fc.constantFrom('/', '/x/y'), anyText),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    sameSite: fc.constantFrom('Lax' as const, 'Strict' as const, 'None' as const, false as const),
    partitioned: fc.boolean(),
  },
  { requiredKeys: [] },
)

test('setCookie throws a CookieError, or writes one cookie that is read back as it was meant', () => {
  const name = mostly(fc.constantFrom('sessionid', 'a', '__Host-a', '__Secure-b'), anyText)
  let written = 0
  fc.assert(
    fc.property(name, fc.oneof(fc.string(), anyText), attributes, (cookieName, value, wanted) => {
      let header: string
      try {
        header = setCookie(cookieName, value, wanted)
      } catch (error) {
        expect(error).toBeInstanceOf(CookieError)
        return
      }
      written++
      expect(header).toMatch(/^[ -~]*$/)
      const [pair = '', ...parts] = header.split('; ')
      const { domain, path, sameSite, secure, httpOnly, maxAge, expires, partitioned } = wanted
      const set = [domain, path, sameSite, secure, httpOnly, partitioned].filter(Boolean).length
      expect(parts).toHaveLength(set + Number(maxAge !== undefined) + Number(expires !== undefined))
      expect(findCookie(pair, cookieName)).toBe(value)
      const parsed = Cookie.parse(header)!
      expect(parsed.key).toBe(cookieName)
      expect(unquoteCookie(parsed.value)).toBe(value)
      expect(parsed.path).toBe(path || null)
      expect(parsed.domain).toBe(domain?.replace(/^\./, '').toLowerCase() || null)
      expect([parsed.secure, parsed.httpOnly]).toEqual([secure ?? false, httpOnly ?? false])
      expect(parsed.sameSite).toBe(sameSite ? sameSite.toLowerCase() : undefined)
    }),
    { numRuns: 3000 },
  )
  expect(written).toBeGreaterThan(100)
})

const BYTES = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  '\u0100',
  '\u2028',
  '\ud800',
  '\udc00',
]

test('T20 no byte in a name, domain, path or SameSite ends the cookie or the header early', () => {
  const refused = (place: string, byte: string, header: () => string): boolean => {
    try {
      const text = header()
      expect(text.split(';').length, `${place} ${byte.charCodeAt(0)}`).toBe(place === 'name' ? 1 : 2)
      expect(text).toMatch(/^[ -~]*$/)
      return false
    } catch (error) {
      expect(error).toBeInstanceOf(CookieError)
      return true
    }
  }
  const taken = { name: '', domain: '', path: '', sameSite: '' }
  for (const byte of BYTES) {
    if (!refused('name', byte, () => setCookie(`a${byte}b`, 'v'))) taken.name += byte
    if (!refused('domain', byte, () => setCookie('a', 'v', { domain: `a${byte}b` }))) taken.domain += byte
    if (!refused('path', byte, () => setCookie('a', 'v', { path: `/a${byte}b` }))) taken.path += byte
    const sameSite = `Lax${byte}` as 'Lax'
    if (!refused('sameSite', byte, () => setCookie('a', 'v', { sameSite }))) taken.sameSite += byte
  }
  const letters = /[A-Za-z0-9]/g
  expect(taken.name.replace(letters, '')).toBe("!#$%&'*+-.:^_`|~")
  expect(taken.domain.replace(letters, '')).toBe('-._')
  expect(taken.path.replace(letters, '')).toBe('!"#$%&\'()*+,-./:<=>?@[\\]^_`{|}~')
  expect(taken.sameSite).toBe('')
})

test('T20 any byte in a value is carried, escaped; what Latin-1 lacks is refused', () => {
  for (const byte of BYTES.slice(0, 256)) {
    const header = setCookie('a', `x${byte}y`)
    expect(header).toMatch(/^a=[!-:<-~ ]+$/)
    expect(findCookie(header, 'a')).toBe(`x${byte}y`)
  }
  for (const byte of BYTES.slice(256)) expect(() => quoteCookieValue(byte)).toThrow(CookieError)
})

test('T35 a newline behind a name, domain, path or SameSite is refused', () => {
  expect(() => setCookie('a\n', 'v')).toThrow(CookieError)
  expect(() => setCookie('a', 'v', { domain: 'example.com\n' })).toThrow(CookieError)
  expect(() => setCookie('a', 'v', { path: '/\n' })).toThrow(CookieError)
  expect(() => setCookie('a', 'v', { sameSite: 'Lax\n' as 'Lax' })).toThrow(CookieError)
})

test('T07 a cookie without a name, or with the name of an attribute, is never written', () => {
  for (const name of ['', ' ', 'Path', 'secure', 'max-age']) expect(() => setCookie(name, 'v')).toThrow(CookieError)
})

test('a path begins with a slash, and dates and ages are ones', () => {
  expect(() => setCookie('a', 'v', { path: 'x' })).toThrow(CookieError)
  for (const maxAge of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
    expect(() => setCookie('a', 'v', { maxAge })).toThrow(CookieError)
  }
  for (const expires of [Number.NaN, new Date(Number.NaN), Date.UTC(10000, 0), Date.UTC(1600, 0)]) {
    expect(() => setCookie('a', 'v', { expires })).toThrow(CookieError)
  }
})

const HOST = { secure: true, path: '/' } as const

test.each<[string, CookieAttributes, boolean]>([
  ['__Host-a', HOST, true],
  ['__Host-a', { path: '/' }, false],
  ['__Host-a', { secure: true }, false],
  ['__Host-a', { ...HOST, path: '/x' }, false],
  ['__Host-a', { ...HOST, domain: 'example.com' }, false],
  ['__hOsT-a', { path: '/' }, false],
  ['__Secure-a', { secure: true, domain: 'example.com' }, true],
  ['__Secure-a', {}, false],
  ['__secure-a', {}, false],
  ['__Http-a', { secure: true, httpOnly: true }, true],
  ['__Http-a', { secure: true }, false],
  ['__Host-Http-a', { ...HOST, httpOnly: true }, true],
  ['__Host-Http-a', HOST, false],
  ['__Host-Http-a', { secure: true, httpOnly: true }, false],
  ['Host-a', {}, true],
])('a prefix keeps its promise: %s with %j is written: %s', (name, given, allowed) => {
  if (allowed) expect(setCookie(name, 'v', given)).toMatch(`${name}=v`)
  else expect(() => setCookie(name, 'v', given)).toThrow(CookieError)
})

test('a deletion is Secure where browsers would not obey it otherwise', () => {
  const secure = (name: string, given: CookieAttributes): boolean => deleteCookie(name, given).endsWith('; Secure')
  expect(secure('__Host-a', { path: '/' })).toBe(true)
  expect(secure('__Secure-a', {})).toBe(true)
  expect(secure('a', { sameSite: 'None' })).toBe(true)
  expect(secure('a', { partitioned: true })).toBe(true)
  expect(secure('a', { sameSite: 'Lax' })).toBe(false)
  expect(deleteCookie('__Host-Http-a', { path: '/' })).toContain('HttpOnly')
  expect(deleteCookie('a', { domain: 'example.com', path: '/x' })).toBe(
    'a=""; Domain=example.com; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/x',
  )
})

test('4,096 bytes of name and value are sent, one more is not, and an attribute has 1,024', () => {
  expect(setCookie('name', 'v'.repeat(4092))).toHaveLength(4097)
  expect(() => setCookie('name', 'v'.repeat(4093))).toThrow(CookieTooLarge)
  // Escapes count as sent.
  expect(() => setCookie('name', ';'.repeat(1024))).toThrow(CookieTooLarge)
  expect(() => setCookie('a', 'v', { path: `/${'x'.repeat(1023)}` })).not.toThrow()
  expect(() => setCookie('a', 'v', { path: `/${'x'.repeat(1024)}` })).toThrow(CookieError)
  expect(() => setCookie('a', 'v', { domain: 'x'.repeat(1025) })).toThrow(CookieError)
})

test('an error does not show the value', () => {
  expect(() => setCookie('a', 'hunter2\u0100')).toThrow(/^((?!hunter2).)*$/)
  expect(() => setCookie('a', 'hunter2'.repeat(1000))).toThrow(/^((?!hunter2).)*$/)
})
