import type { Cells, IndexEntry } from './types.js'

/**
 * What a session says of its place in the index of its user's sessions: the beginning of the key it was noted under, when the
 * user logged in (in milliseconds since 1970), when the session was last noted and which end was noted then (in seconds). Kept only with
 * `sessionUserIndex`.
 * A Django that gives the session a new key takes the mark along, and so it is seen that the index does not know the new key yet.
 */
export const MARK_KEY = '_sojourn_user'
/** When the user of a session proved who they are, in seconds since 1970; kept only with `sessionAuthTime`. */
export const AUTH_TIME_KEY = '_sojourn_auth_time'
const USER_KEY = '_auth_user_id'
const KEY_CHARACTERS = 6
/**
 * Seconds after which a session that is saved anyway is noted anew as last seen, and by how much its end may be later than the index
 * knows: that keeps what it knows of for two minutes more.
 */
const SEEN_AGAIN = 60

const MARK = /^"([a-z0-9]{6}):(\d{1,15}):(\d{1,11}):(\d{1,12})"$/

/** Whose session it is, by Django's `_auth_user_id`; `null` for nobody's. */
export function userOf(cells: Cells): string | null {
  const text = cells.get(USER_KEY)
  if (text === undefined) return null
  const id: unknown = JSON.parse(text)
  return typeof id === 'string' || typeof id === 'number' ? String(id) : null
}

/**
 * Whether somebody is logged in, and the index does not know it: it has this session under another key or not at all, or takes it to end
 * before half of the time that it has still to go, for a Django beside has moved its end.
 *
 * @param end when the session ends, where the engine tells; in milliseconds since 1970, as `now`
 */
export function isUnknown(cells: Cells, key: string, end: number | null, now: number): boolean {
  if (!cells.has(USER_KEY)) return false
  const [, start, , , endText = ''] = MARK.exec(cells.get(MARK_KEY) ?? '') ?? []
  if (start !== key.slice(0, KEY_CHARACTERS)) return true
  const noted = Number(endText) * 1000
  return end !== null && end - noted > Math.max(noted - now, SEEN_AGAIN * 1000)
}

/** What is to be noted of a session before it is stored under this key. */
export interface Note {
  /** The session's data, with the mark of what is noted. */
  readonly cells: Cells
  readonly entry: Pick<IndexEntry, 'user' | 'key' | 'created' | 'seen'>
}

/**
 * `null` where nobody is logged in, or the index knows all of it.
 *
 * @param expires when the session ends, in milliseconds since 1970
 */
export function noteFor(cells: Cells, key: string, expires: number, now: number): Note | null {
  const user = userOf(cells)
  if (user === null) return null
  const [, known, createdText = '', seenText = '', endText = ''] = MARK.exec(cells.get(MARK_KEY) ?? '') ?? []
  const second = Math.floor(now / 1000)
  const end = Math.floor(expires / 1000)
  const start = key.slice(0, KEY_CHARACTERS)
  const isCurrent = second - Number(seenText) < SEEN_AGAIN && end - Number(endText) < SEEN_AGAIN
  if (known === start && isCurrent) return null
  const created = known === undefined ? Math.floor(now) : Number(createdText)
  const marked = new Map(cells).set(MARK_KEY, `"${start}:${created}:${second}:${end}"`)
  return { cells: marked, entry: { user, key, created, seen: second * 1000 } }
}

/** A signed cookie's mark: its key says nothing, and the moment of the login is what a cut-off is compared with. */
const COOKIE_MARK = /^"cookie:(\d{1,15}):0"$/

/** The data of a signed cookie with the moment of its login, where somebody is logged in. */
export function withLogin(cells: Cells, moment: () => number): Cells {
  if (userOf(cells) === null || COOKIE_MARK.test(cells.get(MARK_KEY) ?? '')) return cells
  return new Map(cells).set(MARK_KEY, JSON.stringify(loginMark(moment())))
}

export function loginMark(moment: number): string {
  return `cookie:${moment}:0`
}

/** When the user of a signed cookie logged in; one that does not say so is older than any other. */
export function loginOf(cells: Cells): number {
  return Number(COOKIE_MARK.exec(cells.get(MARK_KEY) ?? '')?.[1] ?? 0)
}
