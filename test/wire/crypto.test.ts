import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import {
  base64url,
  constantTimeEqual,
  derivedKey,
  fromBase64url,
  hmac,
  randomString,
  saltedHmac,
} from '../../src/wire/crypto.js'
import { anyText } from './arbitraries.js'

const timed = vi.hoisted(() => vi.fn())
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  timed.mockImplementation(crypto.timingSafeEqual)
  return { ...crypto, timingSafeEqual: timed }
})

test('a salted HMAC is an HMAC with the derived key, whether the secret is text or bytes', () => {
  const key = derivedKey('salt', 'sécret')
  expect(saltedHmac('salt', 'value', 'sécret')).toEqual(hmac(key, 'value'))
  expect(derivedKey('salt', new TextEncoder().encode('sécret'))).toEqual(key)
})

test('the constant-time comparison is equality, for any two texts', () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      expect(constantTimeEqual(a, a)).toBe(true)
      expect(constantTimeEqual(a, b)).toBe(a === b)
      expect(constantTimeEqual(a + 'x', a + 'y')).toBe(false)
    }),
  )
  expect(constantTimeEqual('\ud800', '\ud801')).toBe(false)
})

test('texts of one length are compared by the comparison that takes its time', () => {
  timed.mockClear()
  expect([constantTimeEqual('aaaa', 'baaa'), constantTimeEqual('aaaa', 'aaaa'), constantTimeEqual('a', 'aa')]).toEqual([
    false,
    true,
    false,
  ])
  expect(timed).toHaveBeenCalledTimes(3)
})

test('base64 gives back any bytes, from text of either alphabet, with padding or without', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const buffer = Buffer.from(bytes)
      expect(base64url(bytes)).toBe(buffer.toString('base64url'))
      expect(fromBase64url(base64url(bytes))).toEqual(buffer)
      expect(fromBase64url(buffer.toString('base64'))).toEqual(buffer)
    }),
  )
})

// Each line is what Python's urlsafe_b64decode(text + '=' * (-len(text) % 4)) says of the text's UTF-8.
test.each([
  ['', ''],
  ['***', ''],
  ['YQ', 'a'],
  ['YQ==', 'a'],
  ['YQ==YQ', 'a'],
  ['Y Q', null],
  ['Y\nWJj', 'abc'],
  ['YWJjZ', null],
  ['YWJj!', 'abc'],
  ['YW=', 'a'],
  ['YW==', 'a'],
  ['Y=W=Jj', 'abc'],
  ['=', ''],
  ['YQé', null],
  ['Ł', ''],
  ['ŁWJj', 'X\x98'],
])('base64 as lenient as Python: %j is %j', (text, expected) => {
  expect(fromBase64url(text)?.toString('latin1') ?? null).toBe(expected)
})

test('random text is of the alphabet, each character equally likely', () => {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
  const counts = new Map<string, number>([...alphabet].map((character) => [character, 0]))
  const keys = new Set<string>()
  for (let i = 0; i < 30_000; i++) {
    const key = randomString(32, alphabet)
    keys.add(key)
    for (const character of key) counts.set(character, counts.get(character)! + 1)
  }
  expect(keys.size).toBe(30_000)
  expect(counts.size).toBe(36)
  const expected = (30_000 * 32) / 36
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 35 degrees of freedom: 120 is passed once in 10^10 runs. Bytes taken modulo 36 would give some 2,000.
  expect(chiSquared).toBeLessThan(120)
})

test('random text has any length, and an alphabet must be one', () => {
  expect(randomString(0, 'ab')).toBe('')
  expect(randomString(20_000, 'ab')).toMatch(/^[ab]{20000}$/)
  expect(randomString(3, 'a')).toBe('aaa')
  expect(() => randomString(1, '')).toThrow(RangeError)
  expect(() => randomString(1, 'x'.repeat(257))).toThrow(RangeError)
})
