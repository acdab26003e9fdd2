import fc from 'fast-check'
import { expect, test } from 'vitest'
import { patchVary } from '../../src/wire/vary.js'

test.each([
  [' Cookie ', 'Cookie'],
  ['cookie', 'cookie'],
  ['Accept,  COOKIE ,Accept', 'Accept, COOKIE'],
  ['Accept', 'Accept, Cookie'],
  [', ,', 'Cookie'],
  ['*', '*'],
  ['Accept, *', '*'],
  [' * ', '*'],
  ['Cookies', 'Cookies, Cookie'],
  ['Set-Cookie', 'Set-Cookie, Cookie'],
  ['\tCookie\t', 'Cookie'],
])('T23 Vary %j with Cookie is %j: merged once, never dropped', (existing, expected) => {
  expect(patchVary(existing, ['Cookie'])).toBe(expected)
})

test('T23 whatever was there, Cookie is there afterwards, just once', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('cookie', 'Cookie', ' ', ',', 'Accept', '\t', 'X-A')), (parts) => {
      const names = patchVary(parts.join(''), ['Cookie']).split(', ')
      expect(names.filter((name) => name.toLowerCase() === 'cookie')).toHaveLength(1)
      expect(patchVary(names.join(', '), ['cookie'])).toBe(names.join(', '))
    }),
  )
})

test('without a header there is one with the names given, in order', () => {
  expect(patchVary(undefined, ['Cookie', 'Origin', 'cookie'])).toBe('Cookie, Origin')
  expect(patchVary(undefined, ['Cookie', '*'])).toBe('*')
  expect(patchVary(undefined, [])).toBe('')
})
