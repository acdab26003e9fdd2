import { type Scope, scopeOf } from '../core/scope.js'
import { ImproperlyConfigured, LoginThrottled, PermissionDenied } from '../errors.js'
import type { AuthPart } from './part.js'
import { attemptOf } from './throttle.js'
import type { Credentials, User } from './user.js'

/** Through which backend a user was found, so that `login` need not be told. */
const foundBy = new WeakMap<User, string>()

/**
 * The user whom these credentials belong to, by the first backend that knows one; `null` if none does. Mirrors
 * `django.contrib.auth.authenticate`: a backend that throws `PermissionDenied` ends the search. Nobody is logged in by this: that is
 * `login(request, user)`. Throws `LoginThrottled` (429) where the setting `loginThrottle` says so, and `ImproperlyConfigured` where it is given
 * no object, as `req.body` is where nobody parsed it.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { authenticate, login, safeNext, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.post('/accounts/login/', express.urlencoded(), async (req, res) => {
 *   const { username, password, next } = req.body
 *   const user = await authenticate(req, { username, password })
 *   if (user === null) return void res.status(401).send('Wrong name or password.')
 *   await login(req, user)
 *   res.redirect(safeNext(req, next))
 * })
 * ```
 */
export async function authenticate(request: object, credentials: Credentials): Promise<User | null> {
  const scope = scopeOf(request)
  if (typeof credentials !== 'object' || credentials === null) {
    throw new ImproperlyConfigured(
      'authenticate was given no credentials: has a body parser run (express.urlencoded(), express.json())?',
    )
  }
  return authenticateScope(scope, credentials)
}

export async function authenticateScope(scope: Scope, credentials: Credentials): Promise<User | null> {
  const throttle = scope.site.settings.loginThrottle
  const attempt = attemptOf(scope, credentials)
  if (throttle === null || attempt === null) return found(scope, credentials)
  const wait = await throttle.retryAfter(attempt)
  // What is no number of seconds would let everybody pass.
  if (!Number.isFinite(wait)) {
    throw new ImproperlyConfigured('loginThrottle.retryAfter must give a number of seconds, 0 for none.')
  }
  if (wait > 0) {
    scope.site.emit('user_login_failed', { request: scope.request })
    throw new LoginThrottled(wait)
  }
  const user = await found(scope, credentials)
  await (user === null ? throttle.failed?.(attempt) : throttle.succeeded?.(attempt))
  return user
}

async function found({ site, request }: Scope, credentials: Credentials): Promise<User | null> {
  try {
    for (const backend of site.part<AuthPart>('auth').backends.values()) {
      const user = (await backend.authenticate(credentials, request)) ?? null
      if (user === null) continue
      foundBy.set(user, backend.path)
      return user
    }
  } catch (error) {
    if (!(error instanceof PermissionDenied)) throw error
  }
  site.emit('user_login_failed', { request })
  return null
}

/** The path of the backend that `authenticate` found this user by. */
export function backendOf(user: User): string | undefined {
  return foundBy.get(user)
}
