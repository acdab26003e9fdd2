import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bareSecret,
  CSRF_ALPHABET,
  malformation,
  maskSecret,
  SECRET_LENGTH,
  TOKEN_LENGTH,
  tokenMatches,
  unmaskToken,
} from '../../src/csrf/token.js'
import { randomString } from '../../src/wire/crypto.js'
import { randomSecret, secret } from './requests.js'

const text32 = fc.string({ unit: fc.constantFrom(...CSRF_ALPHABET), minLength: 32, maxLength: 32 })

test('every secret comes back out of every mask', () => {
  fc.assert(
    fc.property(text32, text32, (made, mask) => {
      const token = maskSecret(made, mask)
      expect(token).toHaveLength(TOKEN_LENGTH)
      expect(malformation(token)).toBeNull()
      expect(unmaskToken(token)).toBe(made)
      expect(bareSecret(token)).toBe(made)
      expect(tokenMatches(token, made) && tokenMatches(made, made)).toBe(true)
    }),
  )
})

test('a token of another secret never matches, and neither does one with a single character changed', () => {
  const token = maskSecret(secret, randomSecret())
  for (let i = 0; i < TOKEN_LENGTH; i++) {
    const other = CSRF_ALPHABET[(CSRF_ALPHABET.indexOf(token.charAt(i)) + 1) % CSRF_ALPHABET.length]
    expect(tokenMatches(token.slice(0, i) + other + token.slice(i + 1), secret)).toBe(false)
  }
})

describe('T35', () => {
  test.each(['\n', '\r\n', '\0', ' ', '\u2028', '\u00e9', '\u017f', '\uff21'])(
    'a token that ends with %j is malformed, at either length',
    (ending) => {
      for (const length of [SECRET_LENGTH, TOKEN_LENGTH]) {
        const good = 'a'.repeat(length)
        expect(malformation(good)).toBeNull()
        expect(malformation(good + ending)).toBe('has incorrect length')
        expect(malformation(good.slice(ending.length) + ending)).toBe('has invalid characters')
      }
    },
  )
})

test('of 100,000 random texts of 0 to 200 characters none is accepted for a token', () => {
  const lengths = new Set<number>()
  for (let i = 0; i < 100_000; i++) {
    // Every length, but half of them of the two that a token may have.
    const length = i % 2 === 0 ? (i >> 1) % 201 : (i >> 1) % 2 === 0 ? SECRET_LENGTH : TOKEN_LENGTH
    const text = randomString(length, CSRF_ALPHABET)
    lengths.add(length)
    if (malformation(text) === null && tokenMatches(text, secret)) throw new Error(`accepted ${text}`)
    expect(malformation(text) === null).toBe(length === SECRET_LENGTH || length === TOKEN_LENGTH)
  }
  expect(lengths.size).toBe(201)
})

describe('T43', () => {
  test('10,000 tokens are all different and all stand for one secret', () => {
    const tokens = new Set<string>()
    for (let i = 0; i < 10_000; i++) tokens.add(maskSecret(secret, randomSecret()))
    expect(tokens.size).toBe(10_000)
    for (const token of tokens) expect(unmaskToken(token)).toBe(secret)
    const secondHalves = new Set([...tokens].map((token) => token.slice(SECRET_LENGTH)))
    expect(secondHalves.size).toBe(10_000)
  })

  /** How long pages are, packed, that show a token and echo what a stranger guessed of the secret: the mean of 1,000. */
  function packedLength(shown: () => string, guess: string): number {
    let bytes = 0
    for (let i = 0; i < 1000; i++) {
      bytes += gzipSync(`<p>${guess}</p><form><input name="csrfmiddlewaretoken" value="${shown()}"></form>`).length
    }
    return bytes / 1000
  }

  test('a packed page is as long with a right guess of the secret as with a wrong one', () => {
    const wrong = [...secret].reverse().join('')
    const masked = (): string => maskSecret(secret, randomSecret())
    expect(Math.abs(packedLength(masked, secret) - packedLength(masked, wrong))).toBeLessThanOrEqual(1)
    // What this would look like without the mask.
    const bare = (): string => secret
    expect(packedLength(bare, wrong) - packedLength(bare, secret)).toBeGreaterThan(10)
  })
})
