import { StoreUnavailable } from '../errors.js'
import { base64url, saltedHmac } from '../wire/crypto.js'
import { groupOfKey } from '../wire/link-names.js'
import { BareHead } from './bare-head.js'
import { type ClearOptions, clearBeside, clearExpired } from './clear-expired.js'
import { dictionary } from './dictionary.js'
import { linkOf } from './link-mark.js'
import { type EndOf, end, kindOf, refuseNobody } from './links.js'
import { chain } from './maybe.js'
import { isOverInCookie } from './noting.js'
import { readSessionCookie } from './read-session-cookie.js'
import { findScope } from './scope.js'
import { SessionState } from './session.js'
import type { Session, SessionData } from './session-types.js'
import type { Site } from './site.js'
import { noIndex, noIndexKept, type Store } from './store.js'
import type { Cells, Cutoffs, IndexEntry, MaybePromise } from './types.js'
import { untilDone } from './until-done.js'
import { loginMark, loginOf, MARK_KEY, userOf } from './user-mark.js'
import { type Known, loginsOf, UserSession } from './user-session.js'

/** An entry of the index whose session is not there is forgotten after so many milliseconds; until then it may be just being made. */
const BEING_MADE = 60_000
/** How often the index is read anew, for sessions that get a new key while they are being ended. */
const ROUNDS = 6
/** How often one that is listed and not there is tried: it may be just being made. What is not there then comes of a later login. */
const LOOKS = 2

/** Sessions outside a request: jobs, commands, pages that list a user's sessions. */
export class Sessions<T extends object = SessionData> {
  readonly #store: Store
  readonly #cutoffs: Cutoffs | null
  readonly #site: Pick<Site, 'emit'>

  constructor(store: Store, cutoffs: Cutoffs | null, site: Pick<Site, 'emit'>) {
    this.#store = store
    this.#cutoffs = cutoffs
    this.#site = site
  }

