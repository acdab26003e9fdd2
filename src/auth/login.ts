import * as commit from '../core/commit.js'
import { LINK_KEY, type Link, linkOf, membershipsOf } from '../core/link-mark.js'
import { isAlive } from '../core/links.js'
import { chain, isPromise } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import type { MaybePromise } from '../core/types.js'
import { AUTH_TIME_KEY, MARK_KEY } from '../core/user-mark.js'
import { ImproperlyConfigured } from '../errors.js'
import { constantTimeEqual } from '../wire/crypto.js'
import { groupOfKey } from '../wire/link-names.js'
import { backendOf } from './authenticate.js'
import { getScopeUser } from './get-user.js'
import type { AuthPart } from './part.js'
import { SESSION_BACKEND, SESSION_HASH, SESSION_ID } from './session-keys.js'
import { enterWithinLimit } from './session-limit.js'
import type { User, UserBackend } from './user.js'

/**
 * Makes this session the user's. Mirrors `django.contrib.auth.login`: what an anonymous visitor had in the session stays; the session of
 * another user, or of this user under another password, is ended and a new one begun. The key always changes, also when the same
 * user logs in again, which in Django keeps it: whoever knew the old key has nothing (session fixation). Forms'
 * tokens are renewed too.
 *
 * @param backend the path of the user's backend; needed only with several backends, for a user who does not come from `authenticate`
 *
 * Awaited before the response if you do not. Throws `ImproperlyConfigured` for what is no user, or no listed backend.
 */
export function login(request: object, user: User, backend?: string): MaybePromise<void> {
  return loginScope(scopeOf(request), user, backend)
}

/** `also`: what the session is to say of this login besides, in the one record that is made of it. */
export function loginScope(
  scope: Scope,
  user: User,
  path?: string,
  also?: (state: SessionState) => void,
): MaybePromise<void> {
  const part = scope.site.part<AuthPart>('auth')
  refuseNobody(user)
  if (scope.state.held) throw scope.state.refusal()
  const backend = chosenBackend(part, user, path)
  const { state } = scope
  const begun = chain(commit.load(state), () => leaveEnded(state))
  const entered = chain(begun, () => {
    const id = String(user.id)
    const say = (): void => {
      also?.(state)
      if (part.linksLogins && linkOf(state.cells()) === null) state.put(LINK_KEY, newLink(scope))
    }
    const become = (): MaybePromise<void> => {
      const cycled = takeOver(scope, backend.path, id, part.hashes.of(user), say)
      part.visitor(scope).found(id, user)
      scope.loggedIn()
      return cycled
    }
    const enter = (): MaybePromise<void> => chain(endAnothers(scope, id), become)
    return chain(enterWithinLimit(scope, user, enter), () => noted(scope, backend, user))
  })
  return part.await(scope, entered)
}

/** What a session says of a login of this moment, which is of no group yet. */
export function newLink({ site }: Scope): Link {
  return { a: site.store.moments.ofLogin() }
}

/** A session without a name in it would be somebody's all the same: `login(request, null)` must not pass. */
function refuseNobody(user: User): void {
  const { id, password } = (user ?? {}) as Partial<User>
  const named = typeof id === 'number' ? Number.isFinite(id) : typeof id === 'string' && id !== ''
  if (!named || typeof password !== 'string') {
    throw new ImproperlyConfigured(
      'login takes a user with an id and a password hash; authenticate gives null for nobody.',
    )
  }
}

function chosenBackend({ backends }: AuthPart, user: User, path: string | undefined): UserBackend {
  const only = backends.size === 1 ? [...backends.keys()][0] : undefined
  const wanted = path ?? backendOf(user) ?? only
  if (wanted === undefined) {
    throw new ImproperlyConfigured(
      'There are several authenticationBackends, so login must be told the path of the one that the user belongs to.',
    )
  }
  const backend = backends.get(wanted)
  if (backend === undefined)
    throw new ImproperlyConfigured(`login was told a backend that authenticationBackends has not: '${wanted}'.`)
  return backend
}

function noted({ site, request }: Scope, backend: UserBackend, user: User): MaybePromise<void> {
  site.emit('user_logged_in', { user, request })
  return backend.loggedIn?.(user)
}

