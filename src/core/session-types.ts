import type { MaybePromise } from './types.js'

/**
 * The shape of your session data. Augment it once, and every session is typed:
 *
 * ```ts
 * declare module 'sojourn' {
 *   interface SessionData {
 *     username: string
 *   }
 * }
 * ```
 *
 * Without it any key is allowed and values are `unknown`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: an interface, so that users can add to it
export interface SessionData {}

/** The declared data, or any key at all where nothing is declared. */
export type Known<T extends object> = keyof T extends never ? Record<string, unknown> : T

export type KeyOf<T extends object> = Extract<keyof Known<T>, string>

/** What `setExpiry` takes: seconds after each save, a moment, 0 for "when the browser closes", `null` for the settings' age. */
export type Expiry = number | Date | string | null

/** Django's names for the dictionary and the life of a session. Each is reached as a property; data under such a name by `get` and `set`. */
export interface SessionMethods<T extends object = SessionData> {
  /** The key in the cookie, `null` until there is one. Never log it: whoever has it is the visitor. */
  readonly sessionKey: string | null
  /** Whether the session was read or written in this request. */
  readonly accessed: boolean
  /** Whether it was changed. Set it to save even though nothing seems changed. */
  modified: boolean

  /** The value under a key, or `fallback`. Like Django's `get`; never throws for a missing key. */
  get<K extends KeyOf<T>>(key: K): Known<T>[K] | undefined
  get<K extends KeyOf<T>, F>(key: K, fallback: F): Known<T>[K] | F
  set<K extends KeyOf<T>>(key: K, value: Known<T>[K]): void
  has(key: string): boolean
  /** Removes a key; true if it was there. */
  delete(key: KeyOf<T>): boolean
  /** Removes a key and returns its value, or `fallback`. */
  pop<K extends KeyOf<T>>(key: K): Known<T>[K] | undefined
  pop<K extends KeyOf<T>, F>(key: K, fallback: F): Known<T>[K] | F
  /** The value under a key, which is set first if nothing is there. Django's `setdefault`. */
  setDefault<K extends KeyOf<T>>(key: K, value: Known<T>[K]): Known<T>[K]
  update(values: Partial<Known<T>>): void
  /** Drops all data; key and record stay. To end a session, use `flush()`. */
  clear(): void
  /** No key and no data. */
  isEmpty(): boolean

  /**
   * When this session ends: whole seconds after each save, a moment (`Date`, or ISO 8601 text to the microsecond),
   * `0` for "when the browser closes", `null` for the settings' age. Django's `set_expiry`.
   */
  setExpiry(value: Expiry): void
  /** Seconds until the session ends, counted from `modification` (default now). Django's `get_expiry_age`. */
  getExpiryAge(options?: { modification?: Date; expiry?: Expiry }): number
  getExpiryDate(options?: { modification?: Date; expiry?: Expiry }): Date
  getExpireAtBrowserClose(): boolean
  /** The age that the settings give, in seconds. */
  getSessionCookieAge(): number

  setTestCookie(): void
  testCookieWorked(): boolean
  deleteTestCookie(): void

  /** Ends the session: the data go, the record is deleted, the next write begins a new session. Awaited before the response if you do not. */
  flush(): MaybePromise<void>
  /** A new key for the same data, the old one ended. Awaited before the response if you do not. */
  cycleKey(): MaybePromise<void>
  /** Fetches the data, where that was not done yet. Throws `StoreUnavailable`. */
  load(): Promise<void>
  /** Saves now. Throws `SessionInterrupted` if the session was ended meanwhile, `StoreUnavailable`. */
  save(): Promise<void>
  /** Whether a key is taken. */
  exists(key: string): Promise<boolean>
  /**
   * Loads the session fresh, runs `fn` on it and saves at exactly that version; if someone else saved in between, `fn` runs
   * again on what they left. A counter kept so never loses a count. `fn` sees what this request changed before; it must change
   * the session it is given and no other handle, and may run several times. If it throws, nothing of it is kept.
   *
   * @example
   * ```ts
   * import { memoryEngine } from 'sojourn/engines/memory'
   * import { sojourn } from 'sojourn'
   *
   * const site = sojourn({ secretKey: 'a-long-random-secret', sessionEngine: memoryEngine() })
   * const session = site.sessions.open()
   * await session.transact((s) => {
   *   s.set('visits', Number(s.get('visits', 0)) + 1)
   * })
   * ```
   */
  transact<R>(fn: (session: Session<T>) => MaybePromise<R>): Promise<R>
}

export type ReservedName = keyof SessionMethods

/** A visitor's session: a dictionary with Django's methods. */
export type Session<T extends object = SessionData> = SessionMethods<T> & {
  [K in keyof Known<T> as Exclude<K, ReservedName>]?: Known<T>[K]
} & Iterable<[string, unknown]>
