import { Redis as IoRedis } from 'ioredis'
import { createClient, createClientPool } from 'redis'
import type { Cache } from 'sojourn/caches/cache'
import { type RedisOptions, redis } from 'sojourn/caches/redis'

/** The ways to give sojourn a Redis, each made afresh, with what ends the client that is the caller's. */
export const ways: Readonly<
  Record<string, (url: string, options?: RedisOptions) => { readonly cache: Cache; close(): Promise<void> }>
> = {
  'a URL': (url, options) => {
    const cache = redis(url, options)
    return { cache, close: async () => cache.close() }
  },
  'a node-redis client': (url, options) => {
    // The owner may want other types than ours: here numbers as text.
    const client = createClient({ url, commandOptions: { typeMapping: { 58: String } } })
    return { cache: redis(client, options), close: async () => client.destroy() }
  },
  'a node-redis pool': (url, options) => {
    const pool = createClientPool({ url }, { minimum: 1, maximum: 4 })
    return { cache: redis(pool, options), close: async () => pool.destroy() }
  },
  'an ioredis client': (url, options) => {
    const client = new IoRedis(url, { lazyConnect: true })
    return { cache: redis(client, options), close: async () => client.disconnect() }
  },
}
