import { StoreAnswered } from '../core/answer.js'
import { ImproperlyConfigured, StoreUnavailable } from '../errors.js'
import type { Cache, Cached, Stored } from './cache.js'
import {
  ANSWER_LIMIT,
  type Command,
  type Connection,
  GivenClient,
  type RedisHandle,
  type Source,
} from './redis/clients.js'
import { Deadline } from './redis/deadline.js'
import { OpenedByUrl } from './redis/open.js'
import { CONFLICT, DELETE_SAME, MISSING, REPLACE_SAME, type Script } from './redis/scripts.js'
import { parseRedisUrl } from './redis/url.js'

export { type IoRedisHandle, isRedisHandle, type NodeRedisHandle, type RedisHandle } from './redis/clients.js'

export interface RedisOptions {
  /** Milliseconds since 1970. Redis is only told how long a value lasts, so its clock and ours need not agree. */
  readonly clock?: () => number
  /** Whether `get` also tells when a value ends: a second command (`PTTL`) in the same round trip. */
  readonly withExpiry?: boolean
  /**
   * How many replicas must have a write before it counts (Redis' `WAIT`); fewer make it an error, though it may have been kept. Only for a
   * URL of one server or of sentinels. It is no consensus: see Redis' own words on `WAIT`.
   */
  readonly waitReplicas?: number
  /** Milliseconds to wait for them (default 250). Other operations wait meanwhile, for they share the connection. */
  readonly waitTimeout?: number
}

/**
 * A cache in Redis or Valkey, whose values and keys are those of Django's `RedisCache`. The version of a value is its bytes. Every
 * operation is one command, and one that Redis carries out in one step.
 *
 * `source` is a URL (`redis://`, `rediss://`, `redis+cluster://host:port,host:port`, `redis+sentinel://host:port,host:port/master`), opened
 * at first use with the package `redis`; or a client of `redis` or `ioredis` that you have: it is connected if need be and stays open at
 * `close`. Operations fail after 250 ms without a connection and after a second without an answer; on a URL's connection, the next one then
 * connects anew. A client of yours reconnects as you set it up (`socketTimeout` of ioredis, `pingInterval` of node-redis).
 *
 * @example
 * ```ts
 * import { redis } from 'sojourn/caches/redis'
 *
 * const cache = redis('redis://127.0.0.1:6379/1')
 * ```
 */
export function redis(source: string | RedisHandle, options: RedisOptions = {}): Cache {
  if (typeof source !== 'string') {
    if (options.waitReplicas) throw unsureWait()
    return new RedisCache(new GivenClient(source), options)
  }
  const address = parseRedisUrl(source)
  if (options.waitReplicas && address.kind === 'cluster') throw unsureWait()
  return new RedisCache(new OpenedByUrl(address), options)
}

/** `WAIT` counts for the connection it comes on, and only with one of ours is it known which wrote. */
function unsureWait(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    'waitReplicas needs a redis:// or redis+sentinel:// URL: on pools, clusters and clients that send again by themselves, WAIT may ask another connection than the one that wrote.',
  )
}

class RedisCache implements Cache {
  readonly name = 'redis'
  readonly synchronous = false
  readonly consistency = 'compare-and-set'
  readonly #source: Source
  readonly #clock: () => number
  readonly #withExpiry: boolean
  readonly #replicas: number
  readonly #wait: Command
  readonly #deadline = new Deadline(ANSWER_LIMIT)

  constructor(
    source: Source,
    { clock = Date.now, withExpiry = false, waitReplicas = 0, waitTimeout = 250 }: RedisOptions,
  ) {
    this.#source = source
    this.#clock = clock
    this.#withExpiry = withExpiry
    this.#replicas = waitReplicas
    this.#wait = ['wait', String(waitReplicas), String(waitTimeout)]
  }

