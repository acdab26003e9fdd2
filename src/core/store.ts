import { ImproperlyConfigured, SessionNotLoaded, StoreUnavailable } from '../errors.js'
import { Asking } from './asking.js'
import { remainingMoment } from './expiry.js'
import { type GroupOf, isKnownAs, linkOf, membershipsOf } from './link-mark.js'
import type { LinkStore } from './link-store.js'
import { isAlive } from './links.js'
import { chain, inOrder, isPromise, orElse } from './maybe.js'
import { NO_CELLS } from './merge.js'
import { Moments } from './moments.js'
import type { SessionState } from './session.js'
import { SchemaCheck } from './session-schema.js'
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
  Sweep,
  Version,
} from './types.js'

/** Keys shorter than this were never ours; Django drops them unread. */
const SHORTEST_KEY = 8
/** What a key in a table, a path or a cache may look like. Anything else is refused before it gets there (T12, T14, T35). */
const STORED_KEY = /^[A-Za-z0-9_-]{8,128}$/
/** What a signed cookie may look like: it is its own data. */
const SIGNED_KEY = /^[\x21-\x7e]{8,4096}$/
/** How many sessions are taken off a list in one operation. */
const KEYS_AT_ONCE = 100
const KEY_LENGTH = 32
const KEY_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Says whether anybody listens. */
type Emit = <E extends keyof SiteEvents>(type: E, event: SiteEvents[E]) => boolean

/** What a store is given besides its engine. */
export interface StoreParts {
  readonly random: (length: number, alphabet: string) => string
  readonly emit: Emit
  readonly links: LinkStore | null
  readonly others: Pick<SessionEngine, 'delete'> | null
  readonly groupOf: GroupOf
}

/**
 * An engine as the core uses it: every operation has a deadline, every failure is a `StoreUnavailable`, and no malformed key
 * reaches it.
 */
export class Store {
  readonly engine: SessionEngine
  readonly settings: ResolvedSettings
  readonly clock: Clock
  readonly moments: Moments
  readonly turns = new Turns()
  /** What checks the data; `null` without the setting. */
  readonly schema: SchemaCheck | null
  readonly groupOf: GroupOf
  readonly #random: (length: number, alphabet: string) => string
  readonly #emit: Emit
  readonly #asking: Asking
  readonly #askingCutoffs: Asking
  readonly #askingLinks: Asking
  readonly #links: LinkStore | null
  readonly #others: StoreParts['others']
  /** Whether records and groups are asked for. */
  #hasLinks: boolean

  constructor(engine: SessionEngine, settings: ResolvedSettings, { random, emit, links, others, groupOf }: StoreParts) {
    this.engine = engine
    this.#links = links
    this.#others = others
    this.#hasLinks = links !== null && settings.sessionTokenAudiences.length > 0
    this.groupOf = groupOf
    this.settings = settings
    this.clock = settings.clock
    this.moments = new Moments(settings.clock)
    const { sessionSchema } = settings
    this.schema = sessionSchema && new SchemaCheck(sessionSchema, (event) => emit('session_schema_mismatch', event))
    this.#random = random
    this.#emit = emit
    const asking = (name: string): Asking =>
      new Asking(name, settings.sessionStoreTimeout * 1000, (event) => emit('store_failed', event))
    this.#asking = asking(engine.name)
    this.#askingCutoffs = asking('sojourn_cutoff')
    this.#askingLinks = engine.stateless ? asking('sojourn_record') : this.#asking
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
    return this.#wellFormed(key) ? this.#asking.ask('load', () => this.engine.load(key, slide), until) : null
  }

  /**
   * `load` for a request. With `sessionOnStoreError: 'read-only'` a store that fails gives an empty session, or what a cache beside it
   * still has; whoever changes that gets the failure.
   */
  open(key: string): MaybePromise<Opened | null> {
    const slide = this.settings.sessionSaveEveryRequest === true ? this.#slide() : undefined
    const load = (): MaybePromise<Opened | null> => this.#find(key, slide)
    return this.settings.sessionOnStoreError === 'error'
      ? load()
      : orElse(load, (error) => this.#withoutStore(key, error))
  }

  /** `load` for whoever looks after a session and is not its visitor: nothing moves its end, and a store that fails is a failure. */
  look(key: string): MaybePromise<Loaded | null> {
    return this.#find(key)
  }

  #find(key: string, slide?: Slide): MaybePromise<Loaded | null> {
    return chain(this.load(key, slide), (found) => this.#unlessOver(key, found))
  }

  /**
   * A session whose login was ended elsewhere is deleted by whoever ended it, if the groups knew its key. One that was given another key by
   * Django is looked at here.
   */
  #unlessOver(key: string, found: Loaded | null): MaybePromise<Loaded | null> {
    if (found === null || this.engine.stateless) return found
    const link = linkOf(found.cells)
    if (link === null || isKnownAs(link, key)) return found
    return chain(isAlive(this.links, membershipsOf(found.cells, this.groupOf)), (alive) =>
      alive ? found : this.#over(key),
    )
  }

