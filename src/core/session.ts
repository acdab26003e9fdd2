import { ReservedName, SessionReadOnly, SessionSealed, SessionValueError, type StoreUnavailable } from '../errors.js'
import { encodeJson, isNested, parseJson } from '../wire/json.js'
import {
  absoluteEnd,
  atBrowserClose,
  END_KEY,
  EXPIRY_KEY,
  type ExpiryRules,
  expiryAge,
  expiryMoment,
  LAST_MOMENT,
  microsOfMoment,
  momentText,
  ownExpiry,
  type StoredExpiry,
  withAbsoluteEnd,
} from './expiry.js'
import { LINK_KEY } from './link-mark.js'
import { delta, NO_CELLS } from './merge.js'
import type { Expiry } from './session-types.js'
import type { Store } from './store.js'
import type { Cells, Loaded, MaybePromise, RequestHead, Version } from './types.js'
import { AUTH_TIME_KEY, MARK_KEY } from './user-mark.js'

const REMOVED = Symbol('removed')
const TEST_COOKIE_NAME = 'testcookie'
const TEST_COOKIE_VALUE = 'worked'

/**
 * Keys that login, forms and messages keep their own values under. Whoever could set them through the dictionary (a
 * handler that copies a form into the session) could become another user: session puzzling, T25. Reading is free.
 */
const OWN_KEYS = new Map([
  ['_auth_user_id', 'login(request, user)'],
  ['_auth_user_backend', 'login(request, user)'],
  ['_auth_user_hash', 'login(request, user)'],
  ['_csrftoken', 'rotateToken(request)'],
  ['_messages', 'messages.add(request, level, text)'],
  [EXPIRY_KEY, 'session.setExpiry(value)'],
  [END_KEY, 'session.setExpiry(value)'],
  [LINK_KEY, 'sojourn/sites or sojourn/oidc'],
  [MARK_KEY, 'site.sessions'],
  [AUTH_TIME_KEY, 'login(request, user)'],
])

/** Whether a key is one of sojourn's own: it cannot be set through the dictionary. */
export function isOwnKey(key: string): boolean {
  return OWN_KEYS.has(key)
}

function refuseOwn(key: string): void {
  const owner = OWN_KEYS.get(key)
  if (owner === undefined) return
  throw new ReservedName(`The key '${key}' belongs to sojourn; use ${owner} instead of setting it.`)
}

/** A nested value that was handed out, with the text it was read from: who holds it may change it at any time. */
interface Handed {
  readonly value: unknown
  readonly text: string
}

/**
 * One session as one request sees it: what the store held, and what was changed since. Pure memory; whatever meets the
 * store is in `commit.ts`. The dictionary that users hold is a proxy over it (`dictionary.ts`).
 */
export class SessionState {
  readonly store: Store
  /** The key that names the session; `null` once it is known that none does. */
  key: string | null
  /** `unread` until the data were fetched, which happens at first touch. */
  phase: 'unread' | 'loaded' | 'failed' = 'unread'
  /** Why loading failed, if it did; thrown at every touch where the phase is `failed`. */
  failure: unknown = undefined
  /** What the store holds at `version`. */
  baseline: Cells = NO_CELLS
  version: Version = undefined
  /** What the engine gave, for whoever asks when it ends. */
  loaded: Loaded | null = null
  /** Why the store could not be asked, where the session may be read all the same; thrown at every change. */
  unavailable: StoreUnavailable | null = null
  accessed = false
  modified = false
  /** Something was changed since the last save of this request. */
  unsaved = false
  /** Counts changes, so that a save knows whether something was changed while it was under way. */
  revision = 0
  /** This request has the session's turn among those of this process (`commit.ts`). */
  inTurn = false
  /** What a transaction works on; it may change a session whose head has left. */
  transacting = false
  /** Told of each new key, where the visitor names the session in another way than by it. */
  follower: { renamed(key: string): MaybePromise<void> } | null = null
  /** Who visits, where a request does: for the index of users' sessions. */
  visitor: Pick<RequestHead, 'header' | 'address'> | null = null
  /** The key was changed in this request, and the new one is stored. */
  cycled = false
  /**
   * The first byte of the response wants to leave, and the session is being stored: what a page changes now would be lost, or stored
   * without a word of it to the visitor. What was begun before goes on.
   */
  held = false
  /** The head of the response has left: whatever is changed now would be lost. */
  sealed = false
  /** No response follows by which a cookie could reach the visitor. */
  readOnly = false
  /** Counts `flush()`, so that a `cycleKey()` that ends after it does not bring the session back. */
  generation = 0
  /** A load that is under way. */
  loading: Promise<void> | null = null
  /** Another request of this visitor ended the session, perhaps by a login: what the browser has by now is that one's affair. */
  endedElsewhere = false
  /** What flush, cycleKey, save and transact began and is under way; never rejects. */
  pending: Promise<void> | null = null
  /** What of it failed, and did not succeed later. */
  failures: Map<string, unknown> | null = null

