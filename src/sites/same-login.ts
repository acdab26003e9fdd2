import { getScopeUser } from '../auth/get-user.js'
import type { User } from '../auth/user.js'
import { type Link, linkOf } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'

/** What a login says of itself, as far as it tells it from another. */
export type Told = Pick<Link, 'g' | 'i' | 'c' | 's' | 'u'>

/**
 * Whether this session is the user's already, by the same login: another tab has come back before. Its pages are under way with the key that
 * it has; under a new one they would be nobody's, and their answers would take the new cookie away.
 */
export async function isSameLogin(scope: Scope, user: User, told: Told): Promise<boolean> {
  const { state } = scope
  const here = await getScopeUser(scope)
  if (here === null || String(here.id) !== String(user.id)) return false
  const link = linkOf(state.cells())
  const names = Object.keys(told) as (keyof typeof told)[]
  return link !== null && names.every((name) => link[name] === told[name])
}
