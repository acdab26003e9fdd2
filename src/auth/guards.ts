import { getHost } from '../core/host.js'
import { chain, isPromise } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import { getScopeUser } from './get-user.js'

export interface GuardOptions {
  /** Where to log in; the setting `loginUrl` unless given. */
  readonly loginUrl?: string
  /** The name under which the login page is told where to go afterwards. */
  readonly redirectFieldName?: string
}

/**
 * `null` for a visitor who is logged in; for anybody else the redirect to the login page that is to be sent instead. The core of
 * `loginRequired`, for any framework. Mirrors Django's `login_required`.
 *
 * @example
 * ```ts
 * import { requireLogin, sojourn } from 'sojourn/fetch'
 *
 * const withSession = sojourn({ secretKey: 'a long random text' })
 * const handler = withSession(async (request) => {
 *   const refused = await requireLogin(request)
 *   return refused === null ? new Response('Your account') : new Response(refused.body, refused)
 * })
 * ```
 */
export function requireLogin(request: object, options: GuardOptions = {}): MaybePromise<PlainResponse | null> {
  const scope = scopeOf(request)
  return chain(getScopeUser(scope), (user) => (user === null ? redirectToLogin(scope, options) : null))
}

/** Mirrors `redirect_to_login`. */
function redirectToLogin(scope: Scope, { loginUrl, redirectFieldName = 'next' }: GuardOptions): PlainResponse {
  const url = loginUrl ?? scope.site.settings.loginUrl
  const [page = '', fragment] = url.split('#', 2)
  const query = `${quote(redirectFieldName)}=${quote(nextOf(scope, url))}`
  const location = `${page}${page.includes('?') ? '&' : '?'}${query}${fragment === undefined ? '' : `#${fragment}`}`
  return { status: 302, headers: { Location: location }, body: '' }
}

/** The page that was asked for: its path, or all of its URL where the login page is on another site. */
function nextOf(scope: Scope, loginUrl: string): string {
  const path = scope.head.url
  if (!/^(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(loginUrl)) return path
  const here = `${scope.secure ? 'https' : 'http'}://${getHost(scope.head, scope.site.settings)}`
  return new URL(loginUrl, here).origin === new URL(here).origin ? path : here + path
}

/** Python's `quote(text, safe='/')`. */
function quote(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** As much of a Node response as a redirect needs. */
interface NodeResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/**
 * A middleware of Express and its kin: lets who is logged in pass, and sends everybody else to the login page. Elsewhere use
 * `requireLogin`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { loginRequired, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/account', loginRequired, (_req, res) => {
 *   res.send('Your account')
 * })
 * ```
 */
export function loginRequired(request: object, response: NodeResponse, next: (error?: unknown) => void): void {
  const answer = (refused: PlainResponse | null): void => {
    if (refused === null) {
      next()
      return
    }
    response.statusCode = refused.status
    for (const [name, value] of Object.entries(refused.headers)) response.setHeader(name, value)
    response.end(refused.body)
  }
  let refused: MaybePromise<PlainResponse | null>
  try {
    refused = requireLogin(request)
  } catch (error) {
    next(error)
    return
  }
  if (isPromise(refused)) refused.then(answer, next)
  else answer(refused)
}
