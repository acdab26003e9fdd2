import { constantTimeEqual, derivedKey, hmac, saltedHmac } from '../wire/crypto.js'
import type { User } from './user.js'

const SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'

type Secret = string | Uint8Array

/**
 * What binds a session to a user's password: 64 hexadecimal digits. Mirrors
 * `AbstractBaseUser.get_session_auth_hash`; `secret` is `secretKey`.
 */
export function getSessionAuthHash(user: Pick<User, 'password'>, secret: Secret): string {
  return saltedHmac(SALT, user.password, secret).toString('hex')
}

/** The hashes of one site, with its keys derived once. */
export class SessionHash {
  readonly #current: Buffer
  readonly #older: readonly Buffer[]

  constructor(settings: { readonly secretKey: Secret; readonly secretKeyFallbacks: readonly Secret[] }) {
    this.#current = derivedKey(SALT, settings.secretKey)
    this.#older = settings.secretKeyFallbacks.map((secret) => derivedKey(SALT, secret))
  }

  of(user: User): string {
    return hmac(this.#current, user.password).toString('hex')
  }

  /** Under which key a session's hash belongs to this user; `null` if under none. Compared in constant time. */
  verify(stored: unknown, user: User): 'current' | 'older' | null {
    if (typeof stored !== 'string' || stored === '') return null
    if (constantTimeEqual(stored, this.of(user))) return 'current'
    const older = this.#older.some((key) => constantTimeEqual(stored, hmac(key, user.password).toString('hex')))
    return older ? 'older' : null
  }
}
