import Provider, { type Configuration, type Grant, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import type { Site } from 'sojourn'
import { userBackend } from 'sojourn/express'
import type { Keys } from './keys.js'
import { known, type Login } from './login.js'
import { leaveLogin, loginBy } from './logout.js'
import { type Html, html, page, pageHeaders, raw } from './page.js'
import { type Records, SESSION_AGE } from './records.js'
import { clientOf, type RelyingSite } from './sites.js'

export interface ProviderOptions {
  readonly site: Site
  /** The provider's name of itself, to the letter, with the path that it is mounted at. */
  readonly issuer: string
  readonly records: Records
  readonly keys: Keys
  readonly sites: readonly RelyingSite[]
  /** Whether sites on this very machine are told of logouts, by plain HTTP. For a first try, and for nothing else. */
  readonly onOneMachine?: boolean
}

/** By which login each request for one was answered. */
type Answered = WeakMap<object, Login>

/** The OpenID provider. Who is logged in it asks the app's own session, each time. */
export function createProvider(options: ProviderOptions): Provider {
  const { issuer, records } = options
  const answered: Answered = new WeakMap()
  const provider = new Provider(issuer, configuration(options, answered))

  // Before the code leaves of which a site makes a session.
  provider.on('authorization.success', ({ oidc, req }) => {
    const login = answered.get(req)
    if (oidc.session !== undefined && login !== undefined) records.belong(oidc.session.uid, login.id, login.account)
  })
  provider.on('session.destroyed', ({ uid }) => records.end(uid))
  provider.on('backchannel.error', (_context, error, { clientId }) => {
    console.error(`${clientId} was not told of a logout: ${error.message}`)
  })
  provider.on('server_error', (_context, error) => console.error(error))

  // A logout that a site began is one of this app too.
  provider.use(async (context, next) => {
    await next()
    const login = await endedBy(context as KoaContextWithOIDC, provider, records)
    if (login !== undefined) await leaveLogin(login, context.req, provider, records)
  })
  return provider
}

/** The login that a site's logout is of: once its visitor has confirmed it, or where there is nobody to ask. */
async function endedBy(
  { oidc, status }: KoaContextWithOIDC,
  provider: Provider,
  records: Records,
): Promise<string | undefined> {
  if (oidc?.session === undefined) return undefined
  const { route, params, session, entities } = oidc
  if (route === 'end_session_confirm' && status === 303 && params?.['logout'] !== undefined) {
    return records.loginOf(session.uid)
  }
  // A browser that was closed meanwhile has lost the provider's cookie. The site shows an ID token, which was checked by now.
  const hint = entities.IdTokenHint
  const isUnknown = route === 'end_session' && status === 200 && session.accountId === undefined
  return isUnknown && hint !== undefined ? loginBy(hint.payload, provider, records) : undefined
}

function configuration(
  { site, records, keys, sites, onOneMachine = false }: ProviderOptions,
  answered: Answered,
): Configuration {
  const users = userBackend(site)
  const headers = pageHeaders(sites.map(({ origin }) => origin))
  const send = (context: KoaContextWithOIDC, heading: string, content = html``): void => {
    context.set(headers)
    context.type = 'html'
    context.body = page(heading, content)
  }
  return {
    adapter: (kind: string) => records.adapter(kind),
    clients: sites.map(clientOf),
    jwks: { keys: keys.signing },
    cookies: { keys: keys.cookies },
    // The account is the id: a name may come to be somebody else's. Tokens of a user who is not active any more are worth nothing.
    async findAccount(_context, sub) {
      const user = await users.getUser(sub)
      return user === null ? undefined : { accountId: sub, claims: () => ({ sub, preferred_username: user.username }) }
    },
    claims: { openid: ['sub'], profile: ['preferred_username'] },
    scopes: ['openid', 'profile'],
    responseTypes: ['code'],
    pkce: { required: () => true },
    interactions: { policy: policyOf(answered), url: (_context, { uid }) => `/interaction/${uid}` },
    loadExistingGrant,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => send(context, 'Log out?', confirmation(form)),
        postLogoutSuccessSource: (context) => send(context, 'You are logged out'),
      },
    },
    renderError: (context, { error, error_description: why = '' }) =>
      send(context, 'That did not work', html`<p role="alert">${error}: ${why}</p>`),
    ttl: {
      Session: SESSION_AGE,
      Grant: SESSION_AGE,
      Interaction: 3600,
      AuthorizationCode: 60,
      AccessToken: 3600,
      IdToken: 3600,
    },
    ...(onOneMachine ? { fetch: toThisMachine } : {}),
  }
}

/** What the provider asks for besides its usual: its own session counts only beside one of the app, of the same user. */
function policyOf(answered: Answered): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base()
  const check = new interactionPolicy.Check(
    'no_login',
    'nobody is logged in here',
    'login_required',
    async ({ oidc, req }) => {
      const login = await known(req)
      if (login === null || login.account !== oidc.session?.accountId) return true
      answered.set(req, login)
      return false
    },
  )
  policy.get('login')?.checks.add(check)
  return policy
}

/** Without a page that asks for consent: all sites are the owner's own, and get what they are registered for. */
async function loadExistingGrant({ oidc }: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { client, session, provider } = oidc
  if (client === undefined || session?.accountId === undefined) return undefined
  const id = session.grantIdFor(client.clientId)
  const before = id === undefined ? undefined : await provider.Grant.find(id)
  // One that a logout has revoked is named here still.
  if (before !== undefined) return before
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope(client.scope ?? 'openid')
  await grant.save()
  return grant
}

/** Asked by the provider, since anybody can lead a browser to its logout. */
function confirmation(form: string): Html {
  return html`<p>You are about to log out here, and on every site that you came to from here in this browser.</p>
${raw(form)}
<button form="op.logoutForm" name="logout" value="yes" autofocus>Log out</button>
<button form="op.logoutForm">Stay</button>`
}

/** By itself the provider asks no address of its own network, so that nobody who registers a site can make it do so (SSRF). */
function toThisMachine(
  url: string | URL | Request,
  init: RequestInit & { dispatcher?: unknown } = {},
): Promise<Response> {
  const { dispatcher: _, ...options } = init
  return fetch(url, options)
}
