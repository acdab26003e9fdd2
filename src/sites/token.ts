import type { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { PlainResponse } from '../core/types.js'
import { issue } from '../tokens/issue.js'
import { constantTimeEqual } from '../wire/crypto.js'
import type { Ground } from './ground.js'
import { ticketHolder } from './holder.js'
import { sayOfLogin, type Ticket, takeTicket } from './tickets.js'
import { challengeOf, isRandom } from './transaction.js'

/**
 * A program changes its ticket for a session token of its own: it alone knows the verifier. No cookie plays a part in it. Answers as RFC 6749
 * section 5 does.
 */
export async function token(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const { head, site, request } = scope
  const [secret, verifier] = [await head.formField('ticket'), await head.formField('verifier')]
  const ticket = isRandom(secret ?? null) ? await takeTicket(site.store, secret as string) : null
  const isOurs = ticket?.aud.startsWith('native:') === true && isRandom(verifier ?? null)
  if (!isOurs || !constantTimeEqual(challengeOf(verifier as string), ticket.challenge)) return invalid(ground, scope)
  const user = await ticketHolder(site, ticket)
  if (user === null) return invalid(ground, scope)
  const { aud, backend } = ticket
  const issued = await issue(request, { user, backend, aud, age: ageOf(site, ticket) }, (state) =>
    sayOfLogin(state, ticket),
  )
  site.emit('sso', { step: 'redeem', request })
  return json(200, { token: issued.token, token_type: 'Bearer', expires: issued.expires.toISOString() })
}

/** No longer than the login that it comes of. */
function ageOf({ settings }: Site, { end }: Ticket): number | undefined {
  if (end === undefined) return undefined
  return Math.max(1, Math.min(settings.sessionCookieAge, end - Math.floor(settings.clock() / 1000)))
}

function invalid({ site }: Ground, { request }: Scope): PlainResponse {
  site.emit('sso', { step: 'reject', reason: 'token', request })
  return json(400, { error: 'invalid_grant' })
}

function json(status: number, value: object): PlainResponse {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Pragma: 'no-cache' },
    body: JSON.stringify(value),
  }
}
