import * as commit from '../core/commit.js'
import { chain } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { MaybePromise } from '../core/types.js'
import type { AuthPart } from './part.js'
import { SESSION_BACKEND, SESSION_HASH, SESSION_ID } from './session-keys.js'
import type { User } from './user.js'

/**
 * Who is logged in; `null` if nobody is. Looked up at most once in a request. Mirrors `django.contrib.auth.get_user`: a
 * session whose hash is not the user's any more (the password was changed) is ended here; one that was begun under
 * an older secret key gets a new key and a new hash; a user who is unknown or inactive, or whose backend is not listed, is nobody, and
 * the session stays as it is.
 *
 * With a store and backend that answer at once there is nothing to wait for; `await` it in any case. Throws
 * `StoreUnavailable` where it cannot be told, and is never `null` for that.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getUser, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/', async (req, res) => {
 *   const user = await getUser(req)
 *   res.send(user === null ? 'Hello, stranger' : `Hello, ${user.username}`)
 * })
 * ```
 */
export function getUser(request: object): MaybePromise<User | null> {
  return getScopeUser(scopeOf(request))
}

export function getScopeUser(scope: Scope): MaybePromise<User | null> {
  const part = scope.site.part<AuthPart>('auth')
  const { state } = scope
  return chain(commit.load(state), () => {
    const id = state.get(SESSION_ID)
    if (typeof id !== 'string') return null
    const visitor = part.visitor(scope)
    if (visitor.id === id) return visitor.user
    const backend = part.backends.get(String(state.get(SESSION_BACKEND)))
    if (backend === undefined) return null
    const user = chain(backend.getUser(id), (found) => verified(scope, part, id, found ?? null))
    visitor.found(id, user)
    return part.await(scope, user)
  })
}

/** The user who was found, if the session is still that user's. */
function verified(scope: Scope, part: AuthPart, id: string, user: User | null): MaybePromise<User | null> {
  const { state } = scope
  // Someone logged in or out while we asked: that is who is here now.
  if (state.get(SESSION_ID) !== id) return getScopeUser(scope)
  if (user === null) return null
  return chain(scope.site.sessions.isCutOff(id, state.cells()), (isCutOff) =>
    isCutOff ? chain(commit.flush(state), () => null) : withHash(scope, part, user),
  )
}

function withHash({ state }: Scope, part: AuthPart, user: User): MaybePromise<User | null> {
  const key = part.hashes.verify(state.get(SESSION_HASH), user)
  if (key === 'current') return user
  if (key === null) return chain(commit.flush(state), () => null)
  // Nothing can be sent any more: the next request will do it.
  if (state.held) return user
  state.put(SESSION_HASH, part.hashes.of(user))
  return chain(commit.cycleKey(state), () => user)
}
