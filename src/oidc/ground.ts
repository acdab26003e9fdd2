import type { User } from '../auth/user.js'
import type { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse, SiteEvents } from '../core/types.js'
import type { Transactions } from '../sites/transaction.js'
import type { Provider } from './provider.js'
import type { Vault } from './vault.js'

/** What a provider says of a user. The account is `iss` and `sub` together; an e-mail address may come to be somebody else's. */
export interface Claims {
  readonly iss: string
  readonly sub: string
  readonly [name: string]: unknown
}

/** What the routes of a relying party have in common. */
export interface Ground {
  readonly site: Site
  readonly provider: Provider
  /** Logins and logouts that browsers have begun here. */
  readonly logins: Transactions
  readonly logouts: Transactions
  readonly vault: Vault
  readonly redirectUri: URL
  readonly postLogoutUri: URL | null
  readonly rules: Rules
}

/** How a relying party was asked to behave. */
export interface Rules {
  readonly mapUser: (claims: Claims, request: object) => MaybePromise<User | null>
  readonly backend: string | undefined
  readonly scope: string
  readonly parameters: Readonly<Record<string, string>>
  readonly userInfo: boolean
  readonly maxAge: number | undefined
  readonly absoluteAge: number
  readonly keepTokens: false | 'encrypted'
}

/** One of the routes. */
export type Step = (ground: Ground, scope: Scope) => MaybePromise<PlainResponse>

export function tell(
  { site }: Pick<Ground, 'site'>,
  { request }: Scope,
  step: SiteEvents['oidc']['step'],
  reason?: string,
): void {
  site.emit('oidc', { step, request, ...(reason === undefined ? {} : { reason }) })
}

/** Why something failed, as far as it may be told: a short word. What a message says may hold what a visitor sent. */
export function reasonOf(error: unknown): string {
  const { error: said, code } = (error ?? {}) as { readonly error?: unknown; readonly code?: unknown }
  for (const word of [said, code]) if (typeof word === 'string' && /^\w{1,60}$/.test(word)) return word
  return 'failed'
}
