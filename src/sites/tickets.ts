import { putOneOfFew } from '../core/few-records.js'
import { LINK_KEY, type Link } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import type { Store } from '../core/store.js'
import { AUTH_TIME_KEY } from '../core/user-mark.js'
import { randomToken } from '../wire/crypto.js'
import { recordOf } from '../wire/link-names.js'

/** As many of one session may be under way, each for so many milliseconds. */
const FEW = { counted: 'tks', most: 30, lasts: 30_000 } as const

/**
 * What a ticket stands for: plain JSON under the SHA-256 of the ticket, so that a Django can make and take it too, and whoever reads the store
 * can make no ticket of it.
 */
export interface Ticket {
  /** For whom: the origin of a site, or `native:` and a program's name. */
  readonly aud: string
  /** The S256 challenge of whoever began: only they have its verifier. */
  readonly challenge: string
  readonly user: string
  readonly backend: string
  /** Django's session hash of the user's password. */
  readonly hash: string
  /** When the user logged in at the hub, in milliseconds since 1970. */
  readonly at: number
  /** The login group. */
  readonly gid: string
  /** By what a provider that logged the user in at the hub finds that session: its logout is to find the members' too. */
  readonly provider?: Pick<Link, 'i' | 'c' | 's' | 'u' | 't'>
  /** When the user proved who they are, in seconds since 1970, where the hub notes that (`sessionAuthTime`). */
  readonly proved?: number
  /** When that login is over whatever happens, in seconds since 1970. */
  readonly end?: number
  /** What the hub's session says of its own expiry, as Django keeps it: 0 where it ends with the browser. */
  readonly expiry?: number | string
  /** The hub's session itself, for sites that share it. */
  readonly key?: string
}

/** Which login a session that comes of a ticket is of. Who they are was proved then, and not when they came here. */
export function sayOfLogin(state: SessionState, { gid, at, provider, proved }: Ticket): void {
  state.put(LINK_KEY, { ...provider, g: gid, a: at })
  if (proved === undefined) state.delete(AUTH_TIME_KEY)
  else state.put(AUTH_TIME_KEY, proved)
}

/** Makes a ticket; `null` where too many of this session are under way. */
export async function issueTicket({ site, state }: Scope, ticket: Ticket): Promise<string | null> {
  const secret = randomToken()
  const few = { ...FEW, of: state.key ?? '' }
  return (await putOneOfFew(site.store, few, recordOf('tk', secret), JSON.stringify(ticket))) ? secret : null
}

/** Uses a ticket up, whatever becomes of it; `null` where it is none, is over or was used. */
export async function takeTicket(store: Store, secret: string): Promise<Ticket | null> {
  const text = await store.links.take(recordOf('tk', secret))
  return text === null ? null : (JSON.parse(text) as Ticket)
}
