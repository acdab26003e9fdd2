import { SojournError } from '../errors.js'
import { checkedKey, type Key, TimestampSigner } from './signing.js'

/** The keys and the salt of `HttpResponse.set_signed_cookie`. */
export interface SignedCookieOptions {
  readonly key: Key
  readonly fallbackKeys?: readonly Key[]
  readonly salt?: string
  /** The time, in milliseconds since 1970. */
  readonly now?: () => number
}

const KEY_PREFIX = 'django.http.cookies'

/**
 * The value of a signed cookie as Django 5.2.15 and 6.0.6 and later write it. Before, salt and name were simply joined,
 * so that the cookie `ab` with salt `c` verified as `a` with salt `bc` (CVE-2026-6873).
 */
export function signCookieValue(name: string, value: string, options: SignedCookieOptions): string {
  return cookieSigner(options, saltOf(name, options.salt)).sign(value)
}

/**
 * Mirrors `HttpRequest.get_signed_cookie`: the value, or `null` if it was not signed so or more than `maxAge` seconds
 * ago. `legacySalt` also takes what older Djangos signed (`SIGNED_COOKIE_LEGACY_SALT_FALLBACK`).
 */
export function unsignCookieValue(
  name: string,
  text: string,
  options: SignedCookieOptions & { readonly maxAge?: number; readonly legacySalt?: boolean },
): string | null {
  const salts = [saltOf(name, options.salt)]
  if (options.legacySalt) salts.push(name + (options.salt ?? ''))
  for (const salt of salts) {
    try {
      return cookieSigner(options, salt).unsign(text, options)
    } catch (error) {
      if (!(error instanceof SojournError) || error.code === 'improperly_configured') throw error
    }
  }
  return null
}

function saltOf(name: string, salt = ''): string {
  // Python counts code points.
  return `${KEY_PREFIX}.v2:${[...salt].length}:${salt}${name}`
}

/** Mirrors `django.core.signing.get_cookie_signer`: its keys are the site's with a prefix, so that nothing else verifies as a cookie. */
export function cookieSigner({ key, fallbackKeys, now }: SignedCookieOptions, salt: string): TimestampSigner {
  return new TimestampSigner({ key: prefixed(key), fallbackKeys: fallbackKeys?.map(prefixed), salt, now })
}

function prefixed(key: Key): Key {
  checkedKey(key)
  return typeof key === 'string' ? KEY_PREFIX + key : Buffer.concat([Buffer.from(KEY_PREFIX), key])
}
