import { redirectToLogin } from '../auth/guards.js'
import { safeNext } from '../auth/safe-next.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { redirect } from './answers.js'
import { type Ground, queryOf, route } from './ground.js'
import { challengeOf } from './transaction.js'

/** A visitor wants to log in here: the hub is asked for a ticket that is of use to this browser alone. */
export function begin(ground: Ground, scope: Scope): PlainResponse {
  const query = queryOf(scope)
  const next = safeNext(scope.request, query.get('next'))
  if (ground.registry.isHub) return redirectToLogin(scope, {}, next)
  return hop(ground, scope, next, query.get('prompt') === 'login' ? 'login' : undefined)
}

/** @param prompt whether the hub is to show no page (who is nobody there stays nobody here), or its login page whoever is there */
export function hop(
  { registry, transactions, site }: Ground,
  scope: Scope,
  next: string,
  prompt?: 'none' | 'login',
): PlainResponse {
  const { state, verifier } = transactions.begin(scope, next, prompt === 'login')
  const query = { site: registry.self.name, state, challenge: challengeOf(verifier) }
  site.emit('sso', { step: 'begin', request: scope.request })
  return redirect(route(registry.hub.base, 'grant', prompt === undefined ? query : { ...query, prompt }))
}
