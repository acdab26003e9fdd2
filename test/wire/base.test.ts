import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode36, decode62, encode36, encode62 } from '../../src/wire/base.js'

test('base 62 gives back every safe integer, and numbers and bigints are written alike', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (n) => {
      expect(decode62(encode62(n))).toBe(n === 0 ? 0 : n)
      expect(encode62(BigInt(n))).toBe(encode62(n))
    }),
  )
})

test('what is no base 62 is no number', () => {
  for (const text of ['', '-', ' 1', '1\n', '1.5', '+1', 'é', '--1', '1-']) expect(decode62(text)).toBeNaN()
})

test('base 36 gives back every integer of 64 bits', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (n) => decode36(encode36(n)) === n))
})

test('T35 base 36 takes nothing longer than a 64-bit number, no sign and no newline', () => {
  expect(decode36('Zz')).toBe(1295n)
  for (const text of ['', '-1', '1\n', ' 1', '1'.repeat(14), 'é']) expect(decode36(text)).toBeNull()
  expect(() => encode36(-1n)).toThrow(RangeError)
})
