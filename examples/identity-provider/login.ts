import { randomUUID } from 'node:crypto'
import { getSession, getUser, login, type User } from 'sojourn/express'
import type { Records } from './records.js'

/** A login of the app's own, as its session tells of it. */
export interface Login {
  /** By which the provider's sessions that come of it are found. */
  readonly id: string
  /** When the user proved who they are, in seconds since 1970. */
  readonly at: number
  /** The page that they proved it for. */
  readonly next: string
  readonly account: string
}

const KEY = 'login'

/**
 * Logs a user in for a page. Who proves once more who they are goes on with the same login, which still has to be found as a whole, unless it was
 * ended meanwhile.
 */
export async function begin(request: object, user: User, next: string, records: Records): Promise<void> {
  const before = await known(request)
  await login(request, user)
  const session = await getSession(request)
  const account = String(user.id)
  const goesOn = before?.account === account && !records.hasEnded(before.id)
  const id = goesOn ? before.id : randomUUID()
  session.set(KEY, { id, at: Math.floor(Date.now() / 1000), next, account } satisfies Login)
}

/** The login of whoever is here; `null` for nobody, also where their password was changed or their account closed meanwhile. */
export async function known(request: object): Promise<Login | null> {
  const user = await getUser(request)
  if (user === null) return null
  const kept = (await getSession(request)).get(KEY) as Login | undefined
  return kept?.account === String(user.id) ? kept : null
}
