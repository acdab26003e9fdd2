import type { Scope } from '../../core/scope.js'
import type { MaybePromise, ResponseHead } from '../../core/types.js'
import { isReplaced, notOurs } from '../one-session.js'

/** The head of a response that may be given up before it leaves. */
export interface Droppable extends ResponseHead {
  /** Nobody will read the body; whatever makes it may stop. */
  drop?(): void
}

/**
 * The moment before a response leaves: the session is stored, and what the visitor is to know of it is said in the head, which is given back.
 * Where that fails the response is given up, and what `instead` makes of the error is given back; it tells the visitor of a key that has
 * changed, since that is stored already. `there` is what the page has left where its framework keeps the session.
 */
export async function finished<Head extends Droppable, Other extends ResponseHead>(
  scope: Scope,
  head: Head,
  instead: (error: unknown) => MaybePromise<Other>,
  there: unknown,
): Promise<Head | Other> {
  try {
    if (isReplaced(scope, scope.request, there)) throw notOurs()
    await scope.finish(head)
    return head
  } catch (error) {
    head.drop?.()
    const other = await instead(error)
    scope.salvage(other)
    return other
  }
}
