import type { Cache, Cached } from '../caches/cache.js'
import type { Codec } from '../codecs/codec.js'
import { Memo } from '../codecs/memo.js'
import type { LinkStore } from '../core/link-store.js'
import { chain } from '../core/maybe.js'
import { NO_CELLS } from '../core/merge.js'
import type {
  Cells,
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
import { CacheLinks } from './links/in-cache.js'
import { CacheIndex } from './user-index/in-cache.js'

export interface CacheEngineOptions {
  /** What `sojourn check` and events call the engine (default `cache`). */
  readonly name?: string
  readonly cache: Cache
  readonly codec: Codec<Uint8Array>
  /** Django's `KEY_PREFIX` of the cache (default none). */
  readonly keyPrefix?: string
  /** Django's `VERSION` of the cache (default 1). */
  readonly version?: number
  /** The clock that the cache was given, if it was. */
  readonly clock?: Clock
}

/** A value that was decoded or encoded. */
interface Known {
  readonly bytes: Uint8Array
  readonly cells: Cells
}

/** Larger ones are decoded anew each time: whoever sends a huge one shall not have it copied as well. */
const KEPT_BYTES = 2 ** 16

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
  readonly name: string
  readonly synchronous: boolean
  readonly consistency: Cache['consistency']
  readonly users: SessionIndex
  readonly links: LinkStore
  readonly #cache: Cache
  readonly #codec: Codec<Uint8Array>
  readonly #key: (sessionKey: string) => string
  /** By session key; only the very same bytes get it out. */
  readonly #known = new Memo<Known>()

  constructor({ name = 'cache', cache, codec, keyPrefix, version, clock }: CacheEngineOptions) {
    this.name = name
    this.#cache = cache
    this.#codec = codec
    this.#key = cacheKeys('cache', keyPrefix, version)
    const prefix = `${keyPrefix ?? ''}:${version ?? 1}:`
    this.users = new CacheIndex(cache, prefix, clock)
    this.links = new CacheLinks(cache, prefix, clock)
    this.synchronous = cache.synchronous
    this.consistency = cache.consistency
  }

  load(sessionKey: string, slide?: Slide): MaybePromise<Loaded | null> {
    const key = this.#key(sessionKey)
    const cache = this.#cache
    if (slide === undefined || cache.getAndTouch === undefined)
      return chain(cache.get(key), (cached) => this.#loaded(sessionKey, cached))
    return chain(cache.getAndTouch(key, slide.expires), (cached) => {
      const loaded = this.#loaded(sessionKey, cached)
      if (loaded === null) return null
      const end = slide.endOf(loaded.cells)
      const slid = { ...loaded, expires: () => end, slid: true }
      if (end === slide.expires) return slid
      // A session with an end of its own has been given too long a life for the moment; whoever did so last may have died before this.
      return chain(cache.touch(key, end), () => (end > slide.now ? slid : null))
    })
  }

  #loaded(sessionKey: string, cached: Cached | null): Loaded | null {
    if (cached === null) return null
    const cells = this.#decode(sessionKey, cached.value)
    const expires = (): number | null => cached.expires ?? null
    return { cells: cells ?? NO_CELLS, version: cached.version, expires, corrupted: cells === null }
  }

  #decode(sessionKey: string, bytes: Uint8Array): Cells | null {
    const known = this.#known.get(sessionKey)
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.cells
    const cells = this.#codec.decode(bytes)
    // A copy: what came may be a piece of all that came with it.
    if (cells !== null && bytes.length <= KEPT_BYTES) this.#keep(sessionKey, Uint8Array.from(bytes), cells)
    return cells
  }

  #encode(sessionKey: string, cells: Cells): Uint8Array {
    const bytes = this.#codec.encode(cells)
    if (bytes.length <= KEPT_BYTES) this.#keep(sessionKey, bytes, cells)
    return bytes
  }

  #keep(sessionKey: string, bytes: Uint8Array, cells: Cells): void {
    this.#known.set(sessionKey, { bytes, cells }, bytes.length)
  }

  create(key: string, { cells, expires }: SessionRecord): MaybePromise<Outcome> {
    return this.#cache.add(this.#key(key), this.#encode(key, cells), expires)
  }

  save(key: string, { cells, expires }: SessionRecord, expected?: unknown): MaybePromise<Outcome> {
    return this.#cache.replace(this.#key(key), this.#encode(key, cells), expires, expected)
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
