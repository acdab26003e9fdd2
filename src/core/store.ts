import { ImproperlyConfigured, SessionNotLoaded, SojournError, StoreUnavailable } from '../errors.js'
import { Breaker } from './breaker.js'
import { remainingMoment } from './expiry.js'
import { chain, isPromise, orElse } from './maybe.js'
import { NO_CELLS } from './merge.js'
import type { SessionState } from './session.js'
import type { ResolvedSettings } from './settings.js'
import { Turns } from './turns.js'
import type {
  Clock,
  Loaded,
  MaybePromise,
  Opened,
  Outcome,
  SessionEngine,
  SessionIndex,
  SessionRecord,
  SiteEvents,
  Slide,
  Version,
} from './types.js'

/** Keys shorter than this were never ours; Django drops them unread. */
const SHORTEST_KEY = 8
/** What a key in a table, a path or a cache may look like. Anything else is refused before it gets there (T12, T14, T35). */
const STORED_KEY = /^[A-Za-z0-9_-]{8,128}$/
/** What a signed cookie may look like: it is its own data. */
const SIGNED_KEY = /^[\x21-\x7e]{8,4096}$/
/** A store is slow that takes this share of an operation's deadline, and a save may then take so many deadlines in all. */
const SLOW = 0.15
const SAVE_SHARE = 1.2
const KEY_LENGTH = 32
const KEY_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

type Emit = <E extends keyof SiteEvents>(type: E, event: SiteEvents[E]) => void

/**
 * An engine as the core uses it: every operation has a deadline, every failure is a `StoreUnavailable`, and no malformed key
 * reaches it.
 */
export class Store {
  readonly engine: SessionEngine
  readonly settings: ResolvedSettings
  readonly clock: Clock
  readonly turns = new Turns()
  readonly #random: (length: number, alphabet: string) => string
  readonly #emit: Emit
  readonly #breaker: Breaker
  /** Milliseconds that an operation may take. */
  readonly #patience: number
  /** Milliseconds that operations took of late, the last one for a quarter of it. */
  #pace = 0

  constructor(
    engine: SessionEngine,
    settings: ResolvedSettings,
    random: (length: number, alphabet: string) => string,
    emit: Emit,
  ) {
    this.engine = engine
    this.settings = settings
    this.clock = settings.clock
    this.#random = random
    this.#emit = emit
    this.#patience = settings.sessionStoreTimeout * 1000
    this.#breaker = new Breaker(this.#patience * 2)
  }

  /** The key a cookie names; `null` for what is too short to be one, as in Django. */
  keyOf(cookie: string | undefined): string | null {
    return cookie === undefined || cookie.length < SHORTEST_KEY ? null : cookie
  }

  /** 32 characters of [a-z0-9], 165 bits. Django's `_get_new_session_key`. */
  newKey(): string {
    return this.#random(KEY_LENGTH, KEY_ALPHABET)
  }

  /** @param until a moment (`performance.now()`) at which it is given up, if that comes before its deadline */
  load(key: string, slide?: Slide, until?: number): MaybePromise<Loaded | null> {
    return this.#wellFormed(key) ? this.#ask('load', () => this.engine.load(key, slide), until) : null
  }

  /**
   * `load` for a request. With `sessionOnStoreError: 'read-only'` a store that fails gives an empty session, or what a cache beside it
   * still has; whoever changes that gets the failure.
   */
  open(key: string): MaybePromise<Opened | null> {
    const slide = this.settings.sessionSaveEveryRequest === true ? this.#slide() : undefined
    if (this.settings.sessionOnStoreError === 'error') return this.load(key, slide)
    return orElse(
      () => this.load(key, slide),
      (error) => this.#withoutStore(key, error),
    )
  }

