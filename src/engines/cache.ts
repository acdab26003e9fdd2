import type { Cache, Cached } from '../caches/cache.js'
import type { Codec } from '../codecs/codec.js'
import { chain } from '../core/maybe.js'
import { NO_CELLS } from '../core/merge.js'
import type {
  Clock,
  Loaded,
  MaybePromise,
  Outcome,
  SessionEngine,
  SessionIndex,
  SessionRecord,
  Slide,
} from '../core/types.js'
import { ImproperlyConfigured } from '../errors.js'
import { CacheIndex } from './user-index.js'

export interface CacheEngineOptions {
  readonly cache: Cache
  readonly codec: Codec<Uint8Array>
  /** Django's `KEY_PREFIX` of the cache (default none). */
  readonly keyPrefix?: string
  /** Django's `VERSION` of the cache (default 1). */
  readonly version?: number
  /** The clock that the cache was given, if it was. */
  readonly clock?: Clock
}

/** Under which names a cache keeps the sessions of Django's two engines that use one. */
export type CacheKeys = 'cache' | 'cached_db'

/** What Memcached takes as a key, less the longest session key and what stands around it. */
const KEY_PREFIX = /^[\x21-\x7e]{0,60}$/

/**
 * How Django names a session in a cache: `KEY_PREFIX:VERSION:django.contrib.sessions.cache<session key>`. Mirrors
 * `django.core.cache.backends.base.default_key_func` and `SessionStore.cache_key`.
 */
export function cacheKeys(engine: CacheKeys, keyPrefix = '', version = 1): (sessionKey: string) => string {
  if (!KEY_PREFIX.test(keyPrefix) || !Number.isSafeInteger(version)) {
    throw new ImproperlyConfigured(
      'A cache has a keyPrefix of at most 60 printable characters without blanks, and a whole number as its version.',
    )
  }
  const prefix = `${keyPrefix}:${version}:django.contrib.sessions.${engine}`
  return (sessionKey) => prefix + sessionKey
}

/**
 * Sessions in a cache. Django's `backends.cache`, with saves that compare before they replace, and errors that are not
 * empty sessions. What the cache forgets is gone: use a server that keeps its data, or `cached_db`.
 *
 * @example
 * ```ts
 * import { locmem } from 'sojourn/caches/locmem'
 * import { pickleCodec } from 'sojourn/codecs/pickle'
 * import { cacheEngine } from 'sojourn/engines/cache'
 *
 * const engine = cacheEngine({ cache: locmem(), codec: pickleCodec() })
 * ```
 */
export function cacheEngine(options: CacheEngineOptions): SessionEngine {
  return new CacheEngine(options)
}

class CacheEngine implements SessionEngine {
  readonly name = 'cache'
  readonly synchronous: boolean
  readonly consistency: Cache['consistency']
  readonly users: SessionIndex
  readonly #cache: Cache
  readonly #codec: Codec<Uint8Array>
  readonly #key: (sessionKey: string) => string

  constructor({ cache, codec, keyPrefix, version, clock }: CacheEngineOptions) {
    this.#cache = cache
    this.#codec = codec
    this.#key = cacheKeys('cache', keyPrefix, version)
    this.users = new CacheIndex(cache, `${keyPrefix ?? ''}:${version ?? 1}:`, clock)
    this.synchronous = cache.synchronous
    this.consistency = cache.consistency
  }

  load(sessionKey: string, slide?: Slide): MaybePromise<Loaded | null> {
    const key = this.#key(sessionKey)
    const cache = this.#cache
    if (slide === undefined || cache.getAndTouch === undefined)
      return chain(cache.get(key), (cached) => this.#loaded(cached))
    return chain(cache.getAndTouch(key, slide.expires), (cached) => {
      const loaded = this.#loaded(cached)
      if (loaded === null) return null
      const end = slide.endOf(loaded.cells)
      const slid = { ...loaded, expires: () => end, slid: true }
      // A session with an end of its own has been given too long a life for the moment.
      return end === slide.expires ? slid : chain(cache.touch(key, end), () => slid)
    })
  }

  #loaded(cached: Cached | null): Loaded | null {
    if (cached === null) return null
    const cells = this.#codec.decode(cached.value)
    const expires = (): number | null => cached.expires ?? null
    return { cells: cells ?? NO_CELLS, version: cached.version, expires, corrupted: cells === null }
  }

  create(key: string, { cells, expires }: SessionRecord): MaybePromise<Outcome> {
    return this.#cache.add(this.#key(key), this.#codec.encode(cells), expires)
  }

  save(key: string, { cells, expires }: SessionRecord, expected?: unknown): MaybePromise<Outcome> {
    return this.#cache.replace(this.#key(key), this.#codec.encode(cells), expires, expected)
  }

  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'> {
    return this.#cache.touch(this.#key(key), expires)
  }

  delete(key: string, expected?: unknown): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return this.#cache.delete(this.#key(key), expected)
  }

  exists(key: string): MaybePromise<boolean> {
    return this.#cache.has(this.#key(key))
  }

  close(): MaybePromise<void> {
    return this.#cache.close()
  }
}
