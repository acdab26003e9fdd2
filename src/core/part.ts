import type { Scope } from './scope.js'
import type { MaybePromise, PlainResponse, ResponseHead } from './types.js'

export type PartName = 'csrf' | 'auth' | 'messages'

/**
 * Something that stands on the session: forms' tokens, login, messages. Parts meet in the request's scope and never know each
 * other; the scope finishes them in the order they are listed in, the session last.
 */
export interface Part {
  readonly name: PartName
  /** Before the handler. An answer given here is sent instead of the handler's. */
  begin?(scope: Scope): MaybePromise<PlainResponse | undefined>
  /** Before the head of the response leaves; only for requests in which the part kept something (`scope.keep`). */
  finish?(scope: Scope, response: ResponseHead): MaybePromise<void>
  /** A user has just logged in. */
  loggedIn?(scope: Scope): void
}
