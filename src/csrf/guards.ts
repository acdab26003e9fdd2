import { guard } from '../core/guard.js'
import { chain } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import { partOf } from './part.js'

/**
 * Checks this request's token where the site does not by itself: with `csrf` left out of `middleware`, or on a path of `csrfExemptPaths`.
 * A guard: a middleware for Express, elsewhere `await csrfProtect(request)`, which is `null` or the refusal to send. Mirrors Django's
 * `csrf_protect`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { csrfProtect, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', middleware: ['sessions', 'auth'] }))
 * app.post('/buy', csrfProtect, (_req, res) => {
 *   res.send('Bought')
 * })
 * ```
 */
export const csrfProtect = guard((request) => checked(scopeOf(request)))

/**
 * `csrfProtect` for sojourn's own routes, whose forms have a token on every site: with `csrfMode: 'report-only'` too, nobody logs a visitor out,
 * or a program in, by a form of another site.
 */
export function csrfAlways(scope: Scope): MaybePromise<PlainResponse | null> {
  return checked(scope, true)
}

function checked(scope: Scope, always?: boolean): MaybePromise<PlainResponse | null> {
  const part = partOf(scope)
  part.prepare(scope)
  return chain(part.check(scope, always), (refused) => refused ?? null)
}

/**
 * Sends the cookie with this response though no page of it shows a token: for scripts that read it from the cookie. A guard that lets
 * everybody pass. Mirrors Django's `ensure_csrf_cookie`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { ensureCsrfCookie, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/', ensureCsrfCookie, (_req, res) => {
 *   res.send('<script src="/app.js"></script>') // uses csrfFetch of sojourn/browser
 * })
 * ```
 */
export const ensureCsrfCookie = guard((request) => {
  const scope = scopeOf(request)
  const part = partOf(scope)
  part.prepare(scope)
  return chain(part.send(scope), () => null)
})

/**
 * Makes sure that a page can show a token where the site does not check by itself, without ever refusing the request: for error pages.
 * A guard that lets everybody pass. Mirrors Django's `requires_csrf_token`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { csrfInput, requiresCsrfToken, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', middleware: ['sessions', 'auth'] }))
 * app.use(requiresCsrfToken, (req, res) => {
 *   res.status(404).send(`Nothing here. <form method="post" action="/search">${csrfInput(req)}<input name="q"></form>`)
 * })
 * ```
 */
export const requiresCsrfToken = guard((request) => {
  const scope = scopeOf(request)
  partOf(scope).prepare(scope)
  return null
})
