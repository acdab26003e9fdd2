import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const IV = 12
const TAG = 16
const CIPHER = 'aes-256-gcm'

/**
 * Texts that only this site can read and nobody can change: AES-256-GCM (NIST SP 800-38D) with a random nonce, under a key made of the site's
 * secret for one purpose (HKDF-SHA256, RFC 5869), so that what was sealed for one purpose opens for no other.
 */
export class Sealer {
  readonly #keys: readonly Buffer[]

  /** @param secrets seals with the first and opens with any */
  constructor(secrets: readonly (string | Uint8Array)[], purpose: string) {
    this.#keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', `sojourn.${purpose}`, 32)))
  }

  /** URL-safe base64 of nonce, ciphertext and tag. */
  seal(text: string): string {
    const iv = randomBytes(IV)
    const cipher = createCipheriv(CIPHER, this.#keys[0] as Buffer, iv)
    return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** What was sealed; `null` for anything else. */
  open(sealed: string): string | null {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < IV + TAG) return null
    for (const key of this.#keys) {
      const text = opened(key, bytes)
      if (text !== null) return text
    }
    return null
  }
}

function opened(key: Buffer, bytes: Buffer): string | null {
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV), { authTagLength: TAG })
  decipher.setAuthTag(bytes.subarray(-TAG))
  try {
    return decipher.update(bytes.subarray(IV, -TAG), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return null
  }
}
