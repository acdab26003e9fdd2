import { loginScope } from '../auth/login.js'
import type { User } from '../auth/user.js'
import * as commit from '../core/commit.js'
import { END_KEY, EXPIRY_KEY } from '../core/expiry.js'
import type { Scope } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import type { PlainResponse } from '../core/types.js'
import { userOf } from '../core/user-mark.js'
import { constantTimeEqual } from '../wire/crypto.js'
import { redirect } from './answers.js'
import { type Ground, queryOf, rejected } from './ground.js'
import { ticketHolder } from './holder.js'
import { isSameLogin } from './same-login.js'
import { rest } from './silent.js'
import { sayOfLogin, type Ticket, takeTicket } from './tickets.js'
import { challengeOf, isRandom, isUnproved, type Transaction } from './transaction.js'

/**
 * The browser comes back from the hub. The ticket is used up before anything else is looked at: what fails here may be found in a log or a
 * history later, and must be worth nothing then.
 */
export async function callback(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const query = queryOf(scope)
  const secret = query.get('ticket')
  const ticket = isRandom(secret) ? await takeTicket(ground.site.store, secret) : null
  const state = query.get('state')
  const transaction = isRandom(state) ? ground.transactions.take(scope, state) : null
  if (transaction === null) return rejected(ground, scope, 'transaction')
  if (query.get('iss') !== ground.registry.hub.base.href) return rejected(ground, scope, 'issuer')
  if (query.get('error') === 'login_required' && secret === null) {
    rest(scope)
    return redirect(transaction.next)
  }
  return redeem(ground, scope, ticket, transaction)
}

async function redeem(
  ground: Ground,
  scope: Scope,
  ticket: Ticket | null,
  transaction: Transaction,
): Promise<PlainResponse> {
  const { verifier, next, fresh } = transaction
  if (ticket === null) return rejected(ground, scope, 'ticket')
  if (ticket.aud !== ground.registry.self.audience) return rejected(ground, scope, 'audience')
  if (!constantTimeEqual(challengeOf(verifier), ticket.challenge)) return rejected(ground, scope, 'verifier')
  if (isUnproved(scope, transaction, ticket.proved)) return rejected(ground, scope, 'unproved')
  const user = await ticketHolder(ground.site, ticket)
  if (user === null) return rejected(ground, scope, 'user')
  if (ground.mode === 'linked') await enter(scope, user, ticket, fresh)
  else if (!(await share(scope, ticket))) return rejected(ground, scope, 'session')
  ground.site.emit('sso', { step: 'redeem', request: scope.request })
  return redirect(next)
}

/** The visitor has the hub's own session from here on; false where that is over, or has become another's. */
async function share(scope: Scope, { key, user }: Ticket): Promise<boolean> {
  const isShared = key !== undefined && (await commit.adopt(scope.state, key, (cells) => userOf(cells) === user))
  if (isShared) scope.loggedIn()
  return isShared
}

async function enter(scope: Scope, user: User, ticket: Ticket, isFresh: boolean): Promise<void> {
  if (!isFresh && (await isSameLogin(scope, user, { g: ticket.gid }))) return sayOf(scope.state, ticket)
  await loginScope(scope, user, ticket.backend, (state) => sayOf(state, ticket))
}

/** What a session that comes of a ticket says of the login at the hub. */
export function sayOf(state: SessionState, ticket: Ticket): void {
  const { end, expiry } = ticket
  sayOfLogin(state, ticket)
  if (end === undefined) state.delete(END_KEY)
  else state.endAt(end)
  if (expiry !== undefined) state.put(EXPIRY_KEY, expiry)
}
