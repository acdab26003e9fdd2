import { type Guard, guard } from '../core/guard.js'
import { getHost } from '../core/host.js'
import { chain } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import { AUTH_TIME_KEY } from '../core/user-mark.js'
import { ImproperlyConfigured, PermissionDenied } from '../errors.js'
import { getScopeUser } from './get-user.js'
import type { AuthPart } from './part.js'
import { userHasPerm } from './permissions.js'
import type { User } from './user.js'

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

/** Mirrors `redirect_to_login`. `next`: where to go afterwards; the page that was asked for unless given. */
export function redirectToLogin(scope: Scope, options: GuardOptions = {}, next?: string): PlainResponse {
  const { loginUrl, redirectFieldName = 'next' } = options
  const url = loginUrl ?? scope.site.settings.loginUrl
  const [page = '', fragment] = url.split('#', 2)
  const query = `${quote(redirectFieldName)}=${quote(next ?? nextOf(scope, url))}`
  const location = `${page}${page.includes('?') ? '&' : '?'}${query}${fragment === undefined ? '' : `#${fragment}`}`
  return { status: 302, headers: { Location: location }, body: '' }
}

/**
 * The login page, for somebody who is logged in and is not let pass. Where another site or a provider has that page, it is asked to show it: it
 * would send them straight back, and they would go round for ever.
 */
export function redirectAnew(
  scope: Scope,
  user: User | null,
  options: GuardOptions = {},
  next?: string,
): PlainResponse {
  const url = options.loginUrl ?? scope.site.settings.loginUrl
  const { delegated } = scope.site.part<AuthPart>('auth')
  if (user === null || !delegated.has(url.split(/[?#]/, 1)[0] as string)) return redirectToLogin(scope, options, next)
  return redirectToLogin(scope, { ...options, loginUrl: `${url}${url.includes('?') ? '&' : '?'}prompt=login` }, next)
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

/**
 * Lets who is logged in pass, and sends everybody else to the login page. A guard: a middleware for Express and its kin, elsewhere
 * `await loginRequired(request)`, or `requireLogin` where it takes options. Mirrors Django's `login_required`.
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
export const loginRequired = guard((request) => requireLogin(request))

/**
 * A guard that lets pass whom `test` says yes to, and sends everybody else to the login page. `test` is given the user, `null` for nobody. Mirrors
 * `user_passes_test`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { sojourn, userPassesTest } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * const ofTheHouse = userPassesTest((user) => user !== null && user.username.endsWith('@example.com'))
 * app.get('/staff', ofTheHouse, (_req, res) => {
 *   res.send('Hello, colleague')
 * })
 * ```
 */
export function userPassesTest(test: (user: User | null) => MaybePromise<boolean>, options: GuardOptions = {}): Guard {
  return guard((request) => {
    const scope = scopeOf(request)
    return chain(getScopeUser(scope), (user) =>
      chain(test(user), (isGood) => (isGood === true ? null : redirectAnew(scope, user, options))),
    )
  })
}

export interface PermissionOptions extends GuardOptions {
  /** Answers 403 (`PermissionDenied`) instead of sending to the login page. */
  readonly raiseException?: boolean
}

/**
 * A guard that lets pass who may do this, or all of these, by Django's permission tables. Mirrors `permission_required`; throws as `hasPerm`
 * does.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { permissionRequired, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.post('/order', permissionRequired('shop.change_order', { raiseException: true }), (_req, res) => {
 *   res.send('Changed')
 * })
 * ```
 */
export function permissionRequired(permission: string | readonly string[], options: PermissionOptions = {}): Guard {
  return guard((request) => {
    const scope = scopeOf(request)
    return chain(getScopeUser(scope), (user) =>
      chain(userHasPerm(scope, user, permission), (isGood) => {
        if (isGood) return null
        if (options.raiseException) throw new PermissionDenied()
        return redirectAnew(scope, user, options)
      }),
    )
  })
}

/**
 * A guard for what must not be done by whoever found an open browser: lets pass who has logged in within the last `seconds`, and sends everybody
 * else to the login page, also who is logged in for longer. Needs the setting `sessionAuthTime`; a login in a Django beside does not count.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { requireRecentAuth, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', sessionAuthTime: true }))
 * app.post('/account/delete', requireRecentAuth(300), (_req, res) => {
 *   res.send('Deleted')
 * })
 * ```
 */
export function requireRecentAuth(seconds: number, options: GuardOptions = {}): Guard {
  return guard((request) => {
    const scope = scopeOf(request)
    const { sessionAuthTime, clock } = scope.site.settings
    if (!sessionAuthTime) {
      throw new ImproperlyConfigured(
        'requireRecentAuth needs the setting sessionAuthTime true: else no session says when.',
      )
    }
    return chain(getScopeUser(scope), (user) => {
      const moment = scope.state.get(AUTH_TIME_KEY)
      const age = typeof moment === 'number' ? clock() / 1000 - moment : Number.POSITIVE_INFINITY
      // One that lies ahead is no proof of anything.
      return user !== null && age <= seconds && age > -60 ? null : redirectAnew(scope, user, options)
    })
  })
}
