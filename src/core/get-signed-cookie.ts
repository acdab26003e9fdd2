import { unsignCookieValue } from '../wire/signed-cookie.js'
import { scopeOf } from './scope.js'

/**
 * The value of a signed cookie of the request; `undefined` if there is none, if it was not signed with the site's keys and this
 * salt, or longer than `maxAge` seconds ago. Django's `request.get_signed_cookie`; `signCookieValue` makes one.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getSignedCookie, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/', (req, res) => {
 *   res.send(getSignedCookie(req, 'language', { maxAge: 86400 }) ?? 'en')
 * })
 * ```
 */
export function getSignedCookie(
  request: object,
  name: string,
  options: { readonly salt?: string; readonly maxAge?: number } = {},
): string | undefined {
  const scope = scopeOf(request)
  const text = scope.cookie(name)
  if (text === undefined) return undefined
  const {
    secretKey: key,
    secretKeyFallbacks: fallbackKeys,
    signedCookieLegacySaltFallback,
    clock,
  } = scope.site.settings
  const keys = { key, fallbackKeys, legacySalt: signedCookieLegacySaltFallback, now: clock }
  return unsignCookieValue(name, text, { ...keys, ...options }) ?? undefined
}
