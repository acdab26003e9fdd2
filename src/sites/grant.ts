import { getScopeUser } from '../auth/get-user.js'
import { redirectAnew, redirectToLogin } from '../auth/guards.js'
import { SESSION_BACKEND, SESSION_HASH } from '../auth/session-keys.js'
import type { User } from '../auth/user.js'
import { absoluteEnd, ownExpiry } from '../core/expiry.js'
import { linkOf } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { AUTH_TIME_KEY } from '../core/user-mark.js'
import { csrfAlways } from '../csrf/guards.js'
import { page, redirect } from './answers.js'
import { confirmation } from './confirm.js'
import { type Ground, queryOf, rejected, route } from './ground.js'
import { linkSession } from './link.js'
import { type Member, ownRedirect } from './registry.js'
import { issueTicket, type Ticket } from './tickets.js'
import { isRandom } from './transaction.js'

/** What a member asks the hub for. */
interface Wish {
  readonly member: Member
  readonly state: string
  readonly challenge: string
  /** Where the answer goes: of a site the route that the registry has, of a program one of its own URIs. */
  readonly callback: URL
  readonly prompt: 'none' | 'login' | undefined
}

/** The hub gives whoever is logged in here a ticket for a member; everybody else its own login page first. */
export async function grant(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const wish = wishOf(ground, scope)
  // A token is for one audience and for so long; it shall not buy another.
  if (wish === null || scope.byHeader) return rejected(ground, scope, 'wish')
  const user = await getScopeUser(scope)
  // Whoever was nobody is not to see the login page twice.
  if (wish.prompt === 'login') return redirectAnew(scope, user, {}, withoutPrompt(scope))
  if (user === null) {
    return wish.prompt === 'none' ? answer(ground, wish, { error: 'login_required' }) : redirectToLogin(scope)
  }
  // Any program may claim a scheme, so the user is asked which one it is.
  if (wish.member.base === null) {
    if (scope.head.method !== 'POST') return confirmation(scope, wish.member.name, wish.callback)
    const unasked = await csrfAlways(scope)
    if (unasked !== null) return unasked
  }
  const ticket = await issueTicket(scope, ticketFor(ground, scope, wish, user))
  if (ticket === null) return page(429, 'Too many logins at once', '<p>Please wait half a minute and try again.</p>')
  ground.site.emit('sso', { step: 'grant', request: scope.request })
  return answer(ground, wish, { ticket })
}

function wishOf({ registry }: Ground, scope: Scope): Wish | null {
  const query = queryOf(scope)
  const member = registry.member(query.get('site'))
  const [state, challenge] = [query.get('state'), query.get('challenge')]
  if (member === undefined || !isRandom(state) || !isRandom(challenge)) return null
  const callback = member.base === null ? ownRedirect(member, query.get('redirect')) : route(member.base, 'callback')
  const asked = query.get('prompt')
  const prompt = member.base !== null && (asked === 'none' || asked === 'login') ? asked : undefined
  return callback === null ? null : { member, state, challenge, callback, prompt }
}

/** Where to come back to from the login page, which then has been shown. */
function withoutPrompt({ head }: Scope): string {
  const url = new URL(head.url, 'http://localhost')
  url.searchParams.delete('prompt')
  return url.pathname + url.search
}

function ticketFor({ mode }: Ground, scope: Scope, { member, challenge }: Wish, { id }: User): Ticket {
  const { state } = scope
  const { g, a, i, c, s, u, t } = linkSession(scope, linkOf(state.cells()) ?? {})
  const cells = state.cells()
  const end = absoluteEnd(cells, scope.site.settings)
  const expiry = ownExpiry(cells, scope.site.settings)
  const proved = state.get(AUTH_TIME_KEY)
  return {
    aud: member.audience,
    challenge,
    user: String(id),
    backend: String(state.get(SESSION_BACKEND)),
    hash: String(state.get(SESSION_HASH)),
    at: a,
    gid: g,
    ...(i === undefined ? {} : { provider: { i, c, s, u, t } }),
    ...(end === null ? {} : { end: end / 1000 }),
    ...(expiry === null ? {} : { expiry }),
    ...(typeof proved === 'number' ? { proved } : {}),
    ...(mode === 'shared' && member.base !== null ? { key: state.key as string } : {}),
  }
}

function answer(
  { registry }: Ground,
  { callback, state }: Wish,
  said: Readonly<Record<string, string>>,
): PlainResponse {
  const url = new URL(callback)
  for (const [name, value] of Object.entries({ ...said, state, iss: registry.hub.base.href })) {
    url.searchParams.set(name, value)
  }
  return redirect(url)
}
