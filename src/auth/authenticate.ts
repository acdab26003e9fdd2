import { type Scope, scopeOf } from '../core/scope.js'
import { PermissionDenied } from '../errors.js'
import type { AuthPart } from './part.js'
import type { Credentials, User } from './user.js'

/** Through which backend a user was found, so that `login` need not be told. */
const foundBy = new WeakMap<User, string>()

/**
 * The user whom these credentials belong to, by the first backend that knows one; `null` if none does. Mirrors
 * `django.contrib.auth.authenticate`: a backend that throws `PermissionDenied` ends the search. Nobody is logged in by this: that is
 * `login(request, user)`.
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
  return authenticateScope(scopeOf(request), credentials)
}

export async function authenticateScope(scope: Scope, credentials: Credentials): Promise<User | null> {
  const { site, request } = scope
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
