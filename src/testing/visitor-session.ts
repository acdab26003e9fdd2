import { loginScope } from '../auth/login.js'
import type { AuthPart } from '../auth/part.js'
import type { User } from '../auth/user.js'
import { dictionary } from '../core/dictionary.js'
import type { Session } from '../core/session-types.js'
import type { Site } from '../core/site.js'
import { findCookie } from '../wire/cookies.js'
import { PeekedState } from './peeked-state.js'
import { unseenVisit, type Visiting } from './unseen-visit.js'

/** A visitor's session, as the store has it now; to look at. Looking is no visit: it moves no end. */
export async function peekSession(site: Site, { cookies }: Visiting): Promise<Session> {
  const { store, settings } = site
  const cookie = findCookie(cookies.header(settings.sessionCookiePath), settings.sessionCookieName)
  const state = new PeekedState(store, store.keyOf(cookie))
  store.settle(state, state.key === null ? null : await store.load(state.key))
  return dictionary(state)
}

/** Django's `force_login`: without a backend the user is taken to be of the first one. */
export function forceLogin(site: Site, visitor: Visiting, user: User, backend?: string): Promise<void> {
  const [first] = site.part<AuthPart>('auth').backends.keys()
  return unseenVisit(site, visitor, (scope) => loginScope(scope, user, backend ?? first))
}