  /**
   * The session under a key, that of a request's cookie, or a new one. Nothing is sent to any visitor; `await session.load()` looks it up,
   * `await session.save()` keeps changes.
   *
   * A request is what comes with `upgrade` on Node, a Fetch `Request`, or whatever a framework hands over, with or without a cookie. Its session is opened anew, beside
   * the one that a middleware may have opened. **No origin is checked**: browsers send cookies with a WebSocket that any site opens,
   * so compare `Origin` before you trust it, as `checkUpgrade` of sojourn/ws does. Throws `ImproperlyConfigured` for what has no headers.
   *
   * @example
   * ```ts
   * import { createServer } from 'node:http'
   * import { sojourn } from 'sojourn'
   *
   * const site = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
   * createServer().on('upgrade', async (request, socket) => {
   *   const session = site.sessions.open(request)
   *   await session.load()
   *   if (!session.has('username')) socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
   * })
   * ```
   */
  open(from: string | object | null = null): Session<T> {
    const key = typeof from === 'object' && from !== null ? this.#cookieOf(from) : from
    return dictionary<T>(new SessionState(this.#store, this.#store.keyOf(key ?? undefined)))
  }

  #cookieOf(request: object): string | undefined {
    const head = findScope(request)?.head ?? new BareHead(request)
    return readSessionCookie(head.header('cookie'), this.#store.settings, this.#site, request)
  }

  /**
   * Deletes the sessions that are past their end, little by little beside the traffic, and says how many. Django's `clearsessions`. May be
   * stopped (`signal`) and begun again, and run twice at once. Throws `StoreUnavailable`.
   */
  async clearExpired(options: ClearOptions = {}): Promise<number> {
    const { engine, settings, clock } = this.#store
    const sessions = clearExpired(engine, clock(), options)
    if (options.dryRun === true) return sessions
    const users = settings.sessionUserIndex ? engine.users?.sweep?.(clock()) : undefined
    const clear = () => clearBeside(engine, [users, this.#store.sweepLinks()], options.signal)
    const index = sessions.then(clear, clear)
    await Promise.allSettled([index])
    // Where both fail, what is told is what became of the sessions.
    const cleared = await sessions
    await index
    return cleared
  }

  /**
   * The logins of this user, last seen first: what a page of devices shows. The sessions that one login has on several sites (`sojourn/sites`,
   * `sojourn/oidc`) are one. Needs `sessionUserIndex`; sessions that began in Django are known from their first visit here on.
   */
  async forUser(user: string | number): Promise<UserSession[]> {
    return this.ofUser(user, () => true)
  }

  /** Those of `forUser` with a session that counts: one that began under another password is nobody's, and ends when it is visited. */
  async ofUser(user: string | number, counts: (cells: Cells) => boolean): Promise<UserSession[]> {
    const entries = await this.#store.index.of(String(user))
    const known = await Promise.all(entries.map((entry) => this.#known(entry)))
    const settled = this.#store.clock() - BEING_MADE
    const gone = entries.filter(({ seen }, at) => known[at] === null && seen < settled).map(({ key }) => key)
    await this.#unlist(String(user), gone)
    const alive = known.filter((each) => each !== null).filter(({ cells }) => counts(cells))
    return loginsOf(alive).map(
      (login) => new UserSession(this.#idOf(login.group ?? groupOfKey(login.sessions[0].key)), login),
    )
  }

  /** How often this user is logged in. */
  async count(user: string | number): Promise<number> {
    return (await this.forUser(user)).length
  }

  /**
   * Ends one login, of `forUser` or that of the session under a key, on all sites that it is for; false if it is over already. Whoever works
   * in it just now gets `SessionInterrupted`, and nothing that is under way brings it back.
   */
  async revoke(session: UserSession | string): Promise<boolean> {
    if (this.#store.engine.stateless) throw noIndex(this.#store.engine.name)
    const { user, group, keys } = await this.#loginOf(session)
    const ended = group === null ? 0 : await this.endSessions({ group })
    // Django may have given one a key that the group does not know.
    const results = await Promise.all(keys.map((key) => this.#end(key)))
    const isEnded = ended > 0 || results.includes(true)
    if (isEnded && user !== null && this.#store.settings.sessionUserIndex) await this.#unlist(user, keys)
    return isEnded
  }

  /**
   * Ends all sessions of a user, and says how many it ended. `except` is the request (or one of `forUser`) that stays: "end all others", but
   * for what its login has on other sites. Of signed cookies nobody knows how many there are (0); those from before this moment no longer count.
   */
  async revokeUser(user: string | number, options: { readonly except?: object } = {}): Promise<number> {
    if (this.#store.engine.stateless) return this.#cutOff(String(user), options.except)
    const spared = await this.#sparedBy(options.except)
    const looks = new Map<string, number>()
    let ended = await this.#endLogins(user, spared)
    for (let round = 0; round < ROUNDS; round++) {
      const entries = await this.#store.index.of(String(user))
      const others = entries.map(({ key }) => key).filter((key) => !spared.has(key) && (looks.get(key) ?? 0) < LOOKS)
      if (others.length === 0) break
      for (const key of others) looks.set(key, (looks.get(key) ?? 0) + 1)
      const results = await Promise.all(others.map((key) => this.#end(key)))
      ended += results.filter(Boolean).length
      // What is not there may be just being made, and then has to be found the next time.
      const settled = this.#store.clock() - BEING_MADE
      const isSettled = (key: string) => entries.some((entry) => entry.key === key && entry.seen < settled)
      const over = others.filter((key, at) => results[at] || (looks.get(key) === LOOKS && isSettled(key)))
      await this.#unlist(String(user), over)
    }
    return ended
  }

  /**
   * Ends all sessions of a login, whatever sites and machines they are on, and says how many it ended: `group` is what `sojourn/sites` made for
   * one login on several sites, `user` all of a user's; the others are an issuer's of OpenID Connect. A request that works in one of
   * them just now brings none back, and a login of this very moment that belongs to it does not outlive it either.
   *
   * Only sessions that logins over several sites have made are known; with `sessionUserIndex` a `user`'s others end too. Of signed cookies
   * nobody knows how many there are (0); they no longer count. Throws `ImproperlyConfigured` for what names nobody, and `StoreUnavailable`: what is ended by then stays so, and what is not is tried
   * again for half a minute.
   *
   * @param options `last`: the key of the session that goes when all others are gone: whoever logs out in it can try again where that fails
   */
  async endSessions(who: EndOf, { last }: { readonly last?: string | null } = {}): Promise<number> {
    const store = this.#store
    refuseNobody(who, store.clock())
    const until = Math.floor(store.clock()) + 2 * store.settings.sessionCookieAge * 1000
    const { group, keys } = await end(store, who, () => store.moments.ofEnd(), until)
    const count = await this.#endMembers(
      group,
      keys.filter((key) => key !== last),
    )
    const own = keys.filter((key) => key === last)
    const owns = await this.#endMembers(group, own)
    const others = 'user' in who && store.settings.sessionUserIndex ? await this.revokeUser(who.user) : 0
    this.#site.emit('sessions_ended', { count: count + owns + others, by: kindOf(who) })
    return count + owns + others
  }

  /** Deletes the sessions of a group that is over. Those that the store does not delete now are tried again, whether anybody asks or not. */
  async #endMembers(group: string, keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0
    const store = this.#store
    const results = await Promise.allSettled(keys.map(async (key) => store.deleteMember(key)))
    const isLeft = (at: number): boolean => results[at]?.status === 'rejected'
    const left = keys.filter((_, at) => isLeft(at))
    const gone = keys.filter((_, at) => !isLeft(at))
    if (left.length > 0) {
      void untilDone(async () => {
        await Promise.all(left.map((key) => store.deleteMember(key)))
        await store.links.leave(group, left)
        return true
      })
    }
    await store.links.leave(group, gone)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return results.filter((result) => result.status === 'fulfilled' && result.value === 'deleted').length
  }

  /** Whether a signed cookie of this user is from before `revokeUser`, or of a login that was ended. */
  isCutOff(user: string, cells: Cells): MaybePromise<boolean> {
    return chain(this.#isBeforeCutoff(user, cells), (isBefore) => isBefore || isOverInCookie(this.#store, cells))
  }

  #isBeforeCutoff(user: string, cells: Cells): MaybePromise<boolean> {
    const cutoffs = this.#cutoffs
    if (cutoffs === null) return false
    return chain(
      this.#store.askCutoffs('read', () => cutoffs.of(user)),
      (moment) => moment !== null && loginOf(cells) <= moment,
    )
  }

  async #cutOff(user: string, except: object | undefined): Promise<number> {
    const cutoffs = this.#cutoffs
    if (cutoffs === null) throw noIndexKept()
    const moment = this.#store.moments.ofEnd()
    await this.#store.askCutoffs('write', () => cutoffs.put(user, moment))
    const spared = except === undefined ? undefined : findScope(except)?.state
    spared?.put(MARK_KEY, loginMark(this.#store.moments.ofLogin()))
    return 0
  }

  /** Ends the logins over several sites that a user has, on all of these: the index may not know each of their sessions. */
  async #endLogins(user: string | number, spared: ReadonlySet<string>): Promise<number> {
    let ended = 0
    for (const login of (await this.forUser(user)).map(UserSession.loginOf)) {
      if (login.group === null || login.sessions.some(({ key }) => spared.has(key))) continue
      ended += await this.endSessions({ group: login.group })
    }
    return ended
  }

  /** `null` where the session is not there any more, or is another user's. */
  async #known(entry: IndexEntry): Promise<Known | null> {
    const cells = await this.#cellsOf(entry.key)
    const { user, group } = loginIn(cells, entry.key)
    return user === entry.user ? { entry, group, cells } : null
  }

  async #loginOf(session: UserSession | string): Promise<LoginKeys> {
    if (typeof session === 'string') {
      const cells = await this.#cellsOf(session)
      return { ...loginIn(cells, session), group: groupToBe(cells, session) }
    }
    const { group, sessions } = UserSession.loginOf(session)
    const [{ key, user }] = sessions
    return { user, group: group ?? groupToBe(await this.#cellsOf(key), key), keys: sessions.map((each) => each.key) }
  }

  /** The keys of all sessions of the login that a request is of, or one of `forUser`. */
  async #sparedBy(except: object | undefined): Promise<ReadonlySet<string>> {
    if (except === undefined) return new Set()
    const login = except instanceof UserSession ? await this.#loginOf(except) : await this.#loginOfRequest(except)
    if (login === null) return new Set()
    const { links, groupOf } = this.#store
    const members = login.group === null ? [] : await links.members(groupOf('gid', login.group))
    return new Set([...login.keys, ...members.map(({ key }) => key)])
  }

  async #loginOfRequest(request: object): Promise<LoginKeys | null> {
    const state = findScope(request)?.state
    if (state === undefined || state.key === null) return null
    if (state.unavailable !== null) throw state.unavailable
    return state.phase === 'loaded' ? loginIn(state.cells(), state.key) : this.#loginOf(state.key)
  }

  /** Forgets sessions that are over. Where the list cannot be changed they are over all the same, and are found to be so the next time. */
  async #unlist(user: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    try {
      await this.#store.index.remove(user, keys)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }

  /** Empty where there is none. */
  async #cellsOf(key: string): Promise<Cells> {
    return (await this.#store.load(key))?.cells ?? new Map()
  }

  async #end(key: string): Promise<boolean> {
    return (await this.#store.delete(key)) === 'deleted'
  }

  #idOf(key: string): string {
    return base64url(saltedHmac('sojourn.user_session', key, this.#store.settings.secretKey)).slice(0, 22)
  }
}

/** Whose a login is, which one over several sites, and the keys of its sessions as far as they are known. */
interface LoginKeys {
  readonly user: string | null
  readonly group: string | null
  readonly keys: readonly string[]
}

function loginIn(cells: Cells, key: string): LoginKeys {
  return { user: userOf(cells), group: linkOf(cells)?.g ?? null, keys: [key] }
}

/** The group of a login, or the one that it has not yet: a tab that comes for its first ticket just now makes it. */
function groupToBe(cells: Cells, key: string): string | null {
  const link = linkOf(cells)
  return link === null ? null : (link.g ?? groupOfKey(key))
}
