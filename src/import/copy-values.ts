import { scopeOf } from '../core/scope.js'
import { isOwnKey } from '../core/session.js'
import type { Session } from '../core/session-types.js'

/**
 * What is done without `map`: every value under its own key. What belongs to sojourn (`_auth_user_id` and its like) is left out: it comes of login,
 * forms and messages, and never of somebody's data. What does not fit `sessionSchema` is passed over as a stored value is, with the same
 * event: its visitor could do nothing about an error.
 *
 * @example
 * ```ts
 * import { copyValues, importExpressSession, type OldStore } from 'sojourn/import'
 *
 * export const importOld = (store: OldStore) =>
 *   importExpressSession<{ passport?: unknown; cart?: string[] }>({
 *     secret: 'the secret of express-session',
 *     store,
 *     map: ({ passport, ...rest }, session, request) => copyValues(rest, session, request),
 *   })
 * ```
 */
export function copyValues(old: object, session: Session, request: object): void {
  const { schema } = scopeOf(request).site.store
  for (const [key, value] of Object.entries(old)) {
    if (value === undefined || isOwnKey(key)) continue
    if (schema === null || schema.fits(key, value)) session.set(key, value)
  }
}
