import type { Clock } from '../core/types.js'
import { ImproperlyConfigured } from '../errors.js'
import type { Cache, Cached, Stored } from './cache.js'
import { rendezvous } from './memcached/rendezvous.js'
import type { Reply } from './memcached/replies.js'
import { nodesOf, Server } from './memcached/server.js'

export interface MemcachedOptions {
  /** The client flags of what is stored and read (default 1: a pickle, as Django's clients mark it). */
  readonly flags?: number
  /** How long a reply may take, in seconds (default 0.5); the connection is given up then. */
  readonly timeout?: number
  /** How long connecting may take, in seconds (default 0.25). */
  readonly connectTimeout?: number
  readonly clock?: Clock
}

/** What may be a key and nothing else on the line: no blank, no control character. Django's `memcache_key_warnings`. */
const KEY = /^[\x21-\x7e]{1,250}$/
const CAS = /^\d{1,20}$/
/** More seconds than this the server takes for a moment since 1970. Django's `get_backend_timeout`. */
const THIRTY_DAYS = 2_592_000
const LAST_MOMENT = 2 ** 31 - 1

/**
 * Memcached 1.6.10 or newer, by its meta commands: where Django's `PyMemcacheCache` and `PyLibMCCache` keep sessions. What it
 * evicts, or forgets when it restarts, is gone, and its visitor anonymous: give it memory enough, or use `cached_db`.
 *
 * Several servers share the keys as Django's `PyMemcacheCache` shares them. While one is down its sessions are an error, not
 * another server's: they would begin anew there, and be old when it is back.
 *
 * @example
 * ```ts
 * import { memcached } from 'sojourn/caches/memcached'
 *
 * const cache = memcached('memcached://10.0.0.1:11211,10.0.0.2:11211')
 * ```
 */
export function memcached(source: string | readonly string[], options: MemcachedOptions = {}): Cache {
  return new Memcached(source, options)
}

class Memcached implements Cache {
  readonly name = 'memcached'
  readonly synchronous = false
  readonly consistency = 'compare-and-set'
  readonly #servers: readonly Server[]
  readonly #flags: number
  readonly #clock: Clock

  constructor(
    source: string | readonly string[],
    { flags = 1, timeout = 0.5, connectTimeout = 0.25, clock = Date.now }: MemcachedOptions,
  ) {
    const patience = { connect: connectTimeout * 1000, reply: timeout * 1000 }
    this.#servers = nodesOf(source).map((node) => new Server(node, patience))
    this.#flags = flags
    this.#clock = clock
  }

  async get(key: string): Promise<Cached | null> {
    const { code, words, value } = await this.#ask('mg', key, 'c f t v', 'VA EN')
    if (code === 'EN' || value === null) return null
    const flags = flag(words, 'f')
    if (flags !== String(this.#flags)) {
      throw new ImproperlyConfigured(
        `Memcached has a value with the flags ${flags}, not ${this.#flags}: some client compresses, or has another serializer.`,
      )
    }
    const seconds = Number(flag(words, 't'))
    const version = flag(words, 'c')
    return seconds < 0 ? { value, version } : { value, version, expires: this.#clock() + seconds * 1000 }
  }

  async add(key: string, value: Uint8Array, expires: number): Promise<Stored | 'conflict'> {
    const { code, words } = await this.#store(key, value, expires, 'ME', 'HD NS')
    return code === 'HD' ? { version: flag(words, 'c') } : 'conflict'
  }

  async replace(
    key: string,
    value: Uint8Array,
    expires: number,
    expected?: unknown,
  ): Promise<Stored | 'missing' | 'conflict'> {
    const [condition, codes] = expected === undefined ? ['MR', 'HD NS'] : [compare(expected), 'HD EX NF']
    const { code, words } = await this.#store(key, value, expires, condition, codes)
    if (code === 'HD') return { version: flag(words, 'c') }
    return code === 'EX' ? 'conflict' : 'missing'
  }

  /** The server's CAS stays as it is, so that a writer who loaded before may still save. */
  async touch(key: string, expires: number): Promise<'saved' | 'missing'> {
    const { code } = await this.#ask('mg', key, `T${this.#lifetime(expires)}`, 'HD EN')
    return code === 'HD' ? 'saved' : 'missing'
  }

  async delete(key: string, expected?: unknown): Promise<'deleted' | 'missing' | 'conflict'> {
    const { code } = await this.#ask('md', key, expected === undefined ? '' : compare(expected), 'HD EX NF')
    if (code === 'HD') return 'deleted'
    return code === 'EX' ? 'conflict' : 'missing'
  }

  /** Without the value, and without a say in what is evicted. */
  async has(key: string): Promise<boolean> {
    const { code } = await this.#ask('mg', key, 'u', 'HD EN')
    return code === 'HD'
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()))
  }

  #store(key: string, value: Uint8Array, expires: number, condition: string, codes: string): Promise<Reply> {
    const flags = `${value.length} c F${this.#flags} T${this.#lifetime(expires)} ${condition}`
    return this.#ask('ms', key, flags, codes, value)
  }

  #ask(command: string, key: string, flags: string, codes: string, value: Uint8Array | null = null): Promise<Reply> {
    if (!KEY.test(key)) {
      throw new ImproperlyConfigured(
        'A key for Memcached is at most 250 printable ASCII characters without blanks; nothing was sent.',
      )
    }
    return rendezvous(this.#servers, key).send(`${command} ${key} ${flags}\r\n`, value, codes)
  }

  /** In whole seconds, rounded up; what is past its end is stored as ended, which the server forgets at once. */
  #lifetime(expires: number): number {
    const seconds = Math.ceil((expires - this.#clock()) / 1000)
    if (seconds <= 0) return -1
    return seconds <= THIRTY_DAYS ? seconds : Math.min(Math.ceil(expires / 1000), LAST_MOMENT)
  }
}

function compare(expected: unknown): string {
  if (typeof expected !== 'string' || !CAS.test(expected)) throw new TypeError('This version is not one of Memcached.')
  return `C${expected}`
}

/** What the reply says under a flag's letter. */
function flag(words: readonly string[], letter: string): string {
  return words.find((word) => word.startsWith(letter))?.slice(1) ?? ''
}
