import fc from 'fast-check'
import { expect, test } from 'vitest'
import { conflictingCookie, findCookie, parseCookies, suspiciousCookie, unquoteCookie } from '../../src/wire/cookies.js'
import { quoteCookieValue } from '../../src/wire/set-cookie.js'
import { anyText } from './arbitraries.js'

const NAME = '__Host-sessionid'

const UNICODE_SPACES = [
  '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
  '\x0b\x0c\x1c\x1d\x1e\x1f',
]
  .join('')
  .split('')

const asLatin1 = (text: string): string => Buffer.from(text).toString('latin1')

/** Header-like text, dense in what decides: names that are prefixes of each other, separators, blanks, quotes. */
const header = fc
  .array(
    fc.constantFrom(
      'a',
      'aa',
      'ab',
      'sid',
      '=',
      '=',
      ';',
      '; ',
      ' ',
      '\t',
      '"',
      '\\',
      '\\"',
      '\\054',
      ',',
      '\u2000',
      'é',
      '$Version',
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

test('findCookie finds what parseCookies has, and nothing else', () => {
  fc.assert(
    fc.property(header, (text) => {
      const cookies = parseCookies(text)
      for (const [name, value] of Object.entries(cookies)) {
        expect(findCookie(text, name)).toBe(name === '' ? undefined : value)
      }
      for (const name of ['a', 'aa', 'ab', 'sid', 'toString']) expect(findCookie(text, name)).toBe(cookies[name])
    }),
    { numRuns: 5000 },
  )
})

test('no text at all makes the parsers throw, and the result has no prototype', () => {
  fc.assert(
    fc.property(anyText, anyText, (text, name) => {
      expect(Object.getPrototypeOf(parseCookies(text))).toBeNull()
      findCookie(text, name)
      conflictingCookie(text, name)
      suspiciousCookie(text, name)
    }),
    { numRuns: 2000 },
  )
  expect(findCookie(undefined, 'a')).toBeUndefined()
  expect(parseCookies(undefined)).toEqual({})
  expect(conflictingCookie(undefined, 'a')).toBe(false)
  expect(suspiciousCookie(undefined, 'a')).toBe(false)
})

test('what was quoted is unquoted', () => {
  const latin1 = fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes))
  fc.assert(fc.property(latin1, (value) => findCookie(`x=1; c=${quoteCookieValue(value)}; y=2`, 'c') === value))
})

test('unquoting knows octal escapes of three digits and escaped characters, as Python does', () => {
  expect(unquoteCookie('"\\073\\400\\1\\"\\\\x"')).toBe(';4001"\\x')
  expect(['"', '', '"a', 'a"', '""'].map(unquoteCookie)).toEqual(['"', '', '"a', 'a"', ''])
})

test.each(UNICODE_SPACES.map((space) => [space.charCodeAt(0).toString(16), space]))(
  'T04 a name with the Unicode space U+%s around it is another name, and is reported',
  (_, space) => {
    for (const raw of [space, asLatin1(space)]) {
      for (const disguised of [raw + NAME, NAME + raw, `${raw} ${NAME}`, `${NAME}\t${raw}`]) {
        for (const text of [`${disguised}=evil; ${NAME}=real`, `${NAME}=real; ${disguised}=evil`]) {
          expect(findCookie(text, NAME)).toBe('real')
          expect(parseCookies(text)[NAME]).toBe('real')
          expect(suspiciousCookie(text, NAME)).toBe(true)
        }
        expect(findCookie(`x=y; ${disguised}=evil`, NAME)).toBeUndefined()
      }
    }
  },
)

test('T04 blanks, tabs and longer names are no disguise', () => {
  for (const text of [
    `${NAME}=a`,
    ` ${NAME} =a`,
    `x=y;\t${NAME}\t=a`,
    `x${NAME}=a`,
    `${NAME}x=a`,
    `x\u2000y${NAME}=a`,
    `\u2000${NAME}`,
  ]) {
    expect(suspiciousCookie(text, NAME), text).toBe(false)
  }
})

