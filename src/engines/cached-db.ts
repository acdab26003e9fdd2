import type { Cache } from '../caches/cache.js'
import type { Codec } from '../codecs/codec.js'
import { within } from '../core/fair-timeout.js'
import { chain, isPromise, orElse } from '../core/maybe.js'
import type { Loaded, MaybePromise, Outcome, SessionEngine, SessionRecord, Sweep, Version } from '../core/types.js'
import { cacheKeys } from './cache.js'

export interface CachedDbEngineOptions {
  /** The engine that has the truth: `dbEngine`. */
  readonly db: SessionEngine
  readonly cache: Cache
  /** Reads what a Django beside this site has put into the cache. */
  readonly codec: Codec<Uint8Array>
  readonly keyPrefix?: string
  readonly version?: number
  /** Told of each failure of the cache; it concerns a Django beside this site, and no visitor here. */
  readonly onCacheFailure?: (error: unknown) => void
}

/** Milliseconds that a save waits for the cache. What takes longer is done behind its back. */
const CACHE_TIMEOUT = 250
/** Milliseconds, or up to twice as many, after which what was taken out of the cache is taken out once more. */
const AGAIN = 500
/** Copies that wait to be taken out of a cache that does not answer; past it the oldest is left to its own end. */
const MOST_WAITING = 10_000

/**
 * Sessions in Django's table, beside a Django that keeps copies of them in a cache. Django's `backends.cached_db`, where a
 * save that the cache did not hear of is invisible, and a logged out visitor stays logged in there. Here the table alone
 * is asked, so that no answer is ever old; the copy in the cache is taken out after each save and each end of a session,
 * and once more a moment later, and Django makes itself a new one. While the cache does not answer, copies wait to be taken out until it does.
 *
 * @example
 * ```ts
 * import { locmem } from 'sojourn/caches/locmem'
 * import { pickleCodec } from 'sojourn/codecs/pickle'
 * import { signedCodec } from 'sojourn/codecs/signed'
 * import { sqlite } from 'sojourn/databases/sqlite'
 * import { cachedDbEngine } from 'sojourn/engines/cached-db'
 * import { dbEngine } from 'sojourn/engines/db'
 *
 * const db = dbEngine({ database: sqlite('sqlite::memory:'), codec: signedCodec({ secretKey: 'a long random text' }) })
 * const engine = cachedDbEngine({ db, cache: locmem(), codec: pickleCodec() })
 * ```
 */
export function cachedDbEngine(options: CachedDbEngineOptions): SessionEngine {
  return new CachedDbEngine(options)
}

class CachedDbEngine implements SessionEngine {
  readonly name = 'cached_db'
  readonly synchronous: boolean
  readonly users?: SessionEngine['users']
  readonly links?: SessionEngine['links']
  readonly #db: SessionEngine
  readonly #cache: Cache
  readonly #codec: Codec<Uint8Array>
  readonly #key: (sessionKey: string) => string
  readonly #copies: Copies

  constructor({ db, cache, codec, keyPrefix, version, onCacheFailure }: CachedDbEngineOptions) {
    this.#db = db
    this.#cache = cache
    this.#codec = codec
    this.#key = cacheKeys('cached_db', keyPrefix, version)
    this.#copies = new Copies(cache, onCacheFailure ?? (() => undefined))
    this.synchronous = db.synchronous
    this.users = db.users
    this.links = db.links
  }

  load(key: string): MaybePromise<Loaded | null> {
    return this.#db.load(key)
  }

  loadCopy(key: string): MaybePromise<Pick<Loaded, 'cells'> | null> {
    const cached = this.#cache.get(this.#key(key))
    const decoded = isPromise(cached) ? within(CACHE_TIMEOUT, cached) : cached
    return chain(decoded, (found) => {
      const cells = found ? this.#codec.decode(found.value) : null
      return cells === null ? null : { cells }
    })
  }

  /** Nobody has a copy of what nobody has. */
  create(key: string, record: SessionRecord): MaybePromise<Outcome> {
    return this.#db.create(key, record)
  }

  save(key: string, record: SessionRecord, expected?: Version): MaybePromise<Outcome> {
    return chain(this.#db.save(key, record, expected), (outcome) =>
      typeof outcome === 'object' ? chain(this.#copies.drop(this.#key(key)), () => outcome) : outcome,
    )
  }

  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'> {
    return this.#db.touch?.(key, expires) ?? 'missing'
  }

  delete(key: string, expected?: Version): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return chain(this.#db.delete(key, expected), (outcome) => {
      if (outcome === 'conflict') return outcome
      // Also where the row was gone: somebody else's copy of it may not be.
      return chain(this.#copies.drop(this.#key(key)), () => outcome)
    })
  }

  exists(key: string): MaybePromise<boolean> {
    return this.#db.exists(key)
  }

  clearExpired(): MaybePromise<number> {
    return this.#db.clearExpired?.() ?? 0
  }

  sweep(now: number): Sweep {
    return this.#db.sweep?.(now) ?? { count: () => 0, next: () => this.clearExpired() }
  }

  async close(): Promise<void> {
    await this.#copies.close()
    await this.#db.close?.()
    await this.#cache.close()
  }
}

/** The copies in the cache that are not to be there any more. */
class Copies {
  readonly #cache: Cache
  readonly #failed: (error: unknown) => void
  /** Those to be taken out at the next sweep. */
  #due = new Set<string>()
  /** Those to be taken out at the one after it. */
  #waiting = new Set<string>()
  #isDown = false
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(cache: Cache, failed: (error: unknown) => void) {
    this.#cache = cache
    this.#failed = failed
  }

  /**
   * Takes a copy out, now if the cache answers, and once more a moment later, or when it does again: a Django that read the row just
   * before it changed may put its copy there just after, for as long as the session lasts.
   */
  drop(key: string): MaybePromise<void> {
    this.#later(key)
    return this.#isDown ? undefined : chain(this.#remove(key), () => undefined)
  }

  /** What the cache does not let go of now stays there: nobody is left who could ask it again. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#sweep()
    await this.#sweep()
    if (this.#timer !== null) clearTimeout(this.#timer)
    const left = this.#due.size + this.#waiting.size
    if (left === 0 || !this.#isDown) return
    this.#failed(
      new Error(
        `${left} copies of sessions that were saved or ended are left in the cache, where a Django may find them.`,
      ),
    )
  }

  /** Whether the cache did it. */
  #remove(key: string): MaybePromise<boolean> {
    return orElse(
      () => {
        const removed = this.#cache.delete(key)
        return chain(isPromise(removed) ? within(CACHE_TIMEOUT, removed) : removed, () => {
          this.#isDown = false
          return true
        })
      },
      (error) => {
        this.#isDown = true
        this.#failed(error)
        this.#later(key)
        return false
      },
    )
  }

  #later(key: string): void {
    this.#waiting.add(key)
    if (this.#waiting.size > MOST_WAITING) this.#waiting.delete(this.#waiting.values().next().value as string)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#timer !== null) return
    this.#timer = setTimeout(() => void this.#sweep(), AGAIN)
    this.#timer.unref?.()
  }

  /** One at a time; where the cache fails the others wait on. */
  async #sweep(): Promise<void> {
    this.#timer = null
    const due = this.#due
    this.#due = this.#waiting
    this.#waiting = new Set()
    let fails = false
    for (const key of due) {
      if (fails) this.#later(key)
      else fails = !(await this.#remove(key))
    }
    if (this.#due.size > 0) this.#schedule()
  }
}
