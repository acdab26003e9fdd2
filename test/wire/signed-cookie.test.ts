import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ImproperlyConfigured } from '../../src/errors.js'
import { signCookieValue, unsignCookieValue } from '../../src/wire/signed-cookie.js'
import { Signer, TimestampSigner } from '../../src/wire/signing.js'

const key = 'a secret of the tests'

test('a signed cookie comes back under its own name and salt only', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (name, salt, value) => {
      const text = signCookieValue(name, value, { key, salt })
      expect(unsignCookieValue(name, text, { key, salt })).toBe(value)
      expect(unsignCookieValue(`${name}x`, text, { key, salt })).toBeNull()
      expect(unsignCookieValue(name, text, { key, salt: `${salt}x` })).toBeNull()
    }),
  )
})

test('T19 the cookie ab with salt c is not the cookie a with salt bc', () => {
  const text = signCookieValue('ab', 'v', { key, salt: 'c' })
  expect(unsignCookieValue('a', text, { key, salt: 'bc' })).toBeNull()
  expect(unsignCookieValue('a', text, { key, salt: 'bc', legacySalt: true })).toBeNull()
  // Lengths are counted as Python counts them, by code points.
  const astral = signCookieValue('b', 'v', { key, salt: '\u{1f36a}' })
  expect(astral).toBe(
    new TimestampSigner({ key: `django.http.cookies${key}`, salt: 'django.http.cookies.v2:1:\u{1f36a}b' }).sign('v'),
  )
})

test("T19 an older Django's cookie is read where a setting says so, and never written", () => {
  const old = new TimestampSigner({ key: `django.http.cookies${key}`, salt: 'abc' }).sign('v')
  expect(unsignCookieValue('ab', old, { key, salt: 'c' })).toBeNull()
  expect(unsignCookieValue('ab', old, { key, salt: 'c', legacySalt: true })).toBe('v')
  expect(signCookieValue('ab', 'v', { key, salt: 'c' })).not.toBe(old)
})

test('a signed cookie ends after maxAge seconds, and older keys are taken', () => {
  const text = signCookieValue('a', 'v', { key: new TextEncoder().encode('old'), now: () => 0 })
  const read = { key, fallbackKeys: ['old'], maxAge: 10 }
  expect(unsignCookieValue('a', text, { ...read, now: () => 10_000 })).toBe('v')
  expect(unsignCookieValue('a', text, { ...read, now: () => 10_001 })).toBeNull()
  expect(unsignCookieValue('a', text, { ...read, fallbackKeys: [], now: () => 0 })).toBeNull()
  expect(unsignCookieValue('a', new Signer({ key }).sign('v'), { key })).toBeNull()
})

test('a missing key is an error and not a bad cookie', () => {
  expect(() => signCookieValue('a', 'v', { key: undefined as unknown as string })).toThrow(ImproperlyConfigured)
  expect(() => signCookieValue('a', 'v', { key: '' })).toThrow(ImproperlyConfigured)
  expect(() => unsignCookieValue('a', 'v', { key, fallbackKeys: [7 as unknown as string] })).toThrow(
    ImproperlyConfigured,
  )
})
