import type { Cache } from './cache.js'
import { PlainCache } from './plain.js'

/** What a Keyv has; its own package is the user's. */
export interface KeyvLike {
  get(key: string): Promise<unknown>
  set(key: string, value: string, ttl?: number): Promise<unknown>
  delete(key: string): Promise<unknown>
  /** A Keyv swallows what its store throws, and only says so here. */
  on?(event: 'error', listener: (error: unknown) => void): unknown
}

/**
 * A Keyv as a cache. Within one process nothing is lost; between processes the last write wins (`consistency`). Give it
 * `new Keyv({ store, throwOnErrors: true })`: else a Keyv whose store is down says that there is nothing, and a visitor is logged out.
 *
 * @example
 * ```ts
 * import Keyv from 'keyv'
 * import { sojourn } from 'sojourn'
 * import { fromKeyv } from 'sojourn/caches/keyv'
 *
 * const site = sojourn({
 *   secretKey: 'a long random text',
 *   sessionEngine: 'cache',
 *   caches: { default: { location: fromKeyv(new Keyv({ throwOnErrors: true })), codec: 'json' } },
 * })
 * console.log(site.engine.consistency) // last-write-wins
 * ```
 */
export function fromKeyv(keyv: KeyvLike, options: { readonly clock?: () => number } = {}): Cache {
  const { clock = Date.now } = options
  const store = {
    get: async (key: string) => {
      const value = await keyv.get(key)
      return typeof value === 'string' ? value : null
    },
    set: async (key: string, value: string, expires: number) => {
      const kept = await keyv.set(key, value, Math.max(Math.ceil(expires - clock()), 1))
      if (kept === false) throw new Error('the Keyv did not keep the value')
    },
    delete: (key: string) => keyv.delete(key),
  }
  return new PlainCache('keyv', store, clock)
}
