import { StoreUnavailable } from '../errors.js'
import { base64url, saltedHmac } from '../wire/crypto.js'
import { type ClearOptions, clearExpired, clearIndex } from './clear-expired.js'
import { dictionary } from './dictionary.js'
import { chain } from './maybe.js'
import { findScope } from './scope.js'
import { SessionState } from './session.js'
import type { Session } from './session-types.js'
import { noIndex, noIndexKept, type Store } from './store.js'
import type { Cells, Cutoffs, IndexEntry, MaybePromise } from './types.js'
import { loginMark, loginOf, MARK_KEY, userOf } from './user-mark.js'

/** An entry of the index whose session is not there is forgotten after so many milliseconds; until then it may be just being made. */
const BEING_MADE = 60_000
/** How often the index is read anew, for sessions that get a new key while they are being ended. */
const ROUNDS = 6
/** How often one that is listed and not there is tried: it may be just being made. What is not there then comes of a later login. */
const LOOKS = 2

/** One of a user's sessions, for a page that lists them. Holds no key that anybody could print. */
export class UserSession {
  /** Names the session on a page of its user; nobody can make the session's key of it. */
  readonly id: string
  /** When the user logged in. */
  readonly created: Date
  /** When the session was last noted: at login and, at most once a minute, when it was saved. */
  readonly lastSeen: Date
  /** As the browser sent it, at most 300 characters; empty where it is not kept. */
  readonly userAgent: string
  /** The address of the connection; empty where it is not kept. */
  readonly address: string
  readonly #entry: IndexEntry

  constructor(id: string, entry: IndexEntry) {
    this.id = id
    this.created = new Date(entry.created)
    this.lastSeen = new Date(entry.seen)
    this.userAgent = entry.userAgent
    this.address = entry.address
    this.#entry = entry
  }

  /** Whether a request is of this session. */
  isOf(request: object): boolean {
    return findScope(request)?.state.key === this.#entry.key
  }

  /** For the site that made it. */
  static entryOf(session: UserSession): IndexEntry {
    return session.#entry
  }
}

/** Sessions outside a request: jobs, commands, pages that list a user's sessions. */
export class Sessions {
  readonly #store: Store
  readonly #cutoffs: Cutoffs | null

  constructor(store: Store, cutoffs: Cutoffs | null) {
    this.#store = store
    this.#cutoffs = cutoffs
  }

  /** The session under a key, or a new one. Nothing is sent to any visitor; `await session.save()` keeps changes. */
  open(key: string | null = null): Session {
    return dictionary(new SessionState(this.#store, this.#store.keyOf(key ?? undefined)))
  }

  /**
   * Deletes the sessions that are past their end, little by little beside the traffic, and says how many. Django's `clearsessions`. May be
   * stopped (`signal`) and begun again, and run twice at once. Throws `StoreUnavailable`.
   */
  async clearExpired(options: ClearOptions = {}): Promise<number> {
    const { engine, settings, clock } = this.#store
    const sessions = clearExpired(engine, clock(), options)
    if (!settings.sessionUserIndex || options.dryRun === true) return sessions
    const clear = () => clearIndex(engine, clock(), options.signal)
    const index = sessions.then(clear, clear)
    await Promise.allSettled([index])
    // Where both fail, what is told is what became of the sessions.
    const cleared = await sessions
    await index
    return cleared
  }

  /**
   * The sessions in which this user is logged in, last seen first: what a page of devices shows. Needs `sessionUserIndex`; sessions that
   * began in Django are known from their first visit here on.
   */
  async forUser(user: string | number): Promise<UserSession[]> {
    const entries = await this.#store.index.of(String(user))
    const alive = await Promise.all(entries.map((entry) => this.#isAlive(entry)))
    const settled = this.#store.clock() - BEING_MADE
    const gone = entries.filter(({ seen }, at) => !alive[at] && seen < settled).map(({ key }) => key)
    await this.#unlist(String(user), gone)
    // With the key where all else is alike, so that logins of one moment agree on who comes last.
    return entries
      .filter((_, at) => alive[at])
      .sort((a, b) => b.seen - a.seen || b.created - a.created || (b.key < a.key ? -1 : 1))
      .map((entry) => new UserSession(this.#idOf(entry.key), entry))
  }

  /** How many sessions this user is logged in with. */
  async count(user: string | number): Promise<number> {
    return (await this.forUser(user)).length
  }

  /**
   * Ends one session, of `forUser` or by its key; false if it is over already. Whoever works in it just now gets `SessionInterrupted`, and
   * nothing that is under way brings it back.
   */
  async revoke(session: UserSession | string): Promise<boolean> {
    const key = typeof session === 'string' ? session : UserSession.entryOf(session).key
    const user = typeof session === 'string' ? await this.#userOf(key) : UserSession.entryOf(session).user
    const isEnded = await this.#end(key)
    if (isEnded && user !== null && this.#store.settings.sessionUserIndex) await this.#unlist(user, [key])
    return isEnded
  }

  /**
   * Ends all sessions of a user, and says how many it ended. `except` is the request (or one of `forUser`) that stays: "end all others".
   * Of signed cookies nobody knows how many there are (0); those from before this moment no longer count.
   */
  async revokeUser(user: string | number, options: { readonly except?: object } = {}): Promise<number> {
    if (this.#store.engine.stateless) return this.#cutOff(String(user), options.except)
    const spared = keyOf(options.except)
    const looks = new Map<string, number>()
    let ended = 0
    for (let round = 0; round < ROUNDS; round++) {
      const entries = await this.#store.index.of(String(user))
      const others = entries.map(({ key }) => key).filter((key) => key !== spared && (looks.get(key) ?? 0) < LOOKS)
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
   * Ends those past the first `limit` of a user's sessions, in an order in which all who do so at once agree: of logins of one moment the
   * last ones stay, and never none. Says whether the session under `own` was among them, as if the others had come a moment later.
   */
  async evict(user: string, limit: number, own: string | null): Promise<boolean> {
    const over = (await this.forUser(user)).slice(limit)
    for (const session of over) await this.revoke(session)
    return over.some((session) => UserSession.entryOf(session).key === own)
  }

  /** Whether a signed cookie of this user is from before `revokeUser`. */
  isCutOff(user: string, cells: Cells): MaybePromise<boolean> {
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
    const moment = Math.floor(this.#store.clock())
    await this.#store.askCutoffs('write', () => cutoffs.put(user, moment))
    const spared = except === undefined ? undefined : findScope(except)?.state
    spared?.put(MARK_KEY, loginMark(moment + 1))
    return 0
  }

  async #isAlive({ key, user }: IndexEntry): Promise<boolean> {
    return (await this.#userOf(key)) === user
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

  async #userOf(key: string): Promise<string | null> {
    const loaded = await this.#store.load(key)
    return loaded === null ? null : userOf(loaded.cells)
  }

  async #end(key: string): Promise<boolean> {
    if (this.#store.engine.stateless) throw noIndex(this.#store.engine.name)
    return (await this.#store.delete(key)) === 'deleted'
  }

  #idOf(key: string): string {
    return base64url(saltedHmac('sojourn.user_session', key, this.#store.settings.secretKey)).slice(0, 22)
  }
}

function keyOf(except: object | undefined): string | null {
  if (except === undefined) return null
  return except instanceof UserSession ? UserSession.entryOf(except).key : (findScope(except)?.state.key ?? null)
}
