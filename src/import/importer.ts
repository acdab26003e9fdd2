import { Asking } from '../core/asking.js'
import * as commit from '../core/commit.js'
import { keepPrivate } from '../core/keep-private.js'
import { chain, isPromise } from '../core/maybe.js'
import type { Keeper } from '../core/part.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, ResponseHead } from '../core/types.js'
import { ImproperlyConfigured, SessionSealed, StoreUnavailable } from '../errors.js'
import { conflictingCookie, findCookie } from '../wire/cookies.js'
import { deleteCookie } from '../wire/set-cookie.js'
import { patchVary } from '../wire/vary.js'
import { Move, type Moved } from './move.js'
import type { ImportOptions } from './options.js'

/** What becomes of one request's old session. */
class Visit<Old extends object> {
  readonly move: Move<Old>
  /** Whether the request goes on with a session that was moved. */
  moved: MaybePromise<boolean> = false
  outcome: Moved = 'nothing'
  /** Of the session, when the visit began: a later one was begun by a logout. */
  generation = 0

  constructor(move: Move<Old>) {
    this.move = move
  }
}

/** Keeps a visitor's old session, if there is one, for the request and for its end. */
export class Importer<Old extends object> implements Keeper {
  readonly #options: ImportOptions<Old>
  readonly #deletion: string
  readonly #askings = new WeakMap<Site, Asking>()

  constructor(options: ImportOptions<Old>) {
    const { name, cookie = {} } = options
    const { domain, path = '/', sameSite, partitioned } = cookie
    this.#options = options
    // In this place, so that a name or a path that no cookie can have is an error at start.
    this.#deletion = deleteCookie(name, {
      domain,
      path,
      partitioned,
      sameSite: /^none$/i.test(String(sameSite)) && 'None',
    })
  }

  run(request: object): MaybePromise<boolean> {
    const scope = scopeOf(request)
    if (scope.site.engine.stateless) {
      throw new ImproperlyConfigured(
        `Old sessions are moved into a store, which decides between requests that come at once: the engine '${scope.site.engine.name}' has none.`,
      )
    }
    const known = scope.kept<Visit<Old>>(this)
    if (known !== undefined) return known.moved
    const id = this.#idOf(scope)
    if (id === null) return false
    const visit = scope.keep(this, () => new Visit(new Move(scope, id, this.#options, this.#askingOf(scope.site))))
    visit.moved = this.#begin(scope, visit)
    // Whoever does not wait for it is told at the end (`finish`).
    if (isPromise(visit.moved)) visit.moved.catch(() => undefined)
    return visit.moved
  }

  #idOf({ head, site, request }: Scope): string | null {
    const { name, idOf = itself } = this.#options
    const header = head.header('cookie')
    const text = findCookie(header, name)
    if (!text) return null
    if (!conflictingCookie(header, name)) return idOf(text)
    // One of them was set by somebody else, and which one nobody can tell (T05).
    site.emit('session_cookie_conflict', { request })
    return null
  }

  #askingOf(site: Site): Asking {
    const known = this.#askings.get(site)
    if (known !== undefined) return known
    const patience = site.settings.sessionStoreTimeout * 1000
    const asking = new Asking(this.#options.name, patience, (failure) => site.emit('store_failed', failure))
    this.#askings.set(site, asking)
    return asking
  }

  /** Whoever has a session of ours needs no old one: what another application, or somebody else, put there cannot take its place. */
  #begin({ state }: Scope, visit: Visit<Old>): MaybePromise<boolean> {
    return chain(commit.preload(state), () => {
      visit.generation = state.generation
      if (state.phase === 'failed' || state.unavailable !== null || state.key !== null) return false
      return this.#move(state, visit)
    })
  }

  async #move(state: Scope['state'], visit: Visit<Old>): Promise<boolean> {
    try {
      visit.outcome = await visit.move.run()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      withoutStore(state, error)
    } finally {
      visit.generation = state.generation
    }
    return visit.outcome === 'moved'
  }

  /** The old cookie goes when the new one is sent, when it is worth nothing any more, or when its visitor has logged out. */
  async finish(scope: Scope, response: ResponseHead): Promise<void> {
    const visit = scope.kept<Visit<Old>>(this) as Visit<Old>
    await ended(visit.moved)
    const isOver = scope.state.generation > visit.generation
    if (isOver) await visit.move.bar()
    if (!isOver && (visit.outcome === 'nothing' || this.#options.keep === true)) return
    response.append('Set-Cookie', this.#deletion)
    response.set('Vary', patchVary(response.get('Vary') ?? '', ['Cookie']))
    keepPrivate(response)
  }
}

function itself(text: string): string {
  return text
}

/** What failed was told to whoever waited; a session that was sealed too early shows that nobody did. */
async function ended(moved: MaybePromise<boolean>): Promise<void> {
  try {
    await moved
  } catch (error) {
    if (error instanceof SessionSealed) throw error
  }
}

/** As where the site's own store fails: pages that need no session are served, all others are a 503, and both cookies stay. */
function withoutStore(state: Scope['state'], error: StoreUnavailable): void {
  state.end()
  if (state.store.settings.sessionOnStoreError === 'read-only') {
    state.modified = false
    state.unavailable = error
  } else {
    state.phase = 'failed'
    state.failure = error
  }
}
