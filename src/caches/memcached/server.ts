import type { NetConnectOpts } from 'node:net'
import { ImproperlyConfigured, StoreUnavailable } from '../../errors.js'
import { Connection, type Patience } from './connection.js'
import type { Reply } from './replies.js'

/** The most operations that wait for one server. */
const MOST_WAITING = 1000
/** Milliseconds from one attempt to connect to the next: at least, and what chance adds at most. */
const SHORTEST_PAUSE = 100
const LONGEST_ADDITION = 400

/**
 * A server, and the connection to it: one is enough, since commands are written without waiting for replies, and the server
 * works them off faster than one process can ask. It is opened by the first operation that needs it. While the server is
 * down operations fail at once, and one in 100 to 500 ms tries again.
 */
export class Server {
  /** `host:port` or a socket's path, as pymemcache calls it. */
  readonly node: string
  readonly #name: string
  readonly #address: NetConnectOpts
  readonly #patience: Patience
  #connection: Connection | null = null
  #opening: Promise<Connection> | null = null
  /** Operations that wait for the connection to be opened. */
  #waiting = 0
  #failures = 0
  #notBefore = 0
  #failure: unknown
  #closed = false

  constructor(node: string, patience: Patience) {
    this.node = node
    this.#name = `memcached at ${node}`
    this.#address = addressOf(node)
    this.#patience = patience
  }

  /** Sends a command about a key: see `Connection.send`. */
  async send(command: string, value: Uint8Array | null, codes: string): Promise<Reply> {
    const connection = this.#connection?.alive ? this.#connection : await this.#connected()
    if (connection.waiting >= MOST_WAITING) throw this.#tooMany()
    if (value !== null) connection.refuseTooLarge(command.length + value.length)
    return connection.send(command, value, codes)
  }

  async #connected(): Promise<Connection> {
    if (this.#waiting >= MOST_WAITING) throw this.#tooMany()
    this.#waiting++
    try {
      return await this.#open()
    } finally {
      this.#waiting--
    }
  }

  #tooMany(): StoreUnavailable {
    return new StoreUnavailable(`${this.#name} has ${MOST_WAITING} operations waiting.`)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opening?.catch(() => {})
    await this.#connection?.close()
  }

  #open(): Promise<Connection> {
    this.#opening ??= this.#tryToOpen().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #tryToOpen(): Promise<Connection> {
    if (this.#closed) throw new StoreUnavailable(`The connection to ${this.#name} was closed.`)
    const now = performance.now()
    if (now < this.#notBefore) {
      throw new StoreUnavailable(`${this.#name} is out of reach.`, { cause: this.#failure })
    }
    this.#notBefore = now + SHORTEST_PAUSE
    try {
      this.#connection = await Connection.open(this.#name, this.#address, this.#patience)
      this.#failures = 0
      return this.#connection
    } catch (error) {
      this.#failure = error
      const addition = Math.min(LONGEST_ADDITION, SHORTEST_PAUSE * 2 ** this.#failures++)
      this.#notBefore = now + SHORTEST_PAUSE + Math.random() * addition
      throw error
    }
  }
}

const HOST_AND_PORT = /^(?<host>[\w.-]+|\[[\da-fA-F:.]+\])(?::(?<port>\d{1,5}))?$/

/** The servers that URLs name, each of which may name several, in Django's notations of a `LOCATION`. */
export function nodesOf(source: string | readonly string[]): readonly string[] {
  const urls = typeof source === 'string' ? [source] : source
  const nodes = urls.flatMap((url) => {
    if (!url.startsWith('memcached://')) throw malformed()
    return url.slice('memcached://'.length).split(/[,;]/).map(nodeOf)
  })
  if (nodes.length === 0) throw malformed()
  return [...new Set(nodes)]
}

/** As pymemcache writes it, since its name decides which keys a server has. */
function nodeOf(location: string): string {
  if (/^\/[^\0]/.test(location)) return location
  const { host, port = '11211' } = HOST_AND_PORT.exec(location)?.groups ?? {}
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw malformed()
  return `${host.replace(/[[\]]/g, '')}:${Number(port)}`
}

function addressOf(node: string): NetConnectOpts {
  if (node.startsWith('/')) return { path: node }
  const colon = node.lastIndexOf(':')
  return { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) }
}

/** Without what was given: it may hold a password. */
function malformed(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    "Memcached is 'memcached://HOST:PORT', several servers 'memcached://HOST:PORT,HOST:PORT', a socket 'memcached:///run/memcached.sock'; users and passwords are not supported.",
  )
}
