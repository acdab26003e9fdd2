import { ImproperlyConfigured, SojournError, StoreUnavailable } from '../errors.js'
import { checkDeployment, type Finding } from './checks.js'
import type { Decision } from './decide.js'
import type { GroupOf } from './link-mark.js'
import type { LinkStore } from './link-store.js'
import { orElse } from './maybe.js'
import { isMissingTable, MIGRATE } from './missing-tables.js'
import type { Part, PartName } from './part.js'
import type { Scope } from './scope.js'
import { SessionCookie } from './session-cookie.js'
import type { Session, SessionData } from './session-types.js'
import { Sessions } from './sessions.js'
import type { ResolvedSettings } from './settings.js'
import { Store } from './store.js'
import type { Cutoffs, MaybePromise, SessionEngine, SiteEvents } from './types.js'
import { NOBODY_THERE, refusal, untilReady } from './until-ready.js'

type Listener<E extends keyof SiteEvents> = (event: SiteEvents[E]) => void

/** What a site is assembled from. */
export interface Assembly {
  readonly engine: SessionEngine
  /** In the order in which they finish a request. */
  readonly parts: readonly Part[]
  readonly random: (length: number, alphabet: string) => string
  /** How the groups of a login are called in the store. */
  readonly groupOf: GroupOf
  /** Ends the sessions of a user where the engine stores none. */
  readonly cutoffs?: Cutoffs | null
  /** Records and groups where the engine stores nothing itself. */
  readonly links?: LinkStore | null
  /** Where that is so, the sessions that other sites keep in the same place. */
  readonly others?: Pick<SessionEngine, 'delete'> | null
  /** Makes the tables that are missing. */
  readonly migrate?: () => MaybePromise<void>
  readonly close: () => MaybePromise<void>
}

/** The settings made real: what `sojourn(settings)` returns. `T` is what its sessions hold. */
export class Site<T extends object = SessionData> {
  readonly settings: ResolvedSettings
  readonly engine: SessionEngine
  readonly store: Store
  readonly parts: readonly Part[]
  /** The parts that look at a request before anything else does, and those that do right before its handler. */
  readonly beginning: readonly Part[]
  readonly viewing: readonly Part[]
  readonly sessions: Sessions<T>
  readonly sessionCookie: SessionCookie
  readonly #listeners = new Map<keyof SiteEvents, Set<Listener<never>>>()
  readonly #cutoffs: Cutoffs | null
  readonly #migrate: () => MaybePromise<void>
  readonly #close: () => MaybePromise<void>

