import type { SchemaIssue, SojournError, StoreUnavailable } from '../errors.js'
import type { LinkStore } from './link-store.js'

/** A value, or a promise of it. What can answer at once does, so that nothing waits a microtask for it. */
export type MaybePromise<T> = T | Promise<T>

/** A session's data as stored: each top-level key with the JSON text of its value, in order. Never changed in place. */
export type Cells = ReadonlyMap<string, string>

/**
 * What a save expects to find in the store. Opaque to the core, which only hands it back: for engines that keep text it
 * is the stored text itself, so that no column has to be added to Django's table.
 */
export type Version = unknown

/** What an engine found under a key. */
export interface Loaded {
  readonly cells: Cells
  readonly version: Version
  /** Tells when it ends, in milliseconds since 1970, where the engine knows. Asked only with `sessionTouchAfter`. */
  expires?(): number | null
  /** True where loading has moved its end, as it was asked to. */
  readonly slid?: boolean
  /** True where something is stored that does not verify; `cells` are empty then, and the next save replaces it. */
  readonly corrupted?: boolean
}

/** Where a session that is loaded should end from now on. */
export interface Slide {
  /** The end of sessions that have no end of their own, in milliseconds since 1970. */
  readonly expires: number
  /** The end of this one; what is not after `now` is over. */
  endOf(cells: Cells): number
  readonly now: number
}

/** What a request is given of a session. */
export interface Opened extends Loaded {
  /** Why the store could not be asked: then `cells` may be read and never saved (`sessionOnStoreError: 'read-only'`). */
  readonly unavailable?: StoreUnavailable
}

/** What an engine is asked to keep under a key. */
export interface SessionRecord {
  readonly cells: Cells
  /** When the session ends, in milliseconds since 1970. */
  readonly expires: number
}

/** A save that happened. */
export interface Saved {
  readonly version: Version
  /** The key to send from now on, where saving changes it (signed cookies, whose key is the data). */
  readonly key?: string
}

/**
 * How a save ended: saved, `'missing'` (nobody has this key: it was deleted, or is past its end) or `'conflict'` (`create`: the key is
 * taken; `save` and `delete`: someone else saved since `expected` was loaded).
 */
export type Outcome = Saved | 'missing' | 'conflict'

/** One session in the index of its user's sessions. Moments are in milliseconds since 1970. */
export interface IndexEntry {
  readonly user: string
  readonly key: string
  readonly created: number
  readonly seen: number
  /** When the session ends, as far as is known: the entry may go then. */
  readonly expires: number
  readonly userAgent: string
  readonly address: string
}

/** Which sessions a user has: kept beside the sessions, in a place of its own. */
export interface SessionIndex {
  /** Notes a session, or notes it anew. Gives back the keys of those for which there is no room any more: they are ended. */
  put(entry: IndexEntry): MaybePromise<readonly string[]>
  /** All that is noted of a user; sessions that have ended may be among them. */
  of(user: string): MaybePromise<readonly IndexEntry[]>
  /** Forgets these sessions of a user, all at once. */
  remove(user: string, keys: readonly string[]): MaybePromise<void>
  /** Forgets, little by little, what is noted of sessions that are gone. Absent where the store does so by itself. */
  sweep?(now: number): Sweep
}

/** When all sessions of a user were ended, for engines that store none. Moments in milliseconds since 1970. */
export interface Cutoffs {
  put(user: string, moment: number): MaybePromise<void>
  of(user: string): MaybePromise<number | null>
}

/** Deletes what is past its end, little by little. */
export interface Sweep {
  /** How many there are to delete. */
  count(): MaybePromise<number>
  /** Deletes about as many, and says how many; 0 when none are left. */
  next(limit: number): MaybePromise<number>
}

/**
 * A session backend. The one interface a new store implements.
 *
 * Absent, expired and malformed are values, never errors; an engine throws (or rejects) only when its store fails, and
 * the visitor then gets a 503 and keeps the cookie. Keys arrive checked: 8 to 4,096 characters, for engines that are not
 * `stateless` only letters, digits, `-` and `_`. An engine that can answer at once returns values instead of promises.
 */
