/**
 * Integers as text in base 62 (the time stamps in signatures, `django.core.signing.b62_encode`) and base 36
 * (`django.utils.http.int_to_base36`).
 */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const VALUES: readonly number[] = Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)))

/** Mirrors `b62_encode`: digits, then upper case, then lower case; a minus sign before negatives. */
export function encode62(n: bigint | number): string {
  if (typeof n === 'bigint') return encodeBig62(n)
  if (n < 0) return '-' + encode62(-n)
  let text = ''
  do {
    text = DIGITS[n % 62] + text
    n = Math.floor(n / 62)
  } while (n > 0)
  return text
}

function encodeBig62(n: bigint): string {
  if (n < 0n) return '-' + encodeBig62(-n)
  let text = ''
  do {
    text = DIGITS[Number(n % 62n)] + text
    n /= 62n
  } while (n > 0n)
  return text
}

/** Mirrors `b62_decode`. `NaN` for what is no base 62; past 2**53 the nearest number, which is enough to compare ages. */
export function decode62(text: string): number {
  const start = text.charCodeAt(0) === 45 /* - */ ? 1 : 0
  if (text.length === start) return Number.NaN
  let n = 0
  for (let i = start; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1
    if (value < 0) return Number.NaN
    n = n * 62 + value
  }
  return start === 0 ? n : -n
}

/** Mirrors `int_to_base36`: digits, then lower case. Negative numbers have no such form: `RangeError`. */
export function encode36(n: bigint): string {
  if (n < 0n) throw new RangeError('Base 36 has no negative numbers.')
  return n.toString(36)
}

/**
 * Mirrors `base36_to_int`, which takes upper case too and nothing longer than 13 characters (64 bits). `null` for
 * anything else.
 */
export function decode36(text: string): bigint | null {
  if (!/^[0-9a-zA-Z]{1,13}$/.test(text)) return null
  let n = 0n
  for (const digit of text) n = n * 36n + BigInt(Number.parseInt(digit, 36))
  return n
}
