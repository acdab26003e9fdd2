import { createHash, createHmac, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Algorithm } from './algorithm.js'

/**
 * The HMAC key that `django.utils.crypto.salted_hmac` makes out of a salt and a secret: `hash(salt || secret)`. It
 * depends on nothing else, so whoever signs often makes it once and keeps it.
 */
export function derivedKey(salt: string, secret: string | Uint8Array, algorithm: Algorithm = 'sha256'): Buffer {
  return createHash(algorithm).update(salt).update(secret).digest()
}

/** HMAC of a text's UTF-8 bytes. */
export function hmac(key: Uint8Array, value: string, algorithm: Algorithm = 'sha256'): Buffer {
  return createHmac(algorithm, key).update(value).digest()
}

/** `hmac` as URL-safe base64 without padding, the form signatures have. */
export function hmacText(key: Uint8Array, value: string, algorithm: Algorithm): string {
  return createHmac(algorithm, key).update(value).digest('base64url')
}

/** Mirrors `django.utils.crypto.salted_hmac`. Its default is SHA-1 until Django 7; here it is SHA-256. */
export function saltedHmac(
  salt: string,
  value: string,
  secret: string | Uint8Array,
  algorithm: Algorithm = 'sha256',
): Buffer {
  return hmac(derivedKey(salt, secret, algorithm), value, algorithm)
}

/** SHA-256 of a text's UTF-8 bytes. */
export function sha256(text: string, encoding: 'hex' | 'base64url' = 'hex'): string {
  return createHash('sha256').update(text).digest(encoding)
}

/** So many random bytes as URL-safe base64: 32 of them are 43 characters. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

/**
 * Mirrors `django.utils.crypto.constant_time_compare`: how long it takes tells the lengths and nothing more. Texts of
 * any length and content.
 */
export function constantTimeEqual(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  if (left.length !== right.length) {
    timingSafeEqual(left, left)
    return false
  }
  // UTF-8 has one form for all lone surrogates, so equal bytes are not yet equal texts; by then nothing is left to leak.
  return timingSafeEqual(left, right) && a === b
}

/** Mirrors `django.core.signing.b64_encode`: URL-safe base64 without padding. */
export function base64url(bytes: Uint8Array | string): string {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString('base64url')
}

/**
 * Mirrors `django.core.signing.b64_decode`, as lenient as Python's decoder is: `+` and `/` count as `-` and `_`,
 * padding may be there, foreign characters are dropped. `null` where Python raises. Only for text whose signature has
 * been checked: several texts decode to the same bytes.
 */
export function fromBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  // As many bytes as there are characters for: nothing was dropped. Characters past U+00FF are the exception (some
  // decoders look at their low byte only), and those show in the length of the UTF-8.
  const whole = text.length % 4 !== 1 && bytes.length === Math.floor((text.length * 3) / 4)
  return whole && Buffer.byteLength(text) === text.length ? bytes : decodeLeniently(text)
}

const BASE64_LETTER = /[A-Za-z0-9+/_-]/

/** `binascii.a2b_base64` in its non-strict mode, over the text and the padding that `b64_decode` appends to it. */
function decodeLeniently(text: string): Buffer | null {
  const latin1 = Buffer.from(text).toString('latin1')
  const padded = latin1 + '='.repeat((4 - (latin1.length % 4)) % 4)
  const letters: string[] = []
  let pads = 0
  for (const character of padded) {
    if (character === '=') {
      pads++
      if (letters.length % 4 >= 2 && (letters.length % 4) + pads >= 4) return Buffer.from(letters.join(''), 'base64url')
    } else if (BASE64_LETTER.test(character)) {
      letters.push(character)
      pads = 0
    }
  }
  return letters.length % 4 === 0 ? Buffer.from(letters.join(''), 'base64url') : null
}

// Asking the system for 32 bytes costs more than everything else a session key needs, so bytes are drawn in stock. Used
// bytes are overwritten: a memory dump shows no key already given out.
const stock = new Uint8Array(8192)
let drawn = stock.length

/**
 * Mirrors `django.utils.crypto.get_random_string`: characters of `alphabet` (at most 256), each equally likely, from
 * the system's secure source. Throws if that fails; there is no weaker source behind it.
 */
export function randomString(length: number, alphabet: string): string {
  const size = alphabet.length
  if (size === 0 || size > 256) throw new RangeError('An alphabet has 1 to 256 characters.')
  // Bytes from here on would make the first characters of the alphabet likelier than the last: thrown away.
  const limit = 256 - (256 % size)
  let text = ''
  for (let missing = length; missing > 0; ) {
    if (drawn === stock.length) {
      randomFillSync(stock)
      drawn = 0
    }
    const byte = stock[drawn]!
    stock[drawn++] = 0
    if (byte < limit) {
      text += alphabet[byte % size]
      missing--
    }
  }
  return text
}
