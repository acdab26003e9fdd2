import { constantTimeEqual, hmac } from './crypto.js'

/** What express-session and cookie-parser put before a value that is signed. */
const SIGNED = 's:'

/**
 * Opens what the package `cookie-signature` signed for express-session: `s:`, the value, a dot and the HMAC-SHA256 of the value in base64
 * without padding. Its key is the secret itself, without a salt.
 */
export class CookieSignature {
  readonly #keys: readonly Uint8Array[]

  constructor(secrets: readonly (string | Uint8Array)[]) {
    this.#keys = secrets.map((secret) => (typeof secret === 'string' ? Buffer.from(secret) : secret))
  }

  /** The value, `null` if none of the secrets signed it. `text` is decoded already (`s:`, not `s%3A`). */
  open(text: string): string | null {
    const dot = text.lastIndexOf('.')
    if (!text.startsWith(SIGNED) || dot <= SIGNED.length) return null
    const value = text.slice(SIGNED.length, dot)
    const signature = text.slice(dot + 1)
    const isOurs = this.#keys.some((key) => constantTimeEqual(signature, signatureOf(value, key)))
    return isOurs ? value : null
  }
}

function signatureOf(value: string, key: Uint8Array): string {
  return hmac(key, value).toString('base64').replace(/=+$/, '')
}
