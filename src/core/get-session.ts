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