  constructor(settings: ResolvedSettings, assembly: Assembly) {
    this.settings = settings
    this.engine = assembly.engine
    this.store = new Store(assembly.engine, settings, {
      random: assembly.random,
      emit: (type, event) => this.emit(type, event),
      links: assembly.links ?? assembly.engine.links ?? null,
      others: assembly.others ?? null,
      groupOf: assembly.groupOf,
    })
    this.parts = assembly.parts
    this.beginning = assembly.parts.filter((part) => part.begin !== undefined)
    this.viewing = assembly.parts.filter((part) => part.view !== undefined)
    this.#cutoffs = assembly.cutoffs ?? null
    this.sessions = new Sessions<T>(this.store, this.#cutoffs, this)
    this.sessionCookie = new SessionCookie(settings)
    this.#migrate = assembly.migrate ?? (() => undefined)
    this.#close = assembly.close
  }

  /**
   * What there is to say of the settings before the site goes to its visitors: `sojourn check --deploy` for this site.
   *
   * @example
   * ```ts
   * import { sojourn } from 'sojourn'
   *
   * const site = sojourn({ secretKey: 'a short text', sessionEngine: 'memory' })
   * for (const { id, setting, remedy } of site.check()) console.log(id, setting, remedy) // security.W009 secretKey Make a new one...
   * ```
   */
  check(): readonly Finding[] {
    return checkDeployment(this.settings, this.engine)
  }

  /** Calls `listener` whenever this happens; returns a function that stops it. */
  on<E extends keyof SiteEvents>(type: E, listener: Listener<E>): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Tells the listeners, if there are any. One that throws must not break the request it heard of. */
  emit<E extends keyof SiteEvents>(type: E, event: SiteEvents[E]): boolean {
    const listeners = this.#listeners.get(type)
    if (listeners === undefined) return false
    for (const listener of listeners) {
      try {
        ;(listener as Listener<E>)(event)
      } catch (error) {
        queueMicrotask(() => console.error('sojourn: a listener of %s failed: %s', type, error))
      }
    }
    return listeners.size > 0
  }

  /** Tells that a request failed. Where nobody listens the error is printed, so that none goes without a trace. */
  failed(error: unknown, request: object): void {
    if (error instanceof SojournError && error.status < 500) return
    if (this.#listeners.get('request_failed')?.size) this.emit('request_failed', { error, request })
    else console.error('sojourn: a request failed:', describeError(error))
  }

  /** Tells the listeners how a request ended for its session. */
  decided(scope: Scope, { action, reason }: Decision): void {
    if (this.#listeners.has('decided')) this.emit('decided', { action, reason, request: scope.request })
  }

  /** A part of this site; `ImproperlyConfigured` if it is switched off. */
  part<P extends Part>(name: PartName): P {
    const part = this.parts.find((each) => each.name === name)
    if (part === undefined) throw new ImproperlyConfigured(`'${name}' is not in the middleware setting of this site.`)
    return part as P
  }

  /**
   * Makes the tables that are missing in the default database, and changes none that is there: `sojourn migrate` for this site. May run in
   * several processes at once. Throws `StoreUnavailable`, with the driver's error as its cause.
   */
  async migrate(): Promise<void> {
    try {
      await this.#migrate()
    } catch (cause) {
      throw cause instanceof SojournError ? cause : new StoreUnavailable('The tables could not be made.', { cause })
    }
  }

  /**
   * Waits until the session store answers, and has its tables: before a server listens, or a job begins. Without it the first visitors of a fresh process may get a
   * 503, while drivers are loaded and connections are made. Throws `StoreUnavailable` after `timeout` seconds (default 10).
   *
   * @example
   * ```ts
   * import { sojourn } from 'sojourn'
   *
   * const site = sojourn({ secretKey: 'a long random text', databases: { default: 'sqlite::memory:' } })
   * await site.ready()
   * ```
   */
  async ready(options: { readonly timeout?: number } = {}): Promise<void> {
    if (typeof options !== 'object' || options === null) {
      throw new ImproperlyConfigured('ready takes an object: `await site.ready({ timeout: 2 })`, in seconds.')
    }
    const { timeout = 10 } = options
    try {
      const key = this.store.newKey()
      const ask = async (): Promise<void> => {
        await this.store.exists(key)
        await this.store.besides()
        const cutoffs = this.#cutoffs
        if (cutoffs !== null) await this.store.askCutoffs('read', () => cutoffs.of(''))
      }
      await untilReady(ask, timeout)
      // The cache beside a table, whose connection the first save would have to wait for. Without it the site works too.
      await orElse<unknown>(
        () => this.engine.loadCopy?.(key),
        () => undefined,
      )
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      const { cause } = error
      const refused = refusal(cause)
      const silence = refused === undefined ? '' : ` (${refused}). ${NOBODY_THERE}`
      const why = isMissingTable(cause)
        ? `is not ready. ${MIGRATE}`
        : `did not answer within ${timeout} s${silence || '.'}`
      throw new StoreUnavailable(`The session store '${this.engine.name}' ${why}`, { cause })
    }
  }

  /** Lets go of what the site opened itself: files and connections of URLs, not the handles it was given. */
  async close(): Promise<void> {
    await this.engine.close?.()
    await this.#close()
  }
}

/**
 * The session of a site, typed by its `sessionSchema`: for `getSession`, and for variables of your own. `S` is a site, or a middleware
 * that has one.
 *
 * @example
 * ```ts
 * import { type SessionOf, sojourn } from 'sojourn'
 * import { getSession } from 'sojourn/fetch'
 * import { z } from 'zod'
 *
 * const site = sojourn({ secretKey: 'a long random text', sessionSchema: z.object({ cart: z.array(z.string()) }) })
 * type ShopSession = SessionOf<typeof site>
 *
 * const count = (session: ShopSession): number => session.cart?.length ?? 0
 * ```
 */
export type SessionOf<S extends SiteLike | { readonly site: SiteLike }> = S extends { readonly site: infer Inner }
  ? SessionOfSite<Inner>
  : SessionOfSite<S>

interface SiteLike {
  readonly sessions: { open(key?: string | null): object }
}

type SessionOfSite<S> = S extends { readonly sessions: Sessions<infer T> } ? Session<T> : never

/** What hangs on an error besides (a request, an answer) may hold a visitor's data, and is not printed. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error
  const { message, cause, stack } = error
  if (!(error instanceof SojournError)) return stack ?? message
  return cause instanceof Error ? `${message} (${cause.message})` : message
}