export interface SessionEngine {
  /** Django's name of it: `db`, `cache`, `signed_cookies`... Shown by `sojourn check` and in events. */
  readonly name: string
  /** True where `load` answers at once, so that a session is loaded at first touch and never before the handler. */
  readonly synchronous: boolean
  /**
   * `compare-and-set`, also where it is not said: what this interface promises. `last-write-wins`: a store that cannot compare, where
   * parallel writes are lost and a late save may bring back what was deleted. `sojourn check` shows it.
   */
  readonly consistency?: 'compare-and-set' | 'last-write-wins'
  /** True where the key is the data (signed cookies): nothing is stored, so nothing can be found, ended or compared. */
  readonly stateless?: boolean
  /**
   * The record under a key; `null` if there is none, or it is past its end. A record that does not verify has no cells. An engine that
   * can move the end in the same round trip does so where `slide` is given, and says so (`slid`); others leave it to `touch`.
   */
  load(key: string, slide?: Slide): MaybePromise<Loaded | null>
  /**
   * What a copy of the record in some cache still says. Asked only while `load` fails, with `sessionOnStoreError: 'read-only'`; may be
   * old, and answers within 250 ms or not at all.
   */
  loadCopy?(key: string): MaybePromise<Pick<Loaded, 'cells'> | null>
  /** Keep a record under a key that nobody has; `'conflict'` if somebody has it. Never replaces. */
  create(key: string, record: SessionRecord): MaybePromise<Outcome>
  /**
   * Replace the record under a key that is there; `'missing'` if it is not, or is past its end. Never creates. With `expected`, only if
   * the store still holds that version: else `'conflict'`. One atomic step.
   */
  save(key: string, record: SessionRecord, expected?: Version): MaybePromise<Outcome>
  /** Move only the end of what is there; the data stay as they are. `'missing'` if nothing is. */
  touch?(key: string, expires: number): MaybePromise<'saved' | 'missing'>
  /**
   * Forget a key; an unknown one is no error (`'missing'`). With `expected`, only at that version: else `'conflict'`.
   */
  delete(key: string, expected?: Version): MaybePromise<'deleted' | 'missing' | 'conflict'>
  /** Whether a key is taken; expired records count, as in Django. */
  exists(key: string): MaybePromise<boolean>
  /** Delete what is past its end, and say how many. Absent where the store does so by itself. */
  clearExpired?(): MaybePromise<number>
  /** Delete it little by little, for stores that have millions. `now` in milliseconds since 1970. */
  sweep?(now: number): Sweep
  /** The sessions of each user; written only with `sessionUserIndex`. */
  readonly users?: SessionIndex
  /** Records and groups beside the sessions, for logins over several sites; used only by those. */
  readonly links?: LinkStore
  /** Let go of connections and files. */
  close?(): MaybePromise<void>
}

/** A request, as far as sessions and forms need to see it. Adapters make one; header names are lower case. */
export interface RequestHead {
  readonly method: string
  /** Path and query, as in the request line. */
  readonly url: string
  /** Whether the connection itself is TLS. A proxy's word counts only through `secureProxySslHeader`. */
  readonly encrypted: boolean
  header(name: string): string | undefined
  /** The address that the connection came from, where the runtime tells. */
  readonly address?: string | undefined
  /** Nobody can look for a token in what was submitted (a server action of Next.js): where it came from has to vouch for it. */
  readonly formless?: boolean
  /** An answer may bring cookies of requests that its page made to this very site (SvelteKit's `event.fetch`), sessions' too. */
  readonly gathering?: boolean
  /** A field of the submitted form, `undefined` if there is no such field or no form. */
  formField(name: string): MaybePromise<string | undefined>
}

/** The head of a response that has not left yet. */
export interface ResponseHead {
  readonly status: number
  get(name: string): string | undefined
  set(name: string, value: string): void
  /** Adds one more line of this name (Set-Cookie). */
  append(name: string, value: string): void
}

/** An answer given instead of the handler's: a refused form, a failed store. */
export interface PlainResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The time, in milliseconds since 1970. Tests turn it. */
export type Clock = () => number

/** What happens in a site, for logs, metrics and the explain page; `site.on(type, listener)`. No event holds a key or a secret. */
export interface SiteEvents {
  /** How a request ended for its session, and why a cookie was or was not set. */
  decided: {
    readonly action: 'none' | 'save' | 'touch' | 'cookie' | 'delete-cookie'
    readonly reason: string
    readonly request: object
  }
  /** A cookie header named the session's cookie in a disguise (a Unicode blank, T04) or twice with different values (T05). */
  cookie_name_suspicious: { readonly request: object }
  session_cookie_conflict: { readonly request: object }
  /** Stored session data did not verify. Django's "Session data corrupted". */
  session_corrupted: { readonly engine: string }
  /**
   * A stored value does not fit `sessionSchema`: it stays as it is, and reads as missing. `name` is the key within the session's data.
   * Without a listener the name is printed once. What `issues()` says may hold the value, so it is given only to whoever asks.
   */
  session_schema_mismatch: { readonly name: string; readonly issues: () => readonly SchemaIssue[] }
  /** The store failed. */
  store_failed: { readonly engine: string; readonly operation: string; readonly error: SojournError }
  /** The cache beside the table failed (`cached_db`); no visitor here noticed, a Django beside may. */
  cache_failed: { readonly error: unknown }
  /** A request ended with an error that is not the visitor's. Without a listener it is printed. */
  request_failed: { readonly error: unknown; readonly request: object }
  /** A form without a good token: `reason` in Django's words, `code` the short name of it. Not refused with `csrfMode: 'report-only'`. Without a listener it is printed, each code once a minute. */
  csrf_failed: {
    readonly reason: string
    readonly code: string
    readonly refused: boolean
    readonly request: object
  }
  /** All sessions of a login were ended (`endSessions`): how many, and by what they were found. */
  sessions_ended: { readonly count: number; readonly by: 'group' | 'user' | 'sid' | 'sub' }
  /** A step of a login over several sites: begun, granted by the hub, redeemed by a member, refused (and why), ended everywhere. */
  sso: {
    readonly step: 'begin' | 'grant' | 'redeem' | 'reject' | 'logout'
    readonly reason?: string
    readonly request: object
  }
  /** A step of a login by OpenID Connect: begun, done, refused (and why), ended here or by the provider. */
  oidc: {
    readonly step: 'begin' | 'login' | 'reject' | 'logout' | 'backchannel' | 'frontchannel'
    /** Why it was refused: one word, or the code of the error of openid-client or jose. */
    readonly reason?: string
    readonly request: object
  }
  user_logged_in: { readonly user: unknown; readonly request: object }
  user_logged_out: { readonly user: unknown; readonly request: object }
  user_login_failed: { readonly request: object | undefined }
}