/** A login over several sites that was ended elsewhere is not gone on with by the next one. */
function leaveEnded(state: SessionState): MaybePromise<void> {
  const { store } = state
  const memberships = membershipsOf(state.cells(), store.groupOf)
  if (memberships.length === 0) return
  return chain(isAlive(store.links, memberships), (alive) => {
    if (!alive) state.delete(LINK_KEY)
  })
}

/**
 * Ends what came of somebody else's login on other sites: they are not at this browser any more. Before their session here ends, so that whoever
 * is told that it failed can try again.
 */
function endAnothers({ state, site }: Scope, id: string): MaybePromise<void> {
  const before = state.get(SESSION_ID)
  if (before === undefined || before === id) return
  const { linksLogins } = site.part<AuthPart>('auth')
  // A tab that came for its first ticket just now has given the login the group of its key.
  const key = linksLogins && !site.engine.stateless ? state.key : null
  const group = linkOf(state.cells())?.g ?? (key === null ? undefined : groupOfKey(key))
  if (group === undefined) return
  return site.sessions.endSessions({ group }, { last: state.key }).then(() => undefined)
}

/** Ends the user's own session of another password. What it has on other sites is the same login's as before. */
function leaveToOneself(scope: Scope): MaybePromise<void> {
  const { state } = scope
  const g = linkOf(state.cells())?.g
  const flushed = commit.flush(state)
  if (g !== undefined) state.put(LINK_KEY, { ...newLink(scope), g })
  return flushed
}

function takeOver(scope: Scope, backend: string, id: string, hash: string, say: () => void): MaybePromise<void> {
  const { state, site } = scope
  const before = state.get(SESSION_ID)
  const ours = before === id && constantTimeEqual(String(state.get(SESSION_HASH)), hash)
  const leave = (): MaybePromise<void> => (before === id ? leaveToOneself(scope) : commit.flush(state))
  const ended = before === undefined || ours ? null : leave()
  // All of it before the new key, so that the one record that is made holds it.
  state.put(SESSION_ID, id)
  state.put(SESSION_BACKEND, backend)
  state.put(SESSION_HASH, hash)
  const { sessionAuthTime, clock } = site.settings
  if (sessionAuthTime) state.put(AUTH_TIME_KEY, Math.floor(clock() / 1000))
  // The index counts from this login.
  state.delete(MARK_KEY)
  say()
  // Whoever ended the old session meanwhile does not undo a login that has just been proved.
  return ended === null ? commit.cycleKey(state, 'keep') : ended
}

/**
 * Ends the session: the data go, the record is deleted, the key is worth nothing any more. Mirrors
 * `django.contrib.auth.logout`. Awaited before the response if you do not. Listeners of `user_logged_out` are told the user where this
 * request has looked it up, else `null`: leaving does not depend on the user table.
 */
export function logout(request: object): MaybePromise<void> {
  return logoutScope(scopeOf(request))
}

export function logoutScope(scope: Scope): MaybePromise<void> {
  const { site, state, request } = scope
  const { user = null } = scope.kept<{ user: MaybePromise<User | null> }>(site.part('auth')) ?? {}
  const ended = commit.flush(state)
  site.emit('user_logged_out', { user: isPromise(user) ? null : user, request })
  return ended
}

/**
 * After a change of the password: gives this session a new key and, if it is this user's, the new hash, so that it goes on while all
 * other sessions of the user end. Mirrors `update_session_auth_hash`. Ask `getUser(request)` before the password changes: afterwards the
 * session's old hash no longer fits, and the session counts as somebody else's.
 *
 * @param user the user as it is stored now, as `setPassword` returns it
 */
export function updateSessionAuthHash(request: object, user: User): MaybePromise<void> {
  const scope = scopeOf(request)
  const part = scope.site.part<AuthPart>('auth')
  const { state } = scope
  if (state.held) throw state.refusal()
  // A session that was not this user's before is not made so by a new password.
  const renewed = chain(getScopeUser(scope), (current) => {
    const id = String(user.id)
    if (current !== null && String(current.id) === id) {
      state.put(SESSION_HASH, part.hashes.of(user))
      part.visitor(scope).found(id, user)
    }
    return commit.cycleKey(state)
  })
  return part.await(scope, renewed)
}