  #changes: Map<string, unknown> | null = null
  /** Keys that were removed at some time: set again, they move to the end, as in a Python dict. */
  #moved: Set<string> | null = null
  #handed: Map<string, Handed> | null = null
  /** Of each key the text that `sessionSchema` was asked about last, and whether it fits. */
  #judged: Map<string, { readonly text: string; readonly fits: boolean }> | null = null

  constructor(store: Store, key: string | null) {
    this.store = store
    this.key = key
  }

  // --- the dictionary -----------------------------------------------------------------------------------------

  get(key: string, fallback?: unknown): unknown {
    this.touch()
    const value = this.#value(key)
    return value === REMOVED ? fallback : value
  }

  has(key: string): boolean {
    return this.#holds(key) && (this.store.schema === null || this.#value(key) !== REMOVED)
  }

  keys(): string[] {
    this.touch()
    return this.store.schema === null ? this.#keys() : this.#keys().filter((key) => this.#value(key) !== REMOVED)
  }

  set(key: string, value: unknown): void {
    refuseOwn(key)
    this.put(key, value)
  }

  /** `set` for sojourn's own keys. */
  put(key: string, value: unknown): void {
    this.#refuse(key, value)
    this.#change()
    this.#put(key, value)
  }

  /** Throws for what no session can keep under this key. */
  #refuse(key: string, value: unknown): void {
    if (value === undefined) {
      throw new SessionValueError(
        `A session cannot keep undefined: the value of '${key}' must be what JSON can hold. Use delete to remove a key.`,
      )
    }
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new SessionValueError(
        `A session cannot keep a ${typeof value}: the value of '${key}' must be what JSON can hold.`,
      )
    }
    this.store.schema?.refuse(key, value)
  }

  #put(key: string, value: unknown): void {
    this.#changes ??= new Map()
    if (this.#changes.get(key) === REMOVED) this.#changes.delete(key)
    this.#changes.set(key, value)
    // What was handed out under this key is no longer part of the session.
    this.#handed?.delete(key)
  }

  delete(key: string): boolean {
    if (!this.#holds(key)) return false
    this.#change()
    this.#changes ??= new Map()
    if (this.baseline.has(key)) {
      this.#moved ??= new Set()
      this.#moved.add(key)
      this.#changes.set(key, REMOVED)
    } else {
      this.#changes.delete(key)
    }
    this.#handed?.delete(key)
    return true
  }

  pop(key: string, fallback?: unknown): unknown {
    this.touch()
    const value = this.#value(key)
    this.delete(key)
    return value === REMOVED ? fallback : value
  }

  setDefault(key: string, value: unknown): unknown {
    if (!this.has(key)) this.set(key, value)
    return this.get(key)
  }

  /** All of the values, or none where one of them is refused. */
  update(values: object): void {
    const entries = Object.entries(values)
    for (const [key, value] of entries) {
      refuseOwn(key)
      this.#refuse(key, value)
    }
    this.#change()
    for (const [key, value] of entries) this.#put(key, value)
  }

  clear(): void {
    this.#change()
    this.#forget()
    const gone = [...this.baseline.keys()]
    this.#changes = new Map(gone.map((key) => [key, REMOVED]))
    this.#moved = new Set(gone)
  }

  /** `session.modified = true`: save even though no key seems changed. Django's way out for nested changes. */
  markModified(modified: boolean): void {
    if (modified) this.#refuseChange()
    this.modified = modified
    this.unsaved = modified
  }

  isEmpty(): boolean {
    return this.key === null && (this.phase !== 'loaded' || this.#keys().length === 0)
  }

  // --- its end ------------------------------------------------------------------------------------------------

  setExpiry(value: Expiry): void {
    if (value === null) {
      this.touch()
      if (this.#storedExpiry() !== null) this.delete(EXPIRY_KEY)
      return
    }
    this.put(EXPIRY_KEY, expiryToStore(value, this.store.settings))
  }

  /** Ends the session at a moment (seconds since 1970) that no later `setExpiry` can put off. */
  endAt(seconds: number): void {
    const own = this.#storedExpiry()
    this.put(END_KEY, seconds)
    // What an earlier such limit left as the session's expiry is not its owner's.
    if (own === null && this.has(EXPIRY_KEY)) this.delete(EXPIRY_KEY)
  }

  getExpiryAge(options: { modification?: Date; expiry?: Expiry } = {}): number {
    const now = this.store.clock()
    const modification = options.modification?.getTime() ?? now
    const age = expiryAge(this.#expiry(options), this.store.settings, modification)
    const end = options.expiry === undefined ? absoluteEnd(this.cells(), this.store.settings) : null
    return end === null ? age : Math.min(age, Math.floor((end - modification) / 1000))
  }

  getExpiryDate(options: { modification?: Date; expiry?: Expiry } = {}): Date {
    const modification = options.modification?.getTime() ?? this.store.clock()
    const moment = expiryMoment(this.#expiry(options), this.store.settings, modification)
    const end = options.expiry === undefined ? absoluteEnd(this.cells(), this.store.settings) : null
    return new Date(end === null ? moment : Math.min(moment, end))
  }

  getExpireAtBrowserClose(): boolean {
    this.touch()
    return atBrowserClose(this.#storedExpiry(), this.store.settings)
  }

  getSessionCookieAge(): number {
    return this.store.settings.sessionCookieAge
  }

  #expiry(options: { expiry?: Expiry }): StoredExpiry {
    if (options.expiry !== undefined)
      return options.expiry === null ? null : expiryToStore(options.expiry, this.store.settings)
    this.touch()
    return this.#storedExpiry()
  }

  #storedExpiry(): StoredExpiry {
    return this.has(EXPIRY_KEY) ? ownExpiry(this.cells(), this.store.settings) : null
  }

  // --- the test cookie ----------------------------------------------------------------------------------------

  setTestCookie(): void {
    this.set(TEST_COOKIE_NAME, TEST_COOKIE_VALUE)
  }

  testCookieWorked(): boolean {
    return this.get(TEST_COOKIE_NAME) === TEST_COOKIE_VALUE
  }

  deleteTestCookie(): void {
    this.delete(TEST_COOKIE_NAME)
  }

  // --- for commit.ts ------------------------------------------------------------------------------------------

  /** Marks an access, and sees to it that the data are here. */
  touch(): void {
    this.accessed = true
    if (this.phase !== 'loaded') this.store.loadNow(this)
  }

  /** The data as they would be saved now: text that nobody touched as it came, everything else encoded. */
  cells(): Cells {
    const changes = this.#changes
    const handed = this.#handed
    if (!changes?.size && !handed?.size) return this.baseline
    const cells = new Map<string, string>()
    for (const [key, text] of this.baseline) {
      if (this.#moved?.has(key)) continue
      const given = handed?.get(key)
      if (changes?.has(key)) cells.set(key, this.#cell(key, changes.get(key), text))
      else cells.set(key, given !== undefined && isChanged(given) ? this.#cell(key, given.value, given.text) : text)
    }
    if (changes) {
      for (const [key, value] of changes) {
        if (value !== REMOVED && !cells.has(key)) cells.set(key, this.#cell(key, value, this.baseline.get(key)))
      }
    }
    return cells
  }

  /** Notices nested values that were changed in place, since they were handed out or since the last save. */
  noticeNested(): void {
    if (this.unsaved || !this.store.settings.sessionDetectNested) return
    for (const given of this.#handed?.values() ?? []) {
      if (!isChanged(given)) continue
      this.modified = true
      this.unsaved = true
      return
    }
  }

  /**
   * Makes nested changes ours for good, before another state of the store takes the place of the baseline. A value that was
   * only read gives way to theirs: else it would look like a change of ours at the next save.
   */
  settle(theirs: Cells = this.baseline): void {
    for (const [key, given] of this.#handed ?? []) {
      if (isChanged(given)) {
        this.#changes ??= new Map()
        if (!this.#changes.has(key)) this.#changes.set(key, given.value)
      } else if (theirs.get(key) !== given.text) {
        this.#handed?.delete(key)
      }
    }
  }

  /** `cells()` as they go into the store: with the absolute limit written in, where the settings have one. */
  cellsToSave(): Cells {
    return withAbsoluteEnd(this.cells(), this.store.settings, this.store.clock())
  }

  /** Takes over what the store holds now; changes made since stay on top. */
  rebase(cells: Cells, version: Version): void {
    this.baseline = cells
    this.version = version
    this.phase = 'loaded'
  }

  /**
   * Takes over what was just saved. Values that someone may still hold and change are watched from here on; a change made
   * while the save was under way (`revision` then) stays a change.
   */
  keep(cells: Cells, version: Version, revision: number): void {
    const changes = this.#changes
    const late = revision === this.revision ? [] : [...delta(cells, this.cellsToSave())]
    this.#handed?.forEach((given, key) => {
      this.#watch(key, given.value, cells)
    })
    for (const [key, value] of changes ?? []) if (typeof value === 'object') this.#watch(key, value, cells)
    this.#changes = null
    this.#moved = null
    this.unsaved = false
    this.rebase(cells, version)
    for (const [key, text] of late) this.#redo(key, text === null ? REMOVED : changes?.get(key))
  }

  /** A change made while a save was under way is a change of what was saved. */
  #redo(key: string, value: unknown): void {
    if (value === undefined) return
    this.unsaved = true
    this.#changes ??= new Map()
    this.#changes.set(key, value)
    this.#handed?.delete(key)
    if (value !== REMOVED) return
    this.#moved ??= new Set()
    this.#moved.add(key)
  }

  #watch(key: string, value: unknown, cells: Cells): void {
    const text = cells.get(key)
    if (text === undefined || value === null) return
    this.#handed ??= new Map()
    this.#handed.set(key, { value, text })
  }

  /** Forgets all data and what was changed, as `clear` and `flush` do. */
  forget(): void {
    this.#forget()
    this.rebase(NO_CELLS, undefined)
  }

  /** The session is over, for whoever holds it: the next change begins a new one. What the store has is not its business. */
  end(): void {
    this.generation++
    this.accessed = true
    this.modified = true
    this.unsaved = true
    this.cycled = false
    this.unavailable = null
    this.key = null
    this.forget()
  }

  /** The same session once more, for a transaction; `isLate` for one that began when nobody could be told of a new key any more. */
  twin(isLate: boolean): SessionState {
    const own = new SessionState(this.store, this.key)
    own.transacting = true
    own.inTurn = true
    own.sealed = this.sealed || isLate
    own.visitor = this.visitor
    own.follower = this.follower
    return own
  }

  /** Takes over what a transaction left; changes made here meanwhile stay on top. */
  adopt(own: SessionState): void {
    if (own.generation > 0) this.end()
    this.settle(own.baseline)
    this.rebase(own.baseline, own.version)
    this.key = own.key
    this.accessed = true
    this.modified ||= own.modified
    this.cycled ||= own.cycled
    for (const [key, given] of own.#handed ?? []) {
      this.#handed ??= new Map()
      if (!this.#handed.has(key) && !this.#changes?.has(key)) this.#handed.set(key, given)
    }
  }

  #change(): void {
    this.touch()
    this.#refuseChange()
    this.modified = true
    this.unsaved = true
    this.revision++
  }

  /** Why this session cannot be changed now. */
  refusal(): SessionSealed {
    return this.readOnly ? new SessionReadOnly() : new SessionSealed()
  }

  #refuseChange(): void {
    if (this.sealed && !this.transacting) throw this.refusal()
    if (this.unavailable !== null) throw this.unavailable
  }

  #forget(): void {
    this.#changes = null
    this.#moved = null
    this.#handed = null
  }

  #value(key: string): unknown {
    if (this.#changes?.has(key)) return this.#changes.get(key)
    const given = this.#handed?.get(key)
    if (given !== undefined) return given.value
    const text = this.baseline.get(key)
    if (text === undefined) return REMOVED
    const value = parseJson(text)
    if (!this.#fits(key, text, value)) return REMOVED
    if (isNested(text)) {
      this.#handed ??= new Map()
      this.#handed.set(key, { value, text })
    }
    return value
  }

  /** Whether something is kept under a key, whether or not it fits. */
  #holds(key: string): boolean {
    this.touch()
    if (this.#changes?.has(key)) return this.#changes.get(key) !== REMOVED
    return this.baseline.has(key)
  }

  /** Whether a stored value is what `sessionSchema` says; asked once for each text. */
  #fits(key: string, text: string, value: unknown): boolean {
    const { schema } = this.store
    if (schema === null) return true
    const known = this.#judged?.get(key)
    if (known?.text === text) return known.fits
    return this.#judge(key, text, schema.fits(key, value))
  }

  #judge(key: string, text: string, fits: boolean): boolean {
    this.#judged ??= new Map()
    this.#judged.set(key, { text, fits })
    return fits
  }

  /** The text of a value that was changed. What it will be read as has to fit: a Date may, and the text that it becomes not. */
  #cell(key: string, value: unknown, original: string | undefined): string {
    const text = cellOf(key, value, original)
    const { schema } = this.store
    const known = this.#judged?.get(key)
    if (schema === null || (known?.text === text && known.fits)) return text
    schema.refuse(key, parseJson(text))
    this.#judge(key, text, true)
    return text
  }

  #keys(): string[] {
    if (!this.#changes) return [...this.baseline.keys()]
    const keys = [...this.baseline.keys()].filter((key) => !this.#moved?.has(key))
    const known = new Set(keys)
    for (const [key, value] of this.#changes ?? []) if (value !== REMOVED && !known.has(key)) keys.push(key)
    return keys
  }
}

/**
 * Whether a nested value was changed since it was handed out. The first comparison is enough for what sojourn wrote;
 * Python writes `1.0`, and only reading the old text again tells that nothing changed.
 */
function isChanged(handed: Handed): boolean {
  const text = encodeJson(handed.value)
  return text !== handed.text && text !== encodeJson(parseJson(handed.text))
}

const EXPIRY_VALUES = 'setExpiry takes whole seconds, a Date, ISO 8601 text, 0 or null.'

/** The text of a value; an error says under which key it was. */
function cellOf(key: string, value: unknown, original: string | undefined): string {
  try {
    return encodeJson(value, original)
  } catch (error) {
    if (!(error instanceof SessionValueError)) throw error
    throw new SessionValueError(`The session's '${key}' cannot be kept. ${error.message}`)
  }
}

function expiryToStore(value: Exclude<Expiry, null>, rules: ExpiryRules): number | string {
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return value
    throw new SessionValueError(EXPIRY_VALUES)
  }
  if (typeof value !== 'string' && !(value instanceof Date)) throw new SessionValueError(EXPIRY_VALUES)
  const micros = typeof value === 'string' ? microsOfMoment(value, rules) : value.getTime() * 1000
  if (micros === null || Number.isNaN(micros) || Math.abs(micros) > LAST_MOMENT * 1000) {
    throw new SessionValueError('setExpiry was given a moment that is no valid date with a time zone.')
  }
  return momentText(micros, rules)
}
