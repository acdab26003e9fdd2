import { escapeHtml } from '../core/failure.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { page, redirect, refused } from '../sites/answers.js'
import { queryOf } from '../sites/ground.js'
import { rest } from '../sites/silent.js'
import { isRandom, isUnproved, type Transaction } from '../sites/transaction.js'
import { recordOf } from '../wire/link-names.js'
import { enter } from './enter.js'
import { type Claims, type Ground, reasonOf, tell } from './ground.js'
import { nonceOf } from './login.js'
import type { TokenResponse } from './openid-client.js'
import type { Known } from './provider.js'

/** What a provider says that was asked to show no page, and would have had to. */
const WOULD_ASK = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required']

/** What a provider says of a site that is registered there in another way, which whoever runs it is to hear. */
const OURS = ['invalid_client', 'unauthorized_client', 'invalid_redirect_uri']

/** The browser comes back from the provider. A login is good for one return, whatever becomes of it. */
export async function callback(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const query = queryOf(scope)
  const state = query.get('state')
  const transaction = isRandom(state) ? ground.logins.take(scope, state) : null
  if (transaction === null) return rejected(ground, scope, 'transaction')
  // Without a code nothing is asked of anybody, and nothing is kept of it.
  if (query.get('code') !== null && !(await isFirst(ground, transaction))) return rejected(ground, scope, 'used')
  let known: Known
  let tokens: TokenResponse
  let claims: Claims
  try {
    known = await ground.provider.known()
    tokens = await redeemed(ground, scope, known, transaction)
    claims = await claimsOf(ground, known, tokens)
  } catch (error) {
    const reason = reasonOf(error)
    if (OURS.includes(reason)) ground.site.failed(error, scope.request)
    if (!WOULD_ASK.includes(reason)) return rejected(ground, scope, reason)
    rest(scope)
    return redirect(transaction.next)
  }
  const user = await ground.rules.mapUser(claims, scope.request)
  if (user === null || !user.isActive) return unknown(ground, scope)
  if (isUnproved(scope, transaction, claims['auth_time'])) return unproved(ground, scope)
  await enter(ground, scope, { known, tokens, claims, user, transaction })
  tell(ground, scope, 'login')
  return arrived(scope, transaction.next)
}

/** The cookie of a transaction can be copied before it is taken away, so that it is used is kept here too. */
async function isFirst({ site }: Ground, { state, ends }: Transaction): Promise<boolean> {
  return site.store.links.add(recordOf('oidc', state), '1', Math.ceil(ends))
}

/** Everything that OpenID Connect has to say about an answer: issuer (RFC 9207), state, code and verifier, the ID token and its signature. */
async function redeemed(
  { redirectUri, rules }: Ground,
  { head }: Scope,
  { client, config }: Known,
  { state, verifier }: Transaction,
): Promise<TokenResponse> {
  const here = new URL(redirectUri)
  here.search = new URL(head.url, redirectUri).search
  return client.authorizationCodeGrant(config, here, {
    expectedState: state,
    expectedNonce: nonceOf(verifier),
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
    maxAge: rules.maxAge,
  })
}

/** What the ID token says, over what the provider's userinfo adds. */
async function claimsOf({ rules }: Ground, { client, config }: Known, tokens: TokenResponse): Promise<Claims> {
  const claims = tokens.claims() as Claims
  if (!rules.userInfo) return claims
  return { ...(await client.fetchUserInfo(config, tokens.access_token, claims.sub)), ...claims }
}

/** What a browser would not send with a redirect that began elsewhere, it sends with a page that this site leads it to. */
function arrived({ site }: Scope, next: string): PlainResponse {
  if (site.settings.sessionCookieSamesite !== 'Strict') return redirect(next)
  const path = escapeHtml(next)
  return page(200, 'Logged in', `<meta http-equiv="refresh" content="0;url=${path}"><p><a href="${path}">Go on</a></p>`)
}

/** The provider knows the user, and this site does not. */
function unknown(ground: Ground, scope: Scope): PlainResponse {
  tell(ground, scope, 'reject', 'user')
  return page(403, 'No account here', '<p>You are logged in at your provider, and have no account on this site.</p>')
}

/** Somebody was to prove anew who they are. If they were let in without that they would be sent back for it, again and again. */
function unproved(ground: Ground, scope: Scope): PlainResponse {
  tell(ground, scope, 'reject', 'auth_time')
  return page(
    403,
    'You were not asked who you are',
    '<p>Your provider does not say that you have proved that just now.</p>',
  )
}

function rejected(ground: Ground, scope: Scope, reason: string): PlainResponse {
  tell(ground, scope, 'reject', reason)
  return refused()
}
