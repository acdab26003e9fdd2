import type { GroupKind } from '../wire/link-names.js'
import type { Cells } from './types.js'
import { userOf } from './user-mark.js'

/**
 * What a session says of the logins that it belongs to, in Django's data as one more key, which Django carries along untouched. Kept only by
 * logins over several sites.
 */
export const LINK_KEY = '_sso'
/** So much of a key tells it from the one before, and leaves enough that nobody knows. */
const KEY_CHARACTERS = 6
/** How keys begin that groups have for sessions in cookies. No key of a store has a dot in it. */
const IN_A_COOKIE = '-.'

export interface Link {
  /** The login group: of one login on several sites. */
  readonly g?: string
  /** Issuer, client, the issuer's session and the user's name there (OpenID Connect). */
  readonly i?: string
  readonly c?: string
  readonly s?: string
  readonly u?: string
  /** When the ID token was issued, in seconds by the issuer's clock. */
  readonly t?: number
  /** When this login was, in milliseconds by ours. */
  readonly a: number
  /** Under which key the groups know the session: its beginning. Django gives sessions new keys and tells nobody. */
  readonly k?: string
  /** Until when they know it, in seconds since 1970. */
  readonly e?: number
}

/** Makes the name of a group, by which the store knows it (`wire/link-names.ts`). */
export type GroupOf = (kind: GroupKind, ...parts: readonly string[]) => string

/** A group that a session is in. It is over for whoever was in it at some moment, or for all who ever were. */
export interface Membership {
  readonly group: string
  /** When the session came to be one of it, by the clock that the group's end is told by; 0 where an end is for all. */
  readonly since: number
}

export function linkOf(cells: Cells): Link | null {
  const text = cells.get(LINK_KEY)
  if (text === undefined) return null
  const link: unknown = JSON.parse(text)
  return typeof link === 'object' && link !== null ? (link as Link) : null
}

/** The groups of a session; none where it is no session of such a login. */
export function membershipsOf(cells: Cells, groupOf: GroupOf): readonly Membership[] {
  const link = linkOf(cells)
  if (link === null) return []
  const { g, i, c, s, u, t = 0, a } = link
  const user = userOf(cells)
  const found: Membership[] = []
  if (g !== undefined) found.push({ group: groupOf('gid', g), since: 0 })
  if (i !== undefined && c !== undefined && s !== undefined) found.push({ group: groupOf('sid', i, c, s), since: 0 })
  if (i !== undefined && c !== undefined && u !== undefined) found.push({ group: groupOf('sub', i, c, u), since: t })
  if (user !== null) found.push({ group: groupOf('user', user), since: a })
  return found
}

/** What the groups of a session are to be told, and the data with the mark that they know it. */
export interface Relinked {
  readonly cells: Cells
  /** Under which key they know it then. */
  readonly key: string
  /** Until when they know it then, in milliseconds since 1970. */
  readonly until: number
}

/**
 * `null` where the groups know the session by this key, for as long as it lasts. They are told of twice the time that it has still to go, so
 * that they need not hear of each request that moves its end.
 *
 * @param expires when the session ends; in milliseconds since 1970, as `now`
 */
export function relinked(cells: Cells, key: string, expires: number, now: number): Relinked | null {
  const link = linkOf(cells)
  if (link === null || (isKnownAs(link, key) && knownUntil(link, 0) >= expires)) return null
  const e = twice(expires, now)
  return { cells: marked(cells, { ...link, k: key.slice(0, KEY_CHARACTERS), e }), key, until: e * 1000 }
}

/**
 * The same of a session in a cookie: nobody can delete it, and how long it may live is all that its groups have to know. It has no key, so they
 * know it by its login and this end, which nothing moves: a copy of the cookie may last for as long, whatever becomes of the other.
 */
export function relinkedInCookie(cells: Cells, expires: number, now: number): Relinked | null {
  const link = linkOf(cells)
  if (link === null || knownUntil(link, 0) >= expires) return null
  const e = twice(expires, now)
  const key = `${IN_A_COOKIE}${Math.floor(link.a)}.${e}`
  return { cells: marked(cells, { ...link, e }), key, until: e * 1000 }
}

/** Whether a group knows by this key that there is a session in a cookie. */
export function isInCookie(key: string): boolean {
  return key.startsWith(IN_A_COOKIE)
}

/** Until when the groups of a session know it, in milliseconds since 1970; `otherwise` where it does not say. */
export function knownUntil({ e }: Link, otherwise: number): number {
  return e === undefined ? otherwise : e * 1000
}

/** In seconds since 1970. */
function twice(expires: number, now: number): number {
  return Math.ceil((2 * expires - now) / 1000)
}

function marked(cells: Cells, link: Link): Cells {
  return new Map(cells).set(LINK_KEY, JSON.stringify(link))
}

/** Whether the groups of a session know it under this key. */
export function isKnownAs(link: Link, key: string): boolean {
  return link.k === key.slice(0, KEY_CHARACTERS)
}
