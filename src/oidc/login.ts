import { safeNext } from '../auth/safe-next.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { page, redirect, refused } from '../sites/answers.js'
import { queryOf } from '../sites/ground.js'
import { challengeOf, type Transaction } from '../sites/transaction.js'
import { sha256 } from '../wire/crypto.js'
import { type Ground, reasonOf, tell } from './ground.js'
import type { Known } from './provider.js'

/** What a link to the login may ask the provider for. */
const PROMPTS = ['none', 'login', 'consent', 'select_account', 'create']

/** OpenID Connect Core section 5.5: the ID token is to say when the user proved who they are. */
const SAYS_WHEN = { claims: JSON.stringify({ id_token: { auth_time: { essential: true } } }) }

/**
 * A visitor wants to log in: the provider is asked who they are. Whoever leads a browser here only begins that (OpenID Connect Core section
 * 4), and no login that was not begun here is ever taken.
 */
export async function login(ground: Ground, scope: Scope): Promise<PlainResponse> {
  let known: Known
  try {
    known = await ground.provider.known()
  } catch (error) {
    return absent(ground, scope, error)
  }
  const query = queryOf(scope)
  const issuer = query.get('iss')
  if (issuer !== null && issuer !== known.issuer) {
    tell(ground, scope, 'reject', 'issuer')
    return refused()
  }
  const next = safeNext(scope.request, query.get('next') ?? query.get('target_link_uri'))
  const transaction = ground.logins.begin(scope, next, query.get('prompt') === 'login')
  try {
    const address = await addressOf(ground, known, transaction, query)
    tell(ground, scope, 'begin')
    return redirect(address)
  } catch (error) {
    return absent(ground, scope, error)
  }
}

async function addressOf(
  { redirectUri, rules, site }: Ground,
  { client, config }: Known,
  { state, verifier }: Transaction,
  query: { get(name: string): string | null },
): Promise<URL> {
  const prompt = query.get('prompt')
  const hint = query.get('login_hint')
  const parameters = {
    ...(site.settings.sessionAuthTime && config.serverMetadata().claims_parameter_supported ? SAYS_WHEN : {}),
    ...rules.parameters,
    ...(prompt !== null && PROMPTS.includes(prompt) ? { prompt } : {}),
    ...(hint === null ? {} : { login_hint: hint }),
    ...(rules.maxAge === undefined ? {} : { max_age: String(rules.maxAge) }),
    redirect_uri: redirectUri.href,
    scope: rules.scope,
    state,
    nonce: nonceOf(verifier),
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
  }
  const isPushed = config.serverMetadata().pushed_authorization_request_endpoint !== undefined
  return isPushed
    ? client.buildAuthorizationUrlWithPAR(config, parameters)
    : client.buildAuthorizationUrl(config, parameters)
}

/** The nonce of a login is made of its verifier, which nobody has who sees the nonce: so the cookie need not hold both. */
export function nonceOf(verifier: string): string {
  return sha256(`nonce ${verifier}`, 'base64url')
}

export function absent(ground: Ground, scope: Scope, error: unknown): PlainResponse {
  ground.site.failed(error, scope.request)
  tell(ground, scope, 'reject', reasonOf(error))
  return page(
    503,
    'Nobody can log in just now',
    '<p>The login service does not answer. Please try again in a minute.</p>',
  )
}
