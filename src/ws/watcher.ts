import { getScopeUser } from '../auth/get-user.js'
import { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { Loaded } from '../core/types.js'
import { userOf } from '../core/user-mark.js'
import { StoreUnavailable } from '../errors.js'
import { Hanging } from './hanging.js'

/** As many sessions are looked at together. */
const AT_ONCE = 20
/** Seconds that a look keeps others waiting. What it finds counts however late it does. */
const PATIENCE = 5

/** A timer. Some runtimes give a number, and keep no process alive. */
type Timer = ReturnType<typeof setTimeout> & { unref?(): void }

/** A socket, or whatever else lives as long as a session. */
export interface Watched {
  readonly scope: Scope
  readonly key: string
  /** Whose session it was; `null` for nobody's. */
  readonly user: string | null
  /** Whether it has ended by itself, of which nobody may have told. */
  readonly isGone: () => boolean
  readonly onEnd: () => void
}

/** Looks after the sessions of a site's sockets, from time to time. */
export class Watcher {
  readonly #site: Site
  readonly #every: number
  readonly #all = new Set<Watched>()
  readonly #hanging = new Hanging()
  #timer: Timer | null = null
  #isLooking = false

  /** @param every in seconds */
  constructor(site: Site, every: number) {
    this.#site = site
    this.#every = every
  }

  /** Looks after one more; gives what stops it. */
  add(watched: Watched): () => void {
    this.#all.add(watched)
    this.#wait()
    return () => this.#forget(watched)
  }

  #forget(watched: Watched): void {
    this.#all.delete(watched)
    if (this.#all.size > 0 || this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }

  #wait(): void {
    if (this.#timer !== null || this.#isLooking || this.#all.size === 0) return
    this.#timer = setTimeout(() => void this.#round(), this.#every * 1000)
    this.#timer.unref?.()
  }

  async #round(): Promise<void> {
    this.#timer = null
    this.#isLooking = true
    try {
      for (const watched of this.#all) if (watched.isGone()) this.#all.delete(watched)
      const sessions = bySession(this.#all)
      this.#hanging.begin(sessions)
      // Each takes the next session from the same list, so that one that hangs holds up a twentieth.
      const left = sessions.entries()
      const lookOnAndOn = async (): Promise<void> => {
        for (const [name, sockets] of left) await this.#look(name, sockets)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, lookOnAndOn))
    } finally {
      this.#isLooking = false
      this.#wait()
    }
  }

  /**
   * Asks what the next request of this visitor would: is the session there, and still of this user? The store has a deadline of its own; a user may
   * be in a directory that has none, and whether the session is there is asked in each round all the same.
   */
  async #look(name: string, sockets: readonly Watched[]): Promise<void> {
    const [first] = sockets as readonly [Watched]
    const { scope, key, user } = first
    await this.#heard(first, async () => {
      const found = await this.#site.store.look(key)
      if (found === null || userOf(found.cells) !== user) return this.#over(sockets)
      if (user === null || !this.#site.settings.middleware.includes('auth') || !this.#hanging.isDue(name)) return
      const looking = this.#heard(first, async () => {
        const isThere = await mayLogIn(first, found).finally(() => this.#hanging.delete(name))
        if (!isThere) this.#over(sockets)
      })
      if ((await isInTime(looking)) || !this.#hanging.add(name)) return
      const message = `watch has asked whether a session is over, and has no answer after ${PATIENCE} seconds: its sockets stay open until there is one. Give getUser of your backend a deadline.`
      this.#site.failed(new StoreUnavailable(message), scope.request)
    })
  }

  /** A failure ends nothing. Of the store's the site's listeners have heard already. */
  async #heard({ scope }: Watched, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) this.#site.failed(error, scope.request)
    }
  }

  #over(sockets: readonly Watched[]): void {
    for (const watched of sockets) if (this.#all.delete(watched)) this.#end(watched)
  }

  /** What one of them throws is not the others' affair. */
  #end({ onEnd, scope }: Watched): void {
    try {
      onEnd()
    } catch (error) {
      this.#site.failed(error, scope.request)
    }
  }
}

/** Whether something is done while others still wait for it. */
function isInTime(work: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer: Timer = setTimeout(resolve, PATIENCE * 1000, false)
    timer.unref?.()
    work.finally(() => clearTimeout(timer)).then(() => resolve(true), reject)
  })
}

/** The sockets of each session, and of each user where it has changed hands. */
function bySession(all: Iterable<Watched>): ReadonlyMap<string, readonly Watched[]> {
  const sessions = new Map<string, Watched[]>()
  for (const watched of all) {
    const name = `${watched.key} ${watched.user}`
    const sockets = sessions.get(name)
    if (sockets === undefined) sessions.set(name, [watched])
    else sockets.push(watched)
  }
  return sessions
}

/** Whether the user of a session that was found may still log in. */
async function mayLogIn({ scope, key }: Watched, found: Loaded): Promise<boolean> {
  const { site, head, request } = scope
  const next = new Scope(site, head, request)
  next.onlyRead()
  next.state.key = key
  site.store.settle(next.state, found)
  return (await getScopeUser(next)) !== null
}
