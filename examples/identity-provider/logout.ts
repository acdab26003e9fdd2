import type Provider from 'oidc-provider'
import type { Client, Session, UnknownObject } from 'oidc-provider'
import { logout } from 'sojourn/express'
import { known } from './login.js'
import type { Records } from './records.js'

/** oidc-provider has it, and its types have not. */
interface Told {
  backchannelLogout(account: string | undefined, sid: string | undefined): Promise<void>
}

/**
 * Ends a visitor's session here, and whatever came of it. The sites first: who cannot be logged out altogether is still here, and can try
 * again.
 */
export async function leave(request: object, provider: Provider, records: Records): Promise<void> {
  const login = await known(request)
  if (login !== null) await endLogin(login.id, provider, records)
  await logout(request)
}

/** Ends a login by its name, and the visitor's own session if it is of that login. */
export async function leaveLogin(login: string, request: object, provider: Provider, records: Records): Promise<void> {
  const own = await known(request)
  if (own?.id === login) await leave(request, provider, records)
  else await endLogin(login, provider, records)
}

/** Ends what came of a login: the provider's sessions, their tokens, and the sessions of the sites that it logged in to. */
export async function endLogin(login: string, provider: Provider, records: Records): Promise<void> {
  const sessions = await Promise.all(records.endLogin(login).map((uid) => provider.Session.findByUid(uid)))
  await Promise.all(sessions.map((session) => session && end(session, provider)))
}

/** The login by which a site's ID token was given, whatever the browser has kept that shows it. */
export async function loginBy(token: UnknownObject, provider: Provider, records: Records): Promise<string | undefined> {
  const { sub, aud, sid } = token
  if (typeof sid !== 'string') return undefined
  for (const login of records.loginsOf(String(sub))) {
    for (const uid of records.sessionsOf(login)) {
      const session = await provider.Session.findByUid(uid)
      if (session?.authorizations?.[String(aud)]?.sid === sid) return login
    }
  }
  return undefined
}

/** Tokens go before anybody is told, and the session afterwards: a site that is slow to hear keeps nothing alive. */
async function end(session: Session, provider: Provider): Promise<void> {
  const authorizations = Object.entries(session.authorizations ?? {})
  for (const [, { grantId }] of authorizations) if (grantId !== undefined) await revoke(grantId, provider)
  await Promise.all(authorizations.map(([id, { sid }]) => tell(id, session.accountId, sid, provider)))
  await session.destroy()
}

async function revoke(
  grantId: string,
  { Grant, AccessToken, AuthorizationCode, RefreshToken }: Provider,
): Promise<void> {
  for (const tokens of [AccessToken, AuthorizationCode, RefreshToken]) await tokens.revokeByGrantId(grantId)
  const grant = await Grant.find(grantId)
  await grant?.destroy()
}

/** Waits two and a half seconds at most. A site that does not hear keeps its session for as long as its own `absoluteAge` says. */
async function tell(
  id: string,
  account: string | undefined,
  sid: string | undefined,
  { Client }: Provider,
): Promise<void> {
  const client = (await Client.find(id)) as (Client & Told) | undefined
  if (client?.backchannelLogoutUri === undefined) return
  try {
    await client.backchannelLogout(account, sid)
  } catch (error) {
    console.error(`${id} was not told of a logout: ${(error as Error).message}`)
  }
}
