import type { AuthPart } from '../auth/part.js'
import type { User } from '../auth/user.js'
import { type Guard, guard } from '../core/guard.js'
import { orElse } from '../core/maybe.js'
import { OnSite } from '../core/on-site.js'
import type { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import type { CsrfPart } from '../csrf/part.js'
import { ImproperlyConfigured } from '../errors.js'
import { failedPrivately, notAhead, refused, wrongMethod } from '../sites/answers.js'
import { isLoopback } from '../sites/registry.js'
import { isAhead, isFramed } from '../sites/silent.js'
import { Transactions } from '../sites/transaction.js'
import { accessToken } from './access-token.js'
import { backchannel } from './backchannel.js'
import { callback } from './callback.js'
import { frontchannel } from './frontchannel.js'
import { type Claims, type Ground, type Step, tell } from './ground.js'
import { login } from './login.js'
import { loggedOut, logout } from './logout.js'
import type { Configuration } from './openid-client.js'
import { Provider, type ProviderAddress } from './provider.js'
import { Vault } from './vault.js'

export type { Claims } from './ground.js'
export type { Configuration } from './openid-client.js'
export type { ProviderAddress } from './provider.js'

/** Seconds that a login is good for: what the provider could not tell us of is over then at last. */
const ABSOLUTE_AGE = 12 * 3600

export interface RelyingPartyOptions {
  /** The `.site` of what `sojourn(settings)` returns. */
  readonly site: Site
  /**
   * The provider: where it is, or a `Configuration` of openid-client that you made, for other ways to prove who this site is. Its endpoints have
   * HTTPS, but for those of this machine; signatures of ID tokens are always checked, whatever it says.
   */
  readonly config: Configuration | ProviderAddress
  /** As it is registered with the provider, ending in `/callback`; the other routes are beside it. Each provider needs one of its own. */
  readonly redirectUri: string
  /** Where the provider sends browsers after a logout, if that is registered with it: `logged-out` beside the callback. */
  readonly postLogoutUri?: string
  /**
   * The user of this site, by what the provider says: `iss` and `sub` together are the account, never the e-mail address. `null` for whoever
   * has none here (403).
   */
  readonly mapUser: (claims: Claims, request: object) => MaybePromise<User | null>
  /** The path of the backend that the users are of, where there are several. */
  readonly backend?: string
  /** Default `'openid'`. */
  readonly scope?: string
  /** Further parameters of the request for a login, such as `{ acr_values: 'mfa' }`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Asks the provider's userinfo too, whose claims `mapUser` is then told. Default false. */
  readonly userInfo?: boolean
  /** Seconds since the user has proved who they are, at most: the provider has to ask them again, and to say when it did. */
  readonly maxAge?: number
  /** Seconds until a login is over whatever happens, default 12 hours. */
  readonly absoluteAge?: number
  /** `'encrypted'`: access and refresh tokens are kept, sealed, for `accessToken(request)`. Default false. */
  readonly keepTokens?: false | 'encrypted'
}

const OPTIONS = [
  ...['site', 'config', 'redirectUri', 'postLogoutUri', 'mapUser', 'backend', 'scope', 'parameters', 'userInfo'],
  ...['maxAge', 'absoluteAge', 'keepTokens'],
] as const satisfies readonly (keyof RelyingPartyOptions)[]
const made: OnSite = new OnSite('createRelyingParty')

/** What a site mounts to let a provider log its visitors in. */
export interface RelyingParty {
  /**
   * `login?next=/path`, `callback`, `logout` (a form posts to it, with a token), `logged-out`, `backchannel` and `frontchannel` beside
   * `redirectUri`. A guard: it answers them, and lets all other requests pass.
   */
  readonly routes: Guard
  /**
   * A token to ask others in the name of whoever is logged in, renewed where it is over; `null` without one. However many requests ask at once,
   * it is renewed once. Needs `keepTokens`.
   */
  accessToken(request: object): Promise<string | null>
  /** Asks the provider what it says of itself, which else the first login does. Rejects where it does not answer, or is not to be trusted. */
  ready(): Promise<void>
}

/** The routes beside the callback; `shown` are those that a visitor is to see: no browser loads them ahead, or in a frame. */
const ROUTES: Readonly<
  Record<string, { readonly method: 'GET' | 'POST'; readonly step: Step; readonly shown?: true }>
> = {
  login: { method: 'GET', step: login, shown: true },
  callback: { method: 'GET', step: callback, shown: true },
  logout: { method: 'POST', step: logout },
  'logged-out': { method: 'GET', step: loggedOut },
  backchannel: { method: 'POST', step: backchannel },
  frontchannel: { method: 'GET', step: frontchannel },
}

/**
 * Login by a provider of OpenID Connect (Keycloak, Entra, Google, one of your own), and its logout: whoever is logged out there is logged out
 * here, on whatever machine. Needs the packages `openid-client` and `jose`. Throws `ImproperlyConfigured` for what cannot be or is not safe.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { userBackend } from 'sojourn/auth'
 * import { sojourn } from 'sojourn/express'
 * import { createRelyingParty } from 'sojourn/oidc'
 *
 * const sessions = sojourn({ secretKey: 'a long random text', loginUrl: '/oidc/login' })
 * const party = createRelyingParty({
 *   site: sessions.site,
 *   config: { issuer: 'https://id.example.com', clientId: 'shop', clientSecret: 'a secret' },
 *   redirectUri: 'https://shop.example/oidc/callback',
 *   mapUser: ({ sub }) => userBackend(sessions.site).getUser(sub),
 * })
 * const app = express()
 * app.use(sessions, party.routes)
 * ```
 */
export function createRelyingParty(options: RelyingPartyOptions): RelyingParty {
  const { site } = options
  const ground = groundOf(options)
  const base = new URL('.', ground.redirectUri).pathname
  site.part<CsrfPart>('csrf').exemptPath(`${base}backchannel`)
  const { delegated } = site.part<AuthPart>('auth')
  if (delegated.has(`${base}login`)) {
    throw new ImproperlyConfigured(`Another provider has '${base}' already: give each a redirectUri of its own.`)
  }
  delegated.add(`${base}login`)
  return {
    routes: guard((request) => routed(ground, base, made.scopeOf(site, request))),
    accessToken: (request) => accessToken(ground, made.scopeOf(site, request)),
    ready: async () => void (await ground.provider.known()),
  }
}

function groundOf(options: RelyingPartyOptions): Ground {
  const { site, config, postLogoutUri, mapUser, absoluteAge = ABSOLUTE_AGE, keepTokens = false } = options
  made.refuseOther(site)
  made.refuseUnknown(options, OPTIONS)
  if (typeof mapUser !== 'function') {
    throw new ImproperlyConfigured('createRelyingParty needs mapUser: which user of this site a provider means.')
  }
  if (options.maxAge !== undefined && !(Number.isInteger(options.maxAge) && options.maxAge >= 0)) {
    throw new ImproperlyConfigured('maxAge of createRelyingParty is a whole number of seconds.')
  }
  if (!Number.isInteger(absoluteAge) || absoluteAge <= 0) {
    throw new ImproperlyConfigured('absoluteAge of createRelyingParty is a whole number of seconds.')
  }
  const redirectUri = ownUri('redirectUri', 'callback', options.redirectUri)
  made.refuseLastWriteWins(site, 'a late save could undo a logout')
  site.store.usesLinks()
  const { backends } = site.part<AuthPart>('auth')
  if (options.backend !== undefined && !backends.has(options.backend)) {
    throw new ImproperlyConfigured(
      `backend of createRelyingParty is one of authenticationBackends (${[...backends.keys()].join(', ')}), not '${options.backend}'.`,
    )
  }
  return {
    site,
    provider: new Provider(config),
    logins: new Transactions(site.settings, `oidc ${redirectUri.href}`),
    logouts: new Transactions(site.settings, `oidc-logout ${redirectUri.href}`),
    vault: new Vault(site),
    redirectUri,
    postLogoutUri:
      postLogoutUri === undefined ? null : beside(redirectUri, ownUri('postLogoutUri', 'logged-out', postLogoutUri)),
    rules: {
      mapUser,
      backend: options.backend,
      scope: options.scope ?? 'openid',
      parameters: options.parameters ?? {},
      userInfo: options.userInfo ?? false,
      maxAge: options.maxAge,
      absoluteAge,
      keepTokens,
    },
  }
}

function ownUri(option: string, route: string, given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : null
  if (url?.pathname.endsWith(`/${route}`) !== true || url.search !== '' || url.hash !== '') {
    throw new ImproperlyConfigured(
      `${option} of createRelyingParty is a whole URL that ends in /${route}: 'https://shop.example/oidc/${route}'.`,
    )
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new ImproperlyConfigured(
      `createRelyingParty refuses '${given}': http:// is for localhost and the names below it.`,
    )
  }
  return url
}

function beside(redirectUri: URL, url: URL): URL {
  if (new URL('.', redirectUri).href === new URL('.', url).href) return url
  throw new ImproperlyConfigured('postLogoutUri of createRelyingParty is beside its redirectUri.')
}

function routed(ground: Ground, base: string, scope: Scope): MaybePromise<PlainResponse | null> {
  const [path = ''] = scope.head.url.split('?', 1)
  if (!path.startsWith(base)) return null
  const name = path.slice(base.length)
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined
  if (route === undefined) return null
  if (scope.head.method !== route.method) return wrongMethod(route.method)
  if (route.shown !== undefined && isAhead(scope)) return notAhead()
  if (route.shown !== undefined && isFramed(scope)) return framed(ground, scope)
  return orElse(() => route.step(ground, scope), failedPrivately)
}

/** No browser shows it there, and what was begun can be gone on with in a page of its own. */
function framed(ground: Ground, scope: Scope): PlainResponse {
  tell(ground, scope, 'reject', 'frame')
  return refused()
}
