import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { page } from '../sites/answers.js'
import { queryOf } from '../sites/ground.js'
import { groupOf } from '../wire/link-names.js'
import { type Ground, tell } from './ground.js'
import { absent } from './login.js'
import type { Known } from './provider.js'

/** Characters below which the name of a provider's session could be guessed. */
const SHORTEST = 16

/**
 * The provider ends a session by a frame on its own page (OpenID Connect Front-Channel Logout 1.0). Browsers send no cookies to such frames,
 * so the session is found by the name that the provider has for it; whoever does not know that name ends nothing.
 */
export async function frontchannel(ground: Ground, scope: Scope): Promise<PlainResponse> {
  let known: Known
  try {
    known = await ground.provider.known()
  } catch (error) {
    return absent(ground, scope, error)
  }
  const { issuer, clientId } = known
  const framed = { 'Content-Security-Policy': `default-src 'none'; frame-ancestors ${new URL(issuer).origin}` }
  const query = queryOf(scope)
  const [sid, iss] = [query.get('sid'), query.get('iss')]
  // Entra sends none, which is why each provider has a path of its own.
  if (sid === null || sid.length < SHORTEST || (iss !== null && iss !== issuer)) {
    tell(ground, scope, 'reject', 'frontchannel')
    return page(400, 'Not logged out', '', framed)
  }
  const { sessions, store } = ground.site
  // Anybody may ask, and what is ended leaves a mark in the store: none for what was never begun.
  const members = await store.links.members(groupOf('sid', issuer, clientId, sid))
  if (members.length > 0) {
    await sessions.endSessions({ iss: issuer, clientId, sid })
    tell(ground, scope, 'frontchannel')
  }
  return page(200, 'Logged out', '', framed)
}
