import type { MaybePromise } from '../core/types.js'

/** As much of a user as login needs. Whatever else a backend's users have, they have. */
export interface User {
  /** The primary key; the session holds its text. */
  readonly id: string | number
  readonly username: string
  /**
   * The stored hash, as it is now: the session is bound to it, so that a new password ends all other sessions. Keep it out
   * of anything that is printed or sent.
   */
  readonly password: string
  readonly isActive: boolean
  /** May do everything. */
  readonly isSuperuser?: boolean
}

/** Who has not logged in is nobody: `getUser` gives `null`, so that `if (user)` never lets a stranger pass. */
export type AnonymousUser = null

/** Under this key `authenticate` hands over a name that a trusted proxy vouches for. A symbol, because a submitted form may hold any text as a name. */
export const REMOTE_USER: unique symbol = Symbol('remote user')

/** What someone gives to prove who they are. A backend takes what it knows and passes the rest over. */
export interface Credentials {
  readonly username?: unknown
  readonly password?: unknown
  readonly [REMOTE_USER]?: string
  readonly [name: string]: unknown
}

/**
 * Who knows the users. Mirrors `django.contrib.auth.backends.BaseBackend`. Unknown users, wrong credentials and users who may not
 * log in (inactive ones) are `null`; a backend throws when it cannot tell, and `PermissionDenied` to stop the backends after it.
 */
export interface UserBackend {
  /** What the session keeps: Django's dotted path of the same backend, where both share sessions. */
  readonly path: string
  authenticate(credentials: Credentials, request?: object): MaybePromise<User | null>
  /** The user of a session, by the text of the primary key. Asked at most once in a request. */
  getUser(id: string): MaybePromise<User | null>
  /** What this user may do, each as `app_label.codename`. Absent where the backend knows of no permissions. */
  getAllPermissions?(user: User): MaybePromise<ReadonlySet<string>>
  /** Told after a login through this backend. */
  loggedIn?(user: User): MaybePromise<void>
}
