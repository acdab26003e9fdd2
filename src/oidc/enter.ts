import { loginScope } from '../auth/login.js'
import type { User } from '../auth/user.js'
import * as commit from '../core/commit.js'
import { linkOf } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import { AUTH_TIME_KEY } from '../core/user-mark.js'
import { linkSession } from '../sites/link.js'
import { isSameLogin } from '../sites/same-login.js'
import type { Transaction } from '../sites/transaction.js'
import { randomToken } from '../wire/crypto.js'
import type { Claims, Ground } from './ground.js'
import type { TokenResponse } from './openid-client.js'
import type { Known } from './provider.js'
import type { Tokens } from './vault.js'

/** Milliseconds for which pages of a tab that has just come back may still be under way. */
const UNDER_WAY = 10_000

/** A login that the provider vouches for. */
export interface Proof {
  readonly known: Known
  readonly tokens: TokenResponse
  readonly claims: Claims
  readonly user: User
  readonly transaction: Transaction
}

/** Makes the session the user's: under a fresh key, with what a logout at the provider finds it by, for so long and no longer. */
export async function enter(
  ground: Ground,
  scope: Scope,
  { known, tokens, claims, user, transaction }: Proof,
): Promise<void> {
  const { began, fresh } = transaction
  const { rules, site, vault } = ground
  const { sid, sub, iat, auth_time: at } = claims
  const end = Math.floor(site.settings.clock() / 1000) + rules.absoluteAge
  await commit.load(scope.state)
  const before = linkOf(scope.state.cells())
  const proved = site.settings.sessionAuthTime && typeof at === 'number' ? at : undefined
  const of = { i: known.issuer, c: known.clientId, s: typeof sid === 'string' ? sid : undefined, u: sub }
  // Sessions on other sites that came of another one than this at the provider would not hear of this one's end.
  const other =
    before !== null && (['i', 'c', 's', 'u'] as const).some((name) => before[name] !== of[name]) ? before.g : undefined
  let login = ''
  const say = (state: SessionState): void => {
    // Of the same login before: what belongs to it ends with this one.
    const known = other === undefined ? linkOf(state.cells())?.g : randomToken(16)
    const { g } = linkSession(scope, { g: known, ...of, t: Math.floor(Number(iat)) })
    login = g
    state.endAt(end)
    // That nobody was asked who they are is no proof of it.
    if (proved === undefined) state.delete(AUTH_TIME_KEY)
    else state.put(AUTH_TIME_KEY, proved)
  }
  // All of it in the one record that is made: whatever fails afterwards, a logout finds it and it ends in time.
  const isEarlier = before !== null && began < before.a + UNDER_WAY && !fresh
  if (isEarlier && (await isSameLogin(scope, user, of))) say(scope.state)
  else await loginScope(scope, user, rules.backend, say)
  if (other !== undefined) await forget(ground, other)
  const kept = rules.keepTokens === false ? {} : toKeep(tokens, site.settings.clock())
  await vault.put(login, { ...kept, id: tokens.id_token, until: end * 1000 })
}

/** Ends what came of a login that another one has taken the place of. */
async function forget({ site, vault }: Ground, login: string): Promise<void> {
  await site.sessions.endSessions({ group: login })
  await vault.take(login)
}

/** What of a provider's answer lets us ask others in the user's name. */
export function toKeep(tokens: TokenResponse, now: number): Omit<Tokens, 'until' | 'id'> {
  const { access_token: access, refresh_token: refresh, expires_in: seconds } = tokens
  return {
    access,
    ...(refresh === undefined ? {} : { refresh }),
    ...(seconds === undefined ? {} : { ends: Math.floor(now) + seconds * 1000 }),
  }
}
