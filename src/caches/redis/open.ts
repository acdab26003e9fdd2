import { within } from '../../core/fair-timeout.js'
import { ImproperlyConfigured, StoreUnavailable } from '../../errors.js'
import {
  ANSWER_LIMIT,
  type Connection,
  NodeRedisConnection,
  type NodeRedisHandle,
  PATIENCE,
  type Source,
} from './clients.js'
import { delay } from './deadline.js'
import type { RedisAddress, RedisHost } from './url.js'

/** Milliseconds between the beginnings of two tries to connect, at least; up to twice that, so that not all processes come at once. */
const SERVER_GAP = 100
/** A cluster is found anew with several connections. */
const CLUSTER_GAP = 300

interface OwnHandle extends NodeRedisHandle {
  close(): unknown
  destroy(): unknown
}

interface NodeRedis {
  createClient(options: object): OwnHandle
  createCluster(options: object): OwnHandle
}

/**
 * Connections that we open ourselves, with node-redis. A lost one is replaced when the next operation comes, so nothing reconnects that
 * nobody uses. node-redis itself never reconnects here and keeps nothing back for later: what was not sent fails at once, and what is
 * on a lost connection fails with it.
 */
export class OpenedByUrl implements Source {
  readonly #address: RedisAddress
  /** Read in advance: it is large, and the first operation should not have to wait for the disk. */
  readonly #driver = importDriver()
  #connection: NodeRedisConnection | null = null
  /** The try that runs, which never rejects. */
  #opening: Promise<void> | null = null
  #notBefore = 0
  #lastError: unknown
  /** A cluster of which a node failed: it serves the others until the new one is there. */
  #stale = false
  #closed = false

  constructor(address: RedisAddress) {
    this.#address = address
    // Whoever uses it hears of it.
    this.#driver.catch(ignore)
  }

  current(): Connection | null {
    if (this.#connection === null) return null
    if (!this.#connection.isReady()) {
      this.#retire()
      return null
    }
    if (this.#stale) void this.#open()
    return this.#connection
  }

  async connected(): Promise<Connection> {
    await this.#driver
    const until = performance.now() + PATIENCE
    for (;;) {
      if (this.#closed) throw new StoreUnavailable('The Redis cache is closed.')
      const connection = this.current()
      if (connection !== null) return connection
      const left = until - performance.now()
      if (left <= 0) throw new StoreUnavailable('Redis is not connected.', { cause: this.#lastError })
      await Promise.race([this.#open(), delay(left)])
    }
  }

  doubt(connection: Connection): void {
    if (connection !== this.#connection) return
    if (this.#address.kind === 'cluster') this.#stale = true
    else this.#retire()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opening
    const handle = this.#connection?.handle as OwnHandle | undefined
    this.#connection = null
    if (handle === undefined) return
    if (handle.isOpen) await Promise.race([Promise.resolve(handle.close()).catch(ignore), delay(PATIENCE)])
    destroy(handle)
  }

  #open(): Promise<void> {
    this.#opening ??= this.#try().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #try(): Promise<void> {
    const early = this.#notBefore - performance.now()
    if (early > 0) await delay(early)
    if (this.#closed) return
    const gap = this.#address.kind === 'cluster' ? CLUSTER_GAP : SERVER_GAP
    this.#notBefore = performance.now() + gap * (1 + Math.random())
    try {
      const handle = await open(await this.#driver, this.#address)
      this.#retire()
      this.#connection = new NodeRedisConnection(handle, false)
      this.#lastError = undefined
    } catch (error) {
      this.#lastError = error
    }
  }

  /** What is on its way there may still be answered, within its deadline. */
  #retire(): void {
    const handle = this.#connection?.handle as OwnHandle | undefined
    this.#connection = null
    this.#stale = false
    if (handle === undefined) return
    if (handle.isOpen) setTimeout(destroy, ANSWER_LIMIT, handle)
    else destroy(handle)
  }
}

async function open(driver: NodeRedis, address: RedisAddress): Promise<OwnHandle> {
  if (address.kind === 'cluster') return connected(clusterOf(driver, address), ANSWER_LIMIT)
  if (address.kind === 'server') return connected(serverOf(driver, address, address.hosts[0]!))
  // All at once, and the first answer counts: one that is down would otherwise cost its whole time.
  const master = await Promise.any(address.hosts.map((sentinel) => askSentinel(driver, address, sentinel)))
  const handle = await connected(serverOf(driver, address, master))
  // Sentinels that missed a failover name the old master, which is a replica by now.
  const [role] = (await within(PATIENCE, send(handle, 'role')).catch(() => [])) as string[]
  if (role === 'master') return handle
  destroy(handle)
  throw new Error('The sentinels named a server that is no master.')
}

async function importDriver(): Promise<NodeRedis> {
  try {
    return (await import('redis')) as unknown as NodeRedis
  } catch (cause) {
    throw new ImproperlyConfigured('A Redis URL needs the package redis: npm install redis', { cause })
  }
}

/** Connects, or lets go of everything: a stopped server takes connections and says nothing. */
async function connected(handle: OwnHandle, limit = 2 * PATIENCE): Promise<OwnHandle> {
  handle.on('error', ignore)
  try {
    await within(limit, handle.connect())
    return handle
  } catch (error) {
    destroy(handle)
    throw error
  }
}

function serverOf(driver: NodeRedis, { tls, username, password, database }: RedisAddress, at: RedisHost): OwnHandle {
  return driver.createClient({ ...clientOptions(tls, at), username, password, database })
}

function clusterOf(driver: NodeRedis, { tls, username, password, hosts }: RedisAddress): OwnHandle {
  const { socket, ...defaults } = clientOptions(tls)
  return driver.createCluster({
    RESP: defaults.RESP,
    // The connection that asks for the slots is not used for anything else, so it may be dropped when it is silent.
    rootNodes: hosts.map((at) => ({ socket: { ...socket, ...at, socketTimeout: PATIENCE } })),
    defaults: { ...defaults, username, password, socket },
    // A node that hangs must hold up nobody but those who ask it.
    minimizeConnections: true,
  })
}

async function askSentinel(driver: NodeRedis, { tls, master }: RedisAddress, sentinel: RedisHost): Promise<RedisHost> {
  const handle = await connected(driver.createClient(clientOptions(tls, sentinel)))
  try {
    const reply = await within(PATIENCE, send(handle, 'sentinel', 'get-master-addr-by-name', master))
    if (reply === null) throw new Error('The sentinels do not know this master.')
    const [host, port] = reply as [string, string]
    return { host, port: Number(port) }
  } finally {
    destroy(handle)
  }
}

interface ClientOptions {
  readonly socket: object
  readonly RESP: number
  readonly disableOfflineQueue: boolean
  readonly commandOptions: object
}

function clientOptions(tls: boolean, at?: RedisHost): ClientOptions {
  return {
    socket: { ...at, tls: tls || undefined, connectTimeout: PATIENCE, reconnectStrategy: false },
    // Understood by every server and proxy; we need nothing of RESP3.
    RESP: 2,
    disableOfflineQueue: true,
    commandOptions: { timeout: 0 },
  }
}

function send(handle: OwnHandle, ...command: string[]): Promise<unknown> {
  return (handle as unknown as { sendCommand(command: string[]): Promise<unknown> }).sendCommand(command)
}

function destroy(handle: OwnHandle): void {
  try {
    handle.destroy()
  } catch {
    // node-redis 5 refuses to destroy what is closed already.
  }
}

function ignore(): void {}
