import { getScopeUser } from '../auth/get-user.js'
import { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import { userOf } from '../core/user-mark.js'
import { StoreUnavailable } from '../errors.js'

/** As many sessions are looked at together. */
const AT_ONCE = 20

/** A socket, or whatever else lives as long as a session. */
export interface Watched {
  readonly scope: Scope
  readonly key: string
  /** Whose session it was; `null` for nobody's. */
  readonly user: string | null
  readonly onEnd: () => void
}

/** Looks after the sessions of a site's sockets, from time to time. */
export class Watcher {
  readonly #site: Site
  readonly #every: number
  readonly #all = new Set<Watched>()
  #timer: ReturnType<typeof setTimeout> | null = null
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
    // Some runtimes give a number, and keep no process alive.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  async #round(): Promise<void> {
    this.#timer = null
    this.#isLooking = true
    const sessions = bySession(this.#all)
    for (let at = 0; at < sessions.length; at += AT_ONCE) {
      await Promise.all(sessions.slice(at, at + AT_ONCE).map((sockets) => this.#look(sockets)))
    }
    this.#isLooking = false
    this.#wait()
  }

  async #look(sockets: readonly Watched[]): Promise<void> {
    const [first] = sockets as readonly [Watched]
    try {
      if (!(await isOver(first))) return
    } catch (error) {
      // The site's listeners have heard of that already.
      if (!(error instanceof StoreUnavailable)) this.#site.failed(error, first.scope.request)
      return
    }
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

/** The sockets of each session, and of each user where it has changed hands. */
function bySession(all: Iterable<Watched>): readonly (readonly Watched[])[] {
  const sessions = new Map<string, Watched[]>()
  for (const watched of all) {
    const name = `${watched.key} ${watched.user}`
    const sockets = sessions.get(name)
    if (sockets === undefined) sessions.set(name, [watched])
    else sockets.push(watched)
  }
  return [...sessions.values()]
}

/** Asks what the next request of this visitor would: is the session there, and still of this user? */
async function isOver({ scope, key, user }: Watched): Promise<boolean> {
  const { site, head, request } = scope
  const found = await site.store.look(key)
  if (found === null) return true
  const next = new Scope(site, head, request)
  next.onlyRead()
  next.state.key = key
  site.store.settle(next.state, found)
  const hasUsers = site.settings.middleware.includes('auth')
  const id = hasUsers ? ((await getScopeUser(next))?.id ?? null) : userOf(found.cells)
  return (id === null ? null : String(id)) !== user
}
