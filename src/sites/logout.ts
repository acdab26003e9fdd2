import { logoutScope } from '../auth/login.js'
import * as commit from '../core/commit.js'
import { linkOf } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { userOf } from '../core/user-mark.js'
import { csrfAlways } from '../csrf/guards.js'
import { redirect } from './answers.js'
import type { Ground } from './ground.js'
import { groupFor } from './link.js'

/** Logs the visitor out everywhere: of all sites that this login reached, whatever machine they are on, without any of them being visited. */
export async function logout({ site }: Ground, scope: Scope): Promise<PlainResponse> {
  const refused = await csrfAlways(scope)
  if (refused !== null) return refused
  await commit.loadKnown(scope.state)
  const { state } = scope
  // A tab that came for its first ticket just now has given the login this group.
  const group = linkOf(state.cells())?.g ?? (userOf(state.cells()) === null ? undefined : groupFor(scope))
  // The others first: if that fails the visitor is still here, and can try again.
  if (group !== undefined) await site.sessions.endSessions({ group }, { last: state.key })
  await logoutScope(scope)
  site.emit('sso', { step: 'logout', request: scope.request })
  return redirect(site.settings.logoutRedirectUrl ?? '/')
}
