import { logoutScope } from '../auth/login.js'
import * as commit from '../core/commit.js'
import { type Link, linkOf } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { csrfAlways } from '../csrf/guards.js'
import { page, redirect } from '../sites/answers.js'
import { queryOf } from '../sites/ground.js'
import { isRandom } from '../sites/transaction.js'
import { type Ground, reasonOf, tell } from './ground.js'

/**
 * Logs the visitor out here, and then at the provider (OpenID Connect RP-Initiated Logout 1.0). The own session goes first: a provider that is
 * broken keeps nobody logged in.
 */
export async function logout(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const refusal = await csrfAlways(scope)
  if (refusal !== null) return refusal
  const { site, vault } = ground
  await commit.loadKnown(scope.state)
  const link = linkOf(scope.state.cells())
  // The others first: if that fails the visitor is still here, and can try again.
  if (link?.g !== undefined) await site.sessions.endSessions({ group: link.g }, { last: scope.state.key })
  await logoutScope(scope)
  tell(ground, scope, 'logout')
  if (link?.g === undefined) return redirect(homeOf(ground))
  const tokens = await vault.take(link.g)
  return redirect((await addressOf(ground, scope, link, tokens?.id)) ?? homeOf(ground))
}

/** Where the provider ends its own session; `null` where it began none, has no such page, or does not say. */
async function addressOf(ground: Ground, scope: Scope, { i, c }: Link, hint: string | undefined): Promise<URL | null> {
  const { provider, logouts, postLogoutUri } = ground
  try {
    const { client, config, issuer, clientId } = await provider.known()
    // The ID token of one provider is nothing for another.
    if (i !== issuer || c !== clientId) return null
    if (config.serverMetadata().end_session_endpoint === undefined) return null
    const returning = postLogoutUri === null ? {} : backTo(postLogoutUri, logouts.begin(scope, homeOf(ground)).state)
    return client.buildEndSessionUrl(config, { ...(hint === undefined ? {} : { id_token_hint: hint }), ...returning })
  } catch (error) {
    tell(ground, scope, 'reject', reasonOf(error))
    return null
  }
}

function backTo(address: URL, state: string): Record<string, string> {
  return { post_logout_redirect_uri: address.href, state }
}

/** The browser comes back from the provider's logout. It changes nothing, whoever leads here; a return that was not begun here is told so. */
export function loggedOut(ground: Ground, scope: Scope): PlainResponse {
  const state = queryOf(scope).get('state')
  const transaction = isRandom(state) ? ground.logouts.take(scope, state) : null
  if (transaction !== null) return redirect(transaction.next)
  tell(ground, scope, 'reject', 'transaction')
  return page(400, 'No logout was begun here', '<p>Nothing was changed.</p>')
}

function homeOf({ site }: Ground): string {
  return site.settings.logoutRedirectUrl ?? '/'
}
