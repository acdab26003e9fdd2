import * as commit from '../core/commit.js'
import { BIRTH_KEY, EXPIRY_KEY } from '../core/expiry.js'
import { chain, isPromise } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import type { Site } from '../core/site.js'
import type { MaybePromise } from '../core/types.js'
import { MARK_KEY } from '../core/user-mark.js'
import { ImproperlyConfigured, SessionSealed, TooManySessions } from '../errors.js'
import { constantTimeEqual } from '../wire/crypto.js'
import { backendOf } from './authenticate.js'
import { getScopeUser } from './get-user.js'
import type { AuthPart } from './part.js'
import { SESSION_BACKEND, SESSION_HASH, SESSION_ID } from './session-keys.js'
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

export function loginScope(scope: Scope, user: User, path?: string): MaybePromise<void> {
  const part = scope.site.part<AuthPart>('auth')
  refuseNobody(user)
  if (scope.state.held) throw new SessionSealed()
  const backend = chosenBackend(part, user, path)
  const { state } = scope
  const entered = chain(commit.load(state), () => {
    const id = String(user.id)
    // Who is in already, by this very password, is counted: such a login adds nothing.
    const isIn = isOf(state, id, part.hashes.of(user))
    return chain(isIn ? undefined : answersForLimit(scope, id), () => {
      const cycled = takeOver(state, backend.path, id, part.hashes.of(user))
      part.visitor(scope).found(id, user)
      scope.loggedIn()
      const kept = chain(cycled, () => (isIn ? undefined : keepToLimit(scope, id)))
      return chain(kept, () => noted(scope, backend, user))
    })
  })
  return part.await(scope, entered)
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

/** How often a login is tried again that met others of the same user in the same moment: together they would all be refused. */
const TRIES = 5
/** Milliseconds before that, at most. */
const LONGEST_PAUSE = 100
/** Milliseconds of what counts as one moment. */
const JUST_NOW = 10_000

function noted({ site, request }: Scope, backend: UserBackend, user: User): MaybePromise<void> {
  site.emit('user_logged_in', { user, request })
  return backend.loggedIn?.(user)
}

/** Where nobody can say how often the user is logged in, nothing is changed yet. */
function answersForLimit({ site }: Scope, user: string): MaybePromise<void> {
  return site.settings.maxSessionsPerUser === null ? undefined : chain(site.store.index.of(user), () => undefined)
}

/**
 * Ends the user's other sessions, or takes this login back, where there are more than `maxSessionsPerUser`; also where that cannot be told:
 * a store that fails lets nobody in beyond the limit.
 */
function keepToLimit({ site, state }: Scope, user: string): MaybePromise<void> {
  const { maxSessionsPerUser: limit, maxSessionsPerUserPolicy: policy } = site.settings
  if (limit === null) return
  const kept = policy === 'reject' ? enterOrLeave(site, state, user, limit) : enterAndEvict(site, state, user, limit)
  return kept.catch(async (error: unknown) => {
    await takeBack(state)
    throw error
  })
}

/** What the visitor had before the login stays, under another key. */
async function takeBack(state: SessionState): Promise<void> {
  const { key, store } = state
  try {
    await commit.withdraw(state)
    for (const each of [SESSION_ID, SESSION_BACKEND, SESSION_HASH, MARK_KEY]) state.delete(each)
    const isWorthKeeping = [...state.cells().keys()].some((each) => each !== BIRTH_KEY && each !== EXPIRY_KEY)
    if (isWorthKeeping) await commit.saveNow(state)
    else state.end()
  } catch {
    // No cookie names what the store still has. It would count as one more session of the user, so it goes when the store is back.
    state.end()
    if (key !== null) void untilDone(() => store.delete(key))
  }
}

/** Tries something that a store refuses for the moment again and again for half a minute, beside everything else. */
async function untilDone(step: () => MaybePromise<unknown>): Promise<void> {
  for (let tries = 0; tries < 30; tries++) {
    await new Promise<void>((resolve) => {
      const timer: { unref?(): void } = setTimeout(resolve, 1000)
      timer.unref?.()
    })
    try {
      await step()
      return
    } catch {
      // The next time.
    }
  }
}

async function enterAndEvict({ sessions }: Site, state: SessionState, user: string, limit: number): Promise<void> {
  await commit.saveNow(state)
  if (await sessions.evict(user, limit, state.key)) commit.interrupt(state)
}

/**
 * Whoever finds too many when it is in leaves again, so that there are never too many. Of logins of one moment each may find the others and
 * leave: then each tries again after a while of its own, and the last time it is refused.
 */
async function enterOrLeave(site: Site, state: SessionState, user: string, limit: number): Promise<void> {
  const justNow = site.settings.clock() - JUST_NOW
  for (let tries = 1; ; tries++) {
    await commit.saveNow(state)
    const all = await site.sessions.forUser(user)
    if (all.length <= limit) return
    const settled = all.filter(({ created }) => created.getTime() < justNow)
    if (settled.length >= limit || tries === TRIES) break
    await commit.withdraw(state)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_PAUSE))
  }
  throw new TooManySessions(limit)
}

/** Whether a session is this user's, under this password. */
function isOf(state: SessionState, id: string, hash: string): boolean {
  return state.get(SESSION_ID) === id && constantTimeEqual(String(state.get(SESSION_HASH)), hash)
}

function takeOver(state: SessionState, backend: string, id: string, hash: string): MaybePromise<void> {
  const isNobodys = state.get(SESSION_ID) === undefined
  const ended = isNobodys || isOf(state, id, hash) ? null : commit.flush(state)
  // All of it before the new key, so that the one record that is made holds it.
  state.put(SESSION_ID, id)
  state.put(SESSION_BACKEND, backend)
  state.put(SESSION_HASH, hash)
  // The index counts from this login.
  state.delete(MARK_KEY)
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
  if (state.held) throw new SessionSealed()
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
