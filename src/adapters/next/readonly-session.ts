import type { Known, ReservedName, SessionData, SessionMethods } from '../../core/session-types.js'

/** What a session says without being changed. */
type Reading =
  | 'accessed'
  | 'get'
  | 'has'
  | 'isEmpty'
  | 'getExpiryAge'
  | 'getExpiryDate'
  | 'getExpireAtBrowserClose'
  | 'getSessionCookieAge'
  | 'testCookieWorked'

/** A value, and whatever is in it, to be read. */
export type Frozen<T> = T extends (...given: never[]) => unknown
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

type FrozenData<T extends object> = { readonly [K in keyof Known<T>]: Frozen<Known<T>[K]> }

/** A session that can only be read, as in a server component: what would change it does not compile, and throws `SessionReadOnly`. */
export type ReadonlySession<T extends object = SessionData> = Pick<SessionMethods<FrozenData<T>>, Reading> & {
  readonly [K in Exclude<keyof Known<T>, ReservedName>]?: Frozen<Known<T>[K]>
} & Iterable<[string, unknown]>
