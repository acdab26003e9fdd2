import { constantTimeEqual } from '../wire/crypto.js'

/** The characters of secrets and masks, in the order that the cipher counts them. Django's `CSRF_ALLOWED_CHARS`. */
export const CSRF_ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** Characters of a secret: 190 bits. */
export const SECRET_LENGTH = 32
/** Characters of a masked token: the mask, then the secret shifted by it. */
export const TOKEN_LENGTH = 64

const SIZE = CSRF_ALPHABET.length
const FOREIGN = /[^a-zA-Z0-9]/

const position = new Uint8Array(128)
for (let i = 0; i < SIZE; i++) position[CSRF_ALPHABET.charCodeAt(i)] = i

/**
 * The token that goes into a page: a mask and, shifted by it, the secret. A page never shows the same text twice, so that
 * compression tells nothing about the secret (BREACH, T43). Mirrors `_mask_cipher_secret`.
 */
export function maskSecret(secret: string, mask: string): string {
  return mask + shifted(secret, mask, 1)
}

/** The secret in a masked token of good form. Mirrors `_unmask_cipher_token`. */
export function unmaskToken(token: string): string {
  return shifted(token.slice(SECRET_LENGTH), token, -1)
}

function shifted(text: string, mask: string, sign: 1 | -1): string {
  let result = ''
  for (let i = 0; i < SECRET_LENGTH; i++) {
    const sum = positionAt(text, i) + sign * positionAt(mask, i)
    result += CSRF_ALPHABET[(sum + SIZE) % SIZE]
  }
  return result
}

function positionAt(text: string, index: number): number {
  return position[text.charCodeAt(index)] as number
}

/** What is wrong with the form of a secret or token, in Django's words. */
export type Malformation = 'has incorrect length' | 'has invalid characters'

/** Bare secret or masked token, letters and digits only; `null` if the form is good. Mirrors `_check_token_format`. */
export function malformation(text: string): Malformation | null {
  if (text.length !== TOKEN_LENGTH && text.length !== SECRET_LENGTH) return 'has incorrect length'
  return FOREIGN.test(text) ? 'has invalid characters' : null
}

/** The bare secret in a text of good form; Django before 4.0 stored it masked. */
export function bareSecret(text: string): string {
  return text.length === TOKEN_LENGTH ? unmaskToken(text) : text
}

/** Whether a token of good form, masked or bare, stands for this secret; in constant time. Mirrors `_does_token_match`. */
export function tokenMatches(token: string, secret: string): boolean {
  return constantTimeEqual(bareSecret(token), secret)
}
