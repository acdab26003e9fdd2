import { scopeOf } from '../core/scope.js'
import { exempt } from './exempt.js'
import { partOf } from './part.js'
import { FORM_FIELD } from './verify.js'

export type { Guard } from '../core/guard.js'
export { csrfFailure } from './failure-page.js'
export { csrfProtect, ensureCsrfCookie, requiresCsrfToken } from './guards.js'
export { type CsrfReasonCode, csrfReasonCode } from './reasons.js'

/**
 * The token for a form or a script of this response, masked anew at each call, so that no page shows the same twice. The
 * secret behind it is stored or renewed with the response. Mirrors `django.middleware.csrf.get_token`.
 *
 * Throws `NoScope` without the middleware; with `csrfUseSessions` `SessionNotLoaded` before an asynchronous session is loaded, and `SessionSealed` where a new secret comes too late.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getToken, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/token', (req, res) => {
 *   res.json({ token: getToken(req) }) // to be sent as the header X-CSRFToken
 * })
 * ```
 */
export function getToken(request: object): string {
  const scope = scopeOf(request)
  return partOf(scope).token(scope)
}

/**
 * The hidden field that every form which posts to this site needs: ready HTML. Mirrors Django's `{% csrf_token %}`; throws
 * as `getToken` does.
 *
 * @example
 * ```ts
 * import { csrfInput } from 'sojourn/csrf'
 *
 * const form = (request: Request) => `<form method="post">${csrfInput(request)}<button>Buy</button></form>`
 * ```
 */
export function csrfInput(request: object): string {
  return `<input type="hidden" name="${FORM_FIELD}" value="${getToken(request)}">`
}

/**
 * The attributes of that field, for JSX and whatever else makes HTML of values; throws as `getToken` does.
 *
 * @example
 * ```tsx
 * <form method="post">
 *   <input {...csrfField(request)} />
 * </form>
 * ```
 */
export function csrfField(request: object): { readonly type: 'hidden'; readonly name: string; readonly value: string } {
  return { type: 'hidden', name: FORM_FIELD, value: getToken(request) }
}

/**
 * Replaces the visitor's secret, after which forms made before are refused. `login` does so by itself. Mirrors
 * `django.middleware.csrf.rotate_token`; throws as `getToken` does.
 */
export function rotateToken(request: object): void {
  const scope = scopeOf(request)
  partOf(scope).rotate(scope)
}

/**
 * Lets this request pass without a token: for webhooks and the like, which prove themselves in another way. To be called
 * with the raw request before sojourn's middleware sees it; later it has no effect. Mirrors Django's `csrf_exempt`. Where the paths are
 * known beforehand, `csrfExemptPaths: ['/hook']` is simpler.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { csrfExempt, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.post('/hook', (req, _res, next) => {
 *   csrfExempt(req)
 *   next()
 * })
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * ```
 */
export function csrfExempt(request: object): void {
  exempt(request)
}
