import { ValueObject } from '../caches/durable-object/value-object.js'
import { DurableObjectCache, type DurableObjects } from '../caches/durable-object.js'
import { type JsonCodecOptions, jsonCodec } from '../codecs/json.js'
import type { Clock, SessionEngine } from '../core/types.js'
import { cacheEngine } from './cache.js'

export type { DurableObjects } from '../caches/durable-object.js'

/** The class of the objects: export it from the Worker's main file, and name it in `new_sqlite_classes`. */
export class SessionObject extends ValueObject {}

export interface DurableObjectEngineOptions extends JsonCodecOptions {
  readonly clock?: Clock
}

/**
 * Sessions in Durable Objects, one for each: on Workers the engine that loses nothing. A session lives in one place, is the same for
 * everybody at every moment, and is deleted by itself when it is over. No Django can read it.
 *
 * @param objects the binding of the namespace, whose class is `SessionObject`
 *
 * @example
 * ```ts
 * import { type DurableObjects, durableObjectEngine } from 'sojourn/engines/durable-object'
 * import { sojourn } from 'sojourn/fetch'
 *
 * export { SessionObject } from 'sojourn/engines/durable-object'
 *
 * export const withSession = (env: { readonly SESSIONS: DurableObjects; readonly SECRET_KEY: string }) =>
 *   sojourn({ secretKey: env.SECRET_KEY, sessionEngine: durableObjectEngine(env.SESSIONS) })
 * ```
 */
export function durableObjectEngine(objects: DurableObjects, options: DurableObjectEngineOptions = {}): SessionEngine {
  const { clock = Date.now } = options
  const cache = new DurableObjectCache(objects, clock)
  return cacheEngine({ name: 'durable_object', cache, codec: jsonCodec(options), clock })
}
