import { load } from './commit.js'
import { chain } from './maybe.js'
import { scopeOf } from './scope.js'
import type { Session, SessionData } from './session-types.js'
import type { MaybePromise } from './types.js'

/**
 * The session of a request, loaded. With an engine that answers at once it is there without waiting; `await` it in any case. Throws
 * `NoScope` without the middleware, `StoreUnavailable` if the store fails.
 */
export function getSession<T extends object = SessionData>(request: object): MaybePromise<Session<T>> {
  const { session, state } = scopeOf(request)
  return chain(load(state), () => session as unknown as Session<T>)
}

/**
 * Whether the store could not be asked for the session of this request, so that it is empty or old and cannot be changed. Happens only with
 * `sessionOnStoreError: 'read-only'`; a page may then say that nobody can log in for a moment.
 */
export function isSessionUnavailable(request: object): boolean {
  return scopeOf(request).state.unavailable !== null
}