  #over(key: string): MaybePromise<null> {
    const gone = orElse<unknown>(
      () => this.delete(key),
      () => undefined,
    )
    return this.engine.synchronous ? null : chain(gone, () => null)
  }

  #slide(): Slide {
    const now = this.clock()
    return {
      now,
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
    return this.#asking.ask('create', () => this.engine.create(key, record))
  }

  /** @param until as for `load` */
  save(key: string, record: SessionRecord, expected: Version, until?: number): MaybePromise<Outcome> {
    return this.#wellFormed(key)
      ? this.#asking.ask('save', () => this.engine.save(key, record, expected), until)
      : 'missing'
  }

  /** When a save is given up that began then, with all its tries and its waiting for others (both `performance.now()`). */
  lastMoment(began: number): number {
    return this.#asking.lastMoment(began)
  }

  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'> | null {
    const { engine } = this
    return engine.touch === undefined
      ? null
      : this.#asking.ask('touch', () => engine.touch?.(key, expires) ?? 'missing')
  }

  delete(key: string, expected?: Version): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return this.#wellFormed(key) ? this.#asking.ask('delete', () => this.engine.delete(key, expected)) : 'missing'
  }

  /** Deletes a session that a group knows: another site's, where this one's are in cookies. */
  deleteMember(key: string): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    const others = this.#others
    if (others === null) return this.delete(key)
    return STORED_KEY.test(key) ? this.#askingLinks.ask('delete', () => others.delete(key)) : 'missing'
  }

  /** Asks the table beside an engine that stores nothing, under the same deadline; when it is down, who needs only a cookie is served. */
  askCutoffs<T>(operation: string, run: () => MaybePromise<T>): MaybePromise<T> {
    return this.#askingCutoffs.ask(operation, run)
  }

  exists(key: string): MaybePromise<boolean> {
    return this.#wellFormed(key) ? this.#asking.ask('exists', () => this.engine.exists(key)) : false
  }

  /** The engine's index of users' sessions, under the same deadline. Throws `ImproperlyConfigured` where none is kept. */
  get index(): SessionIndex {
    if (!this.settings.sessionUserIndex) throw noIndexKept()
    const { users } = this.engine
    if (users === undefined) throw noIndex(this.engine.name)
    return {
      put: (entry) =>
        chain(
          this.#asking.ask('index', () => users.put(entry)),
          (gone) => this.#end(gone),
        ),
      of: (user) => this.#asking.ask('index', () => users.of(user)),
      // Each part has its own deadline.
      remove: (user, keys) =>
        inOrder(
          partsOf(keys, KEYS_AT_ONCE).map((some) => () => this.#asking.ask('index', () => users.remove(user, some))),
        ),
    }
  }

  /** The engine's records and groups beside the sessions, under the same deadline. Throws `ImproperlyConfigured` where it has none. */
  get links(): LinkStore {
    const links = this.#links
    if (links === null) throw noLinks(this.engine.name)
    const ask = <T>(run: () => MaybePromise<T>): MaybePromise<T> => this.#askingLinks.ask('links', run)
    return {
      put: (name, value, expires) => ask(() => links.put(name, value, expires)),
      add: (name, value, expires) => ask(() => links.add(name, value, expires)),
      replace: (name, value, expires, expected) => ask(() => links.replace(name, value, expires, expected)),
      get: (name) => ask(() => links.get(name)),
      take: (name) => ask(() => links.take(name)),
      join: (group, member, expires) => ask(() => links.join(group, member, expires)),
      leave: (group, keys) => ask(() => links.leave(group, keys)),
      members: (group) => ask(() => links.members(group)),
    }
  }

  /** Says at the start that records and groups will be asked for. Throws `ImproperlyConfigured` where there are none. */
  usesLinks(): void {
    if (this.#links === null) throw noLinks(this.engine.name)
    this.#hasLinks = true
  }

  /** Asks what is kept beside the sessions, as far as it is used, whether it is there. */
  async besides(): Promise<void> {
    if (this.settings.sessionUserIndex && this.engine.users !== undefined) await this.index.of('')
    if (this.#hasLinks) await this.links.get('ready')
  }

  /** Forgets the records and memberships that are past their end; `undefined` where the store does so by itself. */
  sweepLinks(): Sweep | undefined {
    return this.#links?.sweep?.(this.clock())
  }

  /** Ends sessions that the index has no room for: whoever ends all of a user's would not know of them. */
  #end(keys: readonly string[]): MaybePromise<readonly string[]> {
    return keys.length === 0 ? keys : Promise.all(keys.map((key) => this.delete(key))).then(() => keys)
  }

  /** Loads a session that is touched, if its engine can answer at once. */
  loadNow(state: SessionState): void {
    if (state.phase === 'failed') throw state.failure
    if (state.key === null) {
      state.phase = 'loaded'
      return
    }
    if (!this.engine.synchronous) throw new SessionNotLoaded()
    let loaded: MaybePromise<Opened | null>
    try {
      loaded = this.open(state.key)
    } catch (error) {
      state.failure = error
      throw error
    }
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
}

function partsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))
}

/** An empty list would say that nobody is logged in. */
export function noIndexKept(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    "The sessions of each user are listed only with the setting sessionUserIndex: true; in a database run 'sojourn migrate' once more, and sessions are known from their next visit on.",
  )
}

export function noLinks(engine: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `The session engine '${engine}' keeps nothing beside its sessions, so logins over several sites, session tokens and tickets cannot stand on it: give it \`links\`, or take another engine.`,
  )
}

export function noIndex(engine: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`The session engine '${engine}' keeps no list of a user's sessions.`)
}