test('T05 of two cookies of one name the last wins, and a conflict of values is seen', () => {
  expect(findCookie('sid=a; sid=b', 'sid')).toBe('b')
  expect(parseCookies('sid=a; sid=b')['sid']).toBe('b')
  expect(conflictingCookie('sid=a; x=y; sid=b', 'sid')).toBe(true)
  expect(conflictingCookie('sid=a; x=y; sid=a; sid=b', 'sid')).toBe(true)
  expect(conflictingCookie('sid=a; sid="a"', 'sid')).toBe(false)
  expect(conflictingCookie('sid=a; xsid=b; sidx=b; SID=b', 'sid')).toBe(false)
})

test('T06 names are compared byte for byte', () => {
  const text = '__hOsT-sessionid=evil; __HOST-SESSIONID=evil'
  expect(findCookie(text, NAME)).toBeUndefined()
  expect(NAME in parseCookies(text)).toBe(false)
})

test('T07 a nameless cookie is never the prefixed one', () => {
  for (const text of [`=${NAME}=evil`, ` = ${NAME}=evil`, `${NAME}`, `x=y; =${NAME}=evil`, `=; ${NAME} ;`]) {
    expect(findCookie(text, NAME), text).toBeUndefined()
    expect(NAME in parseCookies(text)).toBe(false)
    expect(findCookie(text, '')).toBeUndefined()
  }
})

test('T08 a quoted value ends at the semicolon: no sandwich swallows the cookie between', () => {
  const text = '$Version=1; a="x; sid=S; b=y"'
  expect(parseCookies(text)).toEqual({ $Version: '1', a: '"x', sid: 'S', b: 'y"' })
  expect(findCookie(text, 'sid')).toBe('S')
  expect(findCookie(text, 'a')).toBe('"x')
})

test('T09 nothing but a semicolon begins another cookie', () => {
  for (const between of [',', ', ', '[', ']', '\r', '\n', '\r\n', '\t', ' ', '&', '\0', '"', '\u2028']) {
    const text = `utmz=x${between}csrftoken=evil`
    expect(findCookie(text, 'csrftoken'), between).toBeUndefined()
    expect(Object.keys(parseCookies(text))).toEqual(['utmz'])
  }
})

test('T32 __proto__ and its like are names of cookies', () => {
  const cookies = parseCookies('__proto__=a; constructor=b; prototype=c')
  expect(Object.entries(cookies)).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['prototype', 'c'],
  ])
  expect(findCookie('a=b', '__proto__')).toBeUndefined()
  expect(({} as Record<string, unknown>)['a']).toBeUndefined()
})

test('T33 of 100,000 cookies whose names are integers the first 256 are kept', () => {
  const text = Array.from({ length: 100_000 }, (_, i) => `${i * 32_768}=x`).join('; ')
  expect(Object.keys(parseCookies(text))).toHaveLength(256)
  expect(findCookie(text, String(99_999 * 32_768))).toBe('x')
  // Empty parts are no pairs.
  expect(parseCookies(';'.repeat(1000) + 'a=b')).toEqual({ a: 'b' })
})

test('the time per byte of a hostile header does not grow with its length', () => {
  for (const unit of [
    'a',
    ';',
    '=',
    ' ',
    'a;',
    'sid',
    'sid ',
    ';sid ',
    ' sid',
    'sid\u2000',
    '\u2000sid',
    'sid="\\"',
    'x=\\',
    'sid=a;',
  ]) {
    const long = unit.repeat(64 * 1024)
    const short = unit.repeat(1024)
    const read = (text: string): void => {
      findCookie(text, 'sid')
      conflictingCookie(text, 'sid')
      suspiciousCookie(text, 'sid')
      parseCookies(text)
      unquoteCookie(`"${text}"`)
    }
    read(long)
    const once = fastest(() => read(long))
    const many = fastest(() => {
      for (let i = 0; i < 64; i++) read(short)
    })
    // Linear is about 1, quadratic would be 64.
    expect(once, JSON.stringify(unit)).toBeLessThan(16 * many + 5)
  }
})

test('a mebibyte of semicolons is read in milliseconds', () => {
  const text = ';'.repeat(1024 * 1024)
  // Looking for the next = from every part anew would take half a minute.
  expect(fastest(() => void parseCookies(text))).toBeLessThan(2000)
})

function fastest(action: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    action()
    best = Math.min(best, performance.now() - start)
  }
  return best
}
