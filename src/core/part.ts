import type { Scope } from './scope.js'
import type { MaybePromise, PlainResponse, ResponseHead } from './types.js'

export type PartName = 'csrf' | 'auth' | 'messages' | 'tokens'

/**
 * Something that stands on the session: forms' tokens, login, messages. Parts meet in the request's scope and never know each
 * other; the scope finishes them in the order they are listed in, the session last.
 */
export interface Part {
  readonly name: PartName
  /** Before anything looks at the request. An answer given here is sent instead of the handler's. Django's `process_request`. */
  begin?(scope: Scope): MaybePromise<PlainResponse | undefined>
  /** Right before the handler, once the body is parsed where something parses it. Django's `process_view`. */
  view?(scope: Scope): MaybePromise<PlainResponse | undefined>
  /** Before the head of the response leaves; only for requests in which the part kept something (`scope.keep`). */
  finish?(scope: Scope, response: ResponseHead): MaybePromise<void>
  /** A user has just logged in. */
  loggedIn?(scope: Scope): void
}

/** Whoever keeps something for a request and finishes with it, a part or a guest that no site lists. */
export type Keeper = Pick<Part, 'finish'>
