import type { Session } from '../core/session-types.js'
import type { MaybePromise } from '../core/types.js'

/** As much of the old cookie's attributes as it takes to delete it: those that it was set with. */
export interface OldCookie {
  readonly domain?: string | undefined
  /** Default: `/`. */
  readonly path?: string | undefined
  readonly sameSite?: unknown
  readonly partitioned?: boolean | undefined
}

/** What is done with old sessions, wherever they were kept. */
export interface MoveOptions<Old extends object> {
  /**
   * Puts an old session's data into the new one; where it keeps nothing, the old session is left as it is. Runs once for each old session, and
   * is awaited. What it throws is the visitor's 500, and the next request tries again. Default: every value under its own key, but
   * for those that do not fit `sessionSchema`: each is told by the event `session_schema_mismatch` (`copyValues`).
   */
  readonly map?: (old: Old, session: Session, request: object) => unknown
  /** Attributes of the old cookie. */
  readonly cookie?: OldCookie | undefined
  /**
   * Leaves the old cookie and the old session where they are, so that the old application can come back: it finds its visitors as they were
   * when they moved. Default: false, both are deleted once the new session is stored.
   */
  readonly keep?: boolean | undefined
  /**
   * Seconds in which the old cookie still leads to the session it was moved to, from the first answer that tells of it: for requests that left the
   * browser before it had the new cookie, and answers that never arrived. Afterwards the old cookie is worth nothing. Default: 60.
   */
  readonly grace?: number | undefined
}

/** Where old sessions are kept, and how they are found. */
export interface OldSessions<Old extends object> {
  /** The name of the old cookie. */
  readonly name: string
  /** What names an old session, of the cookie's text; `null` for a text that is nobody's, which is ignored. Default: the text itself. */
  readonly idOf?: (text: string) => string | null
  /**
   * An old session's data; `null`, `undefined` or an empty object if there is none, also for a text that can be nobody's (with `idOf`): a
   * visitor may send any. What it throws, or takes too long for, is a 503, and a logout then remembers that text for 400 days.
   */
  readonly get: (id: string) => MaybePromise<Old | null | undefined>
  /** Forgets an old session. Absent where nothing is kept (sealed cookies). */
  readonly destroy?: (id: string) => MaybePromise<unknown>
  /** When an old session ends by itself, in milliseconds since 1970: until then it is remembered that it was moved. Default, also for `NaN`: `sessionCookieAge` from now. */
  readonly endOf?: (old: Old) => number | undefined
}

/** What `importSession` takes. */
export interface ImportOptions<Old extends object> extends OldSessions<Old>, MoveOptions<Old> {}

type Next = (error?: unknown) => void

/**
 * Moves the visitor's old session, if there is one. Called with the request alone it says whether this request goes on with a session that was
 * moved; `await` it before the handler. Called with `(request, response, next)` it is a middleware of Express and its kin.
 */
export interface SessionImport {
  (request: object): MaybePromise<boolean>
  (request: object, response: object, next: Next): void
}