  async get(key: string): Promise<Cached | null> {
    if (!this.#withExpiry) return found(await this.#send(key, ['get', key]))
    const [value, left] = await this.#using((connection) =>
      Promise.all([connection.send(key, ['get', key]), connection.send(key, ['pttl', key])]),
    )
    const milliseconds = Number(left)
    // Below zero there is none: -1 is a value without an end, -2 one whose end came between the two.
    return found(value, milliseconds < 0 ? undefined : this.#clock() + milliseconds)
  }

  /** Reads a value and moves its end, in one step (Redis 6.2 or later). */
  async getAndTouch(key: string, expires: number): Promise<Cached | null> {
    const left = this.#left(expires)
    // A value whose end has come is read once more and is gone, as `pexpire` would have it.
    const reply = await this.#send(key, left > 0 ? ['getex', key, 'px', String(left)] : ['getdel', key])
    return found(reply, expires)
  }

  async add(key: string, value: Uint8Array, expires: number): Promise<Stored | 'conflict'> {
    const left = this.#left(expires)
    const bytes = bytesOf(value)
    if (left <= 0) return (await this.has(key)) ? 'conflict' : { version: bytes }
    const reply = await this.#write(key, ['set', key, bytes, 'nx', 'px', String(left)])
    return reply === null ? 'conflict' : { version: bytes }
  }

  async replace(
    key: string,
    value: Uint8Array,
    expires: number,
    expected?: unknown,
  ): Promise<Stored | 'missing' | 'conflict'> {
    const left = this.#left(expires)
    const bytes = bytesOf(value)
    // Redis takes no end in the past: the value is replaced by one that is gone already.
    if (left <= 0) {
      const outcome = await this.delete(key, expected)
      return outcome === 'deleted' ? { version: bytes } : outcome
    }
    if (expected === undefined) {
      const reply = await this.#write(key, ['set', key, bytes, 'xx', 'px', String(left)])
      return reply === null ? 'missing' : { version: bytes }
    }
    const outcome = await this.#run(REPLACE_SAME, key, expected as Buffer, bytes, String(left))
    return outcome === MISSING ? 'missing' : outcome === CONFLICT ? 'conflict' : { version: bytes }
  }

  async touch(key: string, expires: number): Promise<'saved' | 'missing'> {
    const reply = await this.#write(key, ['pexpire', key, String(this.#left(expires))])
    return Number(reply) === 0 ? 'missing' : 'saved'
  }

  async delete(key: string, expected?: unknown): Promise<'deleted' | 'missing' | 'conflict'> {
    if (expected === undefined) return Number(await this.#write(key, ['del', key])) === 0 ? 'missing' : 'deleted'
    const outcome = await this.#run(DELETE_SAME, key, expected as Buffer)
    return outcome === MISSING ? 'missing' : outcome === CONFLICT ? 'conflict' : 'deleted'
  }

  async has(key: string): Promise<boolean> {
    return Number(await this.#send(key, ['exists', key])) > 0
  }

  async close(): Promise<void> {
    await this.#source.close()
  }

  /** How many milliseconds a value lasts from now on. */
  #left(expires: number): number {
    return Math.ceil(expires - this.#clock())
  }

  #send(key: string, command: Command): Promise<unknown> {
    return this.#using((connection) => connection.send(key, command))
  }

  #write(key: string, command: Command): Promise<unknown> {
    return this.#using((connection) => this.#written(connection, key, command))
  }

  /** Runs a script by its name. A server that was restarted has forgotten it, and is then given its text. */
  async #run(script: Script, key: string, ...values: (string | Buffer)[]): Promise<number> {
    const reply = await this.#using(async (connection) => {
      try {
        return await this.#written(connection, key, ['evalsha', script.sha1, '1', key, ...values])
      } catch (error) {
        if (!messageOf(error).startsWith('NOSCRIPT')) throw error
        return await this.#written(connection, key, ['eval', script.text, '1', key, ...values])
      }
    })
    return Number(reply)
  }

  async #written(connection: Connection, key: string, command: Command): Promise<unknown> {
    if (this.#replicas === 0) return connection.send(key, command)
    const [reply, replicas] = await Promise.all([connection.send(key, command), connection.send(key, this.#wait)])
    const isWritten = reply !== null && (typeof reply !== 'number' || reply > 0)
    if (isWritten && Number(replicas) < this.#replicas) {
      const message = `Only ${replicas} of the ${this.#replicas} replicas asked for had the write in time.`
      throw new StoreUnavailable(message, { cause: new StoreAnswered(message) })
    }
    return reply
  }

  async #using<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = this.#source.current() ?? (await this.#source.connected())
    try {
      return await this.#deadline.of(work(connection))
    } catch (error) {
      throw this.#failure(connection, error)
    }
  }

  /** Clients put a command's values beside its error, and servers the first of them into it: neither may get into a log. */
  #failure(connection: Connection, error: unknown): StoreUnavailable {
    if (error instanceof StoreUnavailable) return error
    const message = messageOf(error).replace(/, with args beginning with:.*/s, '')
    const isReply = /^[A-Z]{2,} /.test(message)
    // A master that became a replica stays one; others may be reached by the same address now.
    if (!isReply || message.startsWith('READONLY')) this.#source.doubt(connection)
    return isReply
      ? new StoreUnavailable(`Redis answered: ${message}`, { cause: new StoreAnswered(message) })
      : new StoreUnavailable(`Redis failed: ${message}`)
  }
}

function found(reply: unknown, expires?: number): Cached | null {
  return reply === null ? null : { value: reply as Buffer, version: reply, expires }
}

/** The same bytes as a Buffer, which is what clients send. */
function bytesOf(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function messageOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: string; code?: string }
  return message || code || 'unknown error'
}
