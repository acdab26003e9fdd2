import * as commit from '../core/commit.js'
import { BIRTH_KEY, END_KEY, EXPIRY_KEY } from '../core/expiry.js'
import { LINK_KEY } from '../core/link-mark.js'
import { chain } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import type { Site } from '../core/site.js'
import type { Cells, MaybePromise } from '../core/types.js'
import { AUTH_TIME_KEY, MARK_KEY } from '../core/user-mark.js'
import { UserSession } from '../core/user-session.js'
import { TooManySessions } from '../errors.js'
import type { AuthPart } from './part.js'
import { SESSION_BACKEND, SESSION_HASH, SESSION_ID } from './session-keys.js'
import type { User } from './user.js'

/** How often a login is tried again that met others of the same user in the same moment: together they would all be refused. */
const TRIES = 5
/** Milliseconds before that, at most. */
const LONGEST_PAUSE = 100
/** Milliseconds of what counts as one moment. */
const JUST_NOW = 10_000

/**
 * Logs somebody in, and ends the user's other sessions, or takes this login back, where there are more than `maxSessionsPerUser` then. It is taken
 * back also where that cannot be told: a store that fails lets nobody in beyond the limit. Where it fails before, nothing is changed yet.
 *
 * @param enter what makes the session the user's, under a new key
 */
export function enterWithinLimit(
  { site, state }: Scope,
  user: User,
  enter: () => MaybePromise<void>,
): MaybePromise<void> {
  const { maxSessionsPerUser: limit, maxSessionsPerUserPolicy: policy } = site.settings
  if (limit === null) return enter()
  const look = policy === 'reject' ? enterOrLeave : enterAndEvict
  const { hashes } = site.part<AuthPart>('auth')
  // A session of another password is over, whether it has been visited since or not.
  const counts = (cells: Cells): boolean => hashes.verify(parsed(cells.get(SESSION_HASH)), user) !== null
  const id = String(user.id)
  const logins: Logins = () => site.sessions.ofUser(id, counts)
  return chain(site.store.index.of(id), async () => {
    // Somebody else's login would be over everywhere before this one is refused.
    const here = state.get(SESSION_ID)
    const isAnothers = here !== undefined && here !== id
    if (isAnothers && policy === 'reject') await untilRoom(site, limit, logins)
    const before = state.key
    const login = OF_THE_LOGIN.map((name) => [name, state.get(name)] as const)
    try {
      await enter()
      await look(site, state, logins, limit)
    } catch (error) {
      // Without a new key nothing of it is stored, and the browser has the key of what it was.
      if (before !== null && state.key === before) putBack(state, login)
      else await takeBack(state, before)
      throw error
    }
  })
}

/** What the login has written. */
const OF_THE_LOGIN = [SESSION_ID, SESSION_BACKEND, SESSION_HASH, MARK_KEY, AUTH_TIME_KEY, LINK_KEY]
/** What says when a session ends is nothing that a visitor would miss. */
const ITS_END: readonly string[] = [BIRTH_KEY, END_KEY, EXPIRY_KEY]

function putBack(state: SessionState, login: readonly (readonly [name: string, value: unknown])[]): void {
  for (const [name, value] of login) {
    if (value === undefined) state.delete(name)
    else state.put(name, value)
  }
}

/**
 * What the visitor had before the login stays, under another key. Where another login of the same session was faster, that one has it, and this
 * answer must not touch the cookie that the browser has of it.
 *
 * @param before the key that the visitor came with
 */
async function takeBack(state: SessionState, before: string | null): Promise<void> {
  const { key, store } = state
  try {
    await commit.withdraw(state)
    for (const each of OF_THE_LOGIN) state.delete(each)
    const isWorthKeeping = [...state.cells().keys()].some((each) => !ITS_END.includes(each))
    if (isWorthKeeping && !state.endedElsewhere) await commit.saveNow(state)
    else state.end()
    // Its deletion may be what has failed.
    if (before !== null && state.key !== null) commit.disown(store, before)
  } catch {
    // No cookie names what the store still has. It would count as one more session of the user, so it goes when the store is back.
    state.end()
    if (key !== null) commit.disown(store, key)
  }
}

/** A user's logins, last seen first: in an order in which all who log in at once agree. */
type Logins = () => Promise<readonly UserSession[]>

/** Of logins of one moment the last ones stay, and never none. Whoever was not among these finds out as if the others had come a moment later. */
async function enterAndEvict({ sessions }: Site, state: SessionState, logins: Logins, limit: number): Promise<void> {
  await commit.saveNow(state)
  const over = (await logins()).slice(limit)
  for (const login of over) await sessions.revoke(login)
  if (over.some((login) => isOf(login, state))) commit.interrupt(state)
}

/** Whoever finds too many when it is in leaves again, so that there are never too many. */
function enterOrLeave(site: Site, state: SessionState, logins: Logins, limit: number): Promise<void> {
  const others: Logins = async () => {
    await commit.saveNow(state)
    return (await logins()).filter((login) => !isOf(login, state))
  }
  return untilRoom(site, limit, others, () => commit.withdraw(state))
}

/**
 * Until there is room for one more. Of logins of one moment each may find the others and `leave`: then each tries again after a while of its own,
 * and the last time it is refused.
 */
async function untilRoom(
  site: Site,
  limit: number,
  others: Logins,
  leave: () => MaybePromise<void> = () => undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const found = await others()
    if (found.length < limit) return
    if (tries === TRIES || isFull(site, found, limit)) throw new TooManySessions(limit)
    await leave()
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_PAUSE))
  }
}

/** Whether so many were there before this moment. */
function isFull({ settings }: Site, logins: readonly UserSession[], limit: number): boolean {
  const justNow = settings.clock() - JUST_NOW
  return logins.filter(({ created }) => created.getTime() < justNow).length >= limit
}

function isOf(login: UserSession, state: SessionState): boolean {
  return UserSession.loginOf(login).sessions.some(({ key }) => key === state.key)
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? null : JSON.parse(text)
}
