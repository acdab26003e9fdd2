import * as commit from '../core/commit.js'
import { chain } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { MaybePromise } from '../core/types.js'
import { authenticateScope } from './authenticate.js'
import { getScopeUser } from './get-user.js'
import { loginScope, logoutScope } from './login.js'
import type { ModelBackend } from './model-backend.js'
import { SESSION_BACKEND } from './session-keys.js'
import { type Credentials, REMOTE_USER, type User, type UserBackend } from './user.js'

/**
 * Users whom a trusted proxy names, made at their first visit unless `createUnknownUser` is false. Mirrors
 * `django.contrib.auth.backends.RemoteUserBackend`. It knows nobody by a password.
 */
export class RemoteUserBackend implements UserBackend {
  readonly path: string = 'django.contrib.auth.backends.RemoteUserBackend'
  readonly #users: ModelBackend
  readonly #createUnknownUser: boolean

  constructor(users: ModelBackend, options: { readonly createUnknownUser?: boolean } = {}) {
    this.#users = users
    this.#createUnknownUser = options.createUnknownUser ?? true
  }

  authenticate(credentials: Credentials): MaybePromise<User | null> {
    const name = credentials[REMOTE_USER]
    if (name === undefined || name === '') return null
    const user = this.#createUnknownUser ? this.#users.getOrCreate(name) : this.#users.getByUsername(name)
    return chain(user, (found) => (found?.isActive ? found : null))
  }

  getUser(id: string): MaybePromise<User | null> {
    return this.#users.getUser(id)
  }

  loggedIn(user: User): MaybePromise<void> {
    return this.#users.loggedIn(user)
  }
}

/**
 * Before the handler: the session is made to be the one of the user whom the proxy names now. Mirrors `RemoteUserMiddleware`.
 * Another name, or none any more, ends the session first, so that nobody goes on as whoever sat there before (CVE-2014-0482).
 */
export function followRemoteUser(
  scope: Scope,
  header: string,
  backends: ReadonlyMap<string, UserBackend>,
): MaybePromise<undefined> {
  const name = scope.head.header(header)
  if (name === undefined || name === '') return leave(scope, backends)
  return chain(getScopeUser(scope), (user) => {
    if (user?.username === name) return undefined
    const left = user === null ? undefined : logoutScope(scope)
    return chain(left, () => enter(scope, name))
  })
}

function enter(scope: Scope, name: string): Promise<undefined> {
  return authenticateScope(scope, { [REMOTE_USER]: name }).then(async (user) => {
    if (user !== null) await loginScope(scope, user)
    return undefined
  })
}

/** Nobody is named: whoever was logged in by name is logged out; who logged in by password stays. */
function leave(scope: Scope, backends: ReadonlyMap<string, UserBackend>): MaybePromise<undefined> {
  const { state } = scope
  if (state.key === null) return undefined
  return chain(commit.load(state), () => {
    const backend = backends.get(String(state.get(SESSION_BACKEND)))
    return backend instanceof RemoteUserBackend ? chain(logoutScope(scope), () => undefined) : undefined
  })
}
