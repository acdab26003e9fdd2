import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CookieSignature } from '../../src/wire/cookie-signature.js'
import { cookieSignature } from '../support/cookie-signature.js'

const text = fc.string({ unit: 'grapheme', minLength: 1 })

describe('what express-session signed', () => {
  test('is opened, whatever the value and the secret', () => {
    fc.assert(
      fc.property(text, text, text, (value, secret, newer) => {
        const signed = `s:${cookieSignature.sign(value, secret)}`
        expect(new CookieSignature([secret]).open(signed)).toBe(value)
        expect(new CookieSignature([newer, secret]).open(signed)).toBe(value)
      }),
    )
  })

  test('is the only thing that is opened: what is changed in one place, or signed by another secret, is nobody’s', () => {
    const signature = new CookieSignature(['secret', 'an older one'])
    const signed = `s:${cookieSignature.sign('an.id', 'secret')}`
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.string({ maxLength: 2 }), (at, other) => {
        const changed = signed.slice(0, at) + other + signed.slice(at + 1)
        if (changed !== signed) expect(signature.open(changed)).toBeNull()
      }),
    )
    expect(signature.open(signed)).toBe('an.id')
    expect(new CookieSignature(['another']).open(signed)).toBeNull()
    expect(new CookieSignature([]).open(signed)).toBeNull()
  })

  test.each(['', 's:', 's:.', 's:an.id', 's', '.', 'an.id', `an.id.${'x'.repeat(43)}`, 's:\ud800.x'])(
    '%j is nothing that was signed',
    (given) => {
      expect(new CookieSignature(['secret']).open(given)).toBeNull()
    },
  )

  test('has a value: an empty one is nobody’s, though it is signed', () => {
    expect(new CookieSignature(['secret']).open(`s:${cookieSignature.sign('', 'secret')}`)).toBeNull()
  })
})
