import type { Cache } from './cache.js'
import { PlainCache } from './plain.js'

/** The most seconds that every driver takes; Workers KV counts them in 32 bits. When a value ends stands in it as well. */
const LONGEST_TTL = 2 ** 31 - 1

/** What an unstorage `Storage` has; its own package is the user's. */
export interface UnstorageLike {
  getItem(key: string): Promise<unknown>
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>
  removeItem(key: string): Promise<void>
}

/**
 * A storage of unstorage as a cache: dozens of drivers, none of which compares before it replaces. Within one process nothing
 * is lost; between processes the last write wins (`consistency`).
 *
 * @example
 * ```ts
 * import { sojourn } from 'sojourn'
 * import { fromUnstorage } from 'sojourn/caches/unstorage'
 * import { createStorage } from 'unstorage'
 *
 * const site = sojourn({
 *   secretKey: 'a long random text',
 *   sessionEngine: 'cache',
 *   caches: { default: { location: fromUnstorage(createStorage()), codec: 'json' } },
 * })
 * console.log(site.engine.consistency) // last-write-wins
 * ```
 */
export function fromUnstorage(storage: UnstorageLike, options: { readonly clock?: () => number } = {}): Cache {
  const { clock = Date.now } = options
  const store = {
    get: async (key: string) => {
      const value = await storage.getItem(key)
      return typeof value === 'string' ? value : null
    },
    set: (key: string, value: string, expires: number) =>
      storage.setItem(key, value, { ttl: Math.min(Math.max(Math.ceil((expires - clock()) / 1000), 1), LONGEST_TTL) }),
    delete: (key: string) => storage.removeItem(key),
  }
  return new PlainCache('unstorage', store, clock)
}
