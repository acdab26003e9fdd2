import { PlainCache } from '../caches/plain.js'
import { jsonCodec } from '../codecs/json.js'
import type { Clock, SessionEngine } from '../core/types.js'
import { cacheEngine } from './cache.js'

type Done<T = void> = (error?: unknown, result?: T) => void

/** What a session store of express-session has; its own package is the user's. */
export interface ExpressStore {
  get(key: string, done: Done<unknown>): void
  set(key: string, session: never, done: Done): void
  destroy(key: string, done: Done): void
}

/** What such stores look at to know when a session ends. */
interface Kept {
  readonly cookie: { readonly originalMaxAge: number; readonly maxAge: number; readonly expires: Date }
  readonly sojourn: string
}

/**
 * Any session store made for express-session as an engine. Those stores cannot compare before they replace: within one process
 * nothing is lost, between processes the last write wins (`consistency`).
 *
 * @example
 * ```ts
 * import session from 'express-session'
 * import { sojourn } from 'sojourn'
 * import { fromExpressStore } from 'sojourn/engines/express-store'
 *
 * const engine = fromExpressStore(new session.MemoryStore())
 * const site = sojourn({ secretKey: 'a long random text', sessionEngine: engine })
 * ```
 */
export function fromExpressStore(store: ExpressStore, options: { readonly clock?: Clock } = {}): SessionEngine {
  const { clock = Date.now } = options
  const plain = {
    async get(key: string): Promise<string | null> {
      const kept = (await promised<unknown>((done) => store.get(key, done))) as Partial<Kept> | null | undefined
      return typeof kept?.sojourn === 'string' ? kept.sojourn : null
    },
    set(key: string, sojourn: string, end: number): Promise<unknown> {
      const maxAge = Math.max(end - clock(), 1)
      const kept: Kept = { cookie: { originalMaxAge: maxAge, maxAge, expires: new Date(end) }, sojourn }
      return promised((done) => store.set(key, kept as never, done))
    },
    delete: (key: string) => promised((done) => store.destroy(key, done)),
  }
  return cacheEngine({ cache: new PlainCache('express-store', plain, clock), codec: jsonCodec(), clock })
}

function promised<T>(run: (done: Done<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => run((error, result) => (error ? reject(error) : resolve(result))))
}