  #slide(): Slide {
    const now = this.clock()
    return {
      expires: now + this.settings.sessionCookieAge * 1000,
      endOf: (cells) => remainingMoment(cells, this.settings, now),
    }
  }

  #withoutStore(key: string, unavailable: unknown): MaybePromise<Opened> {
    if (!(unavailable instanceof StoreUnavailable)) throw unavailable
    const nothing = { cells: NO_CELLS, version: undefined, unavailable }
    const { engine } = this
    if (engine.loadCopy === undefined) return nothing
    const copy = orElse(
      () => engine.loadCopy?.(key) ?? null,
      () => null,
    )
    return chain(copy, (loaded) => ({ ...nothing, cells: loaded?.cells ?? NO_CELLS }))
  }

  create(key: string, record: SessionRecord): MaybePromise<Outcome> {
    return this.#ask('create', () => this.engine.create(key, record))
  }

  /** @param until as for `load` */
  save(key: string, record: SessionRecord, expected: Version, until?: number): MaybePromise<Outcome> {
    return this.#wellFormed(key) ? this.#ask('save', () => this.engine.save(key, record, expected), until) : 'missing'
  }

  /**
   * When a save is given up that began then, with all its tries and its waiting for others (both `performance.now()`). Nothing limits it
   * while the store is swift. While it is slow, each writer before it adds two times what an operation takes, and a request with its load
   * shall not wait for much more than two deadlines.
   */
  lastMoment(began: number): number {
    return this.#pace > this.#patience * SLOW ? began + this.#patience * SAVE_SHARE : Number.POSITIVE_INFINITY
  }

  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'> | null {
    const { engine } = this
    return engine.touch === undefined ? null : this.#ask('touch', () => engine.touch?.(key, expires) ?? 'missing')
  }

  delete(key: string, expected?: Version): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return this.#wellFormed(key) ? this.#ask('delete', () => this.engine.delete(key, expected)) : 'missing'
  }

  exists(key: string): MaybePromise<boolean> {
    return this.#wellFormed(key) ? this.#ask('exists', () => this.engine.exists(key)) : false
  }

  /** The engine's index of users' sessions, under the same deadline. Throws `ImproperlyConfigured` where there is none. */
  get index(): SessionIndex {
    const { users } = this.engine
    if (users === undefined) throw noIndex(this.engine.name)
    return {
      put: (entry) => this.#ask('index', () => users.put(entry)),
      of: (user) => this.#ask('index', () => users.of(user)),
      remove: (user, key) => this.#ask('index', () => users.remove(user, key)),
    }
  }

  /** Loads a session that is touched, if its engine can answer at once. */
  loadNow(state: SessionState): void {
    if (state.phase === 'failed') throw state.failure
    if (state.key === null) {
      state.phase = 'loaded'
      return
    }
    if (!this.engine.synchronous) throw new SessionNotLoaded()
    const loaded = this.open(state.key)
    if (isPromise(loaded)) throw new TypeError(`The engine '${this.engine.name}' says it is synchronous and is not.`)
    this.settle(state, loaded)
  }

  /** Takes over what was found under a session's key. A key that names nothing is dropped, never adopted. */
  settle(state: SessionState, loaded: Opened | null): void {
    if (loaded === null) {
      state.key = null
      state.rebase(NO_CELLS, undefined)
      return
    }
    if (loaded.corrupted) this.#emit('session_corrupted', { engine: this.engine.name })
    state.loaded = loaded
    state.unavailable = loaded.unavailable ?? null
    state.rebase(loaded.cells, loaded.version)
  }

  #wellFormed(key: string): boolean {
    return (this.engine.stateless ? SIGNED_KEY : STORED_KEY).test(key)
  }

  #ask<T>(operation: string, run: () => MaybePromise<T>, until = Number.POSITIVE_INFINITY): MaybePromise<T> {
    if (performance.now() > until) throw this.#unavailable(operation, new Error('it was too slow for so many writers'))
    const breaker = this.#breaker
    if (!breaker.admits()) throw this.#unavailable(operation, new Error('it did not answer of late'))
    const { successes } = breaker
    let answer: MaybePromise<T>
    try {
      answer = run()
    } catch (error) {
      throw this.#failed(operation, error, successes, false)
    }
    if (isPromise(answer)) return this.#within(operation, answer, successes, until)
    breaker.succeeded()
    return answer
  }

  #within<T>(operation: string, answer: Promise<T>, successes: number, until: number): Promise<T> {
    const began = performance.now()
    const patience = Math.min(this.#patience, until - began)
    return new Promise((resolve, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        this.#pace += (patience - this.#pace) / 4
        const cause = new Error(`no answer within ${Math.round(patience)} ms`)
        reject(this.#failed(operation, cause, successes, patience === this.#patience))
      }, patience)
      answer.then(
        (value) => {
          clearTimeout(timer)
          if (!isLate) this.#pace += (performance.now() - began - this.#pace) / 4
          // Also where it came too late: the store is back.
          this.#breaker.succeeded()
          resolve(value)
        },
        (error: unknown) => {
          clearTimeout(timer)
          if (!isLate) reject(this.#failed(operation, error, successes, false))
        },
      )
    })
  }

  /** What an operation's failure is to whoever asked. An error that is ours is about the session, and no fault of the store. */
  #failed(operation: string, cause: unknown, successes: number, waited: boolean): SojournError {
    if (cause instanceof SojournError && !(cause instanceof StoreUnavailable)) {
      this.#breaker.succeeded()
      return cause
    }
    this.#breaker.failed(successes, waited)
    const error = this.#unavailable(operation, cause)
    this.#emit('store_failed', { engine: this.engine.name, operation, error })
    return error
  }

  #unavailable(operation: string, cause: unknown): StoreUnavailable {
    if (cause instanceof StoreUnavailable) return cause
    const message = `The session store '${this.engine.name}' failed at ${operation}; the session was left as it is.`
    return new StoreUnavailable(message, { cause })
  }
}

export function noIndex(engine: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`The session engine '${engine}' keeps no list of a user's sessions.`)
}
