import { StoreUnavailable } from '../../errors.js'
import { delay } from './deadline.js'

/** A command and its values, as they go over the wire. Names in lower case: older clients look them up so. */
export type Command = [name: string, ...values: (string | Uint8Array)[]]

/** A way to a server, or to several. */
export interface Connection {
  /** Whether a command would leave at once. */
  isReady(): boolean
  /** Sends a command to where the key lives. Commands sent in one turn travel together. */
  send(key: string, command: Command): Promise<unknown>
}

/** Where connections come from: the user's own client, or a URL. */
export interface Source {
  /** The connection, if there is one that is ready. */
  current(): Connection | null
  /** The connection as soon as there is one. Rejects after a quarter of a second. */
  connected(): Promise<Connection>
  /** An operation got no answer, or none from a server that may write. */
  doubt(connection: Connection): void
  close(): Promise<void>
}

/** A client, pool, cluster or sentinel of `redis` (node-redis, version 5 or later). */
export interface NodeRedisHandle {
  readonly isOpen: boolean
  readonly isReady?: boolean
  connect(): Promise<unknown>
  sendCommand(...values: never[]): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** A `Redis` or `Cluster` of `ioredis` (version 5 or later). */
export interface IoRedisHandle {
  readonly status: string
  connect(): Promise<unknown>
  callBuffer(...values: never[]): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** What `redis` takes instead of a URL. */
export type RedisHandle = NodeRedisHandle | IoRedisHandle

/** Milliseconds an operation waits for a connection. */
export const PATIENCE = 250
/** Milliseconds an operation waits for its answer. */
export const ANSWER_LIMIT = 1000

/** Whether an object is a client of `redis` or `ioredis`. */
export function isRedisHandle(value: object): value is RedisHandle {
  return isIoRedis(value) || isNodeRedis(value)
}

function isIoRedis(value: object): value is IoRedisHandle {
  const handle = value as Partial<IoRedisHandle>
  return typeof handle.callBuffer === 'function' && typeof handle.status === 'string'
}

function isNodeRedis(value: object): value is NodeRedisHandle {
  const handle = value as Partial<NodeRedisHandle>
  return typeof handle.sendCommand === 'function' && typeof handle.isOpen === 'boolean'
}

/** RESP's mark of a string of bytes, `$`, as node-redis names it: such answers come as bytes. Nor does a command get a timer of its own. */
const BYTES = { typeMapping: { 36: Buffer }, timeout: 0 }

interface SendToServer {
  sendCommand(command: Command, options: object): Promise<unknown>
}
interface SendToCluster {
  sendCommand(key: string, isReadonly: boolean, command: Command, options: object): Promise<unknown>
}
interface SendToMaster {
  sendCommand(isReadonly: boolean, command: Command, options: object): Promise<unknown>
}

/** node-redis: its client, pool, cluster and sentinel each have another signature of the same method. */
export class NodeRedisConnection implements Connection {
  readonly handle: NodeRedisHandle
  readonly #kind: 'cluster' | 'sentinel' | 'server'
  readonly #holdsBack: boolean

  /** @param holdsBack whether it may keep a command for later, unseen by us, when its server is not there */
  constructor(handle: NodeRedisHandle, holdsBack: boolean) {
    this.handle = handle
    this.#kind = 'nodeByAddress' in handle ? 'cluster' : 'getSentinelNode' in handle ? 'sentinel' : 'server'
    this.#holdsBack = holdsBack
  }

  isReady(): boolean {
    // Pools, and clusters before version 6, tell only whether they are open.
    return this.handle.isReady ?? this.handle.isOpen
  }

  send(key: string, command: Command): Promise<unknown> {
    const handle: unknown = this.handle
    // What nobody waits for any more must not be written when the server is back.
    const options = this.#holdsBack ? { ...BYTES, abortSignal: AbortSignal.timeout(PATIENCE) } : BYTES
    if (this.#kind === 'server') return (handle as SendToServer).sendCommand(command, options)
    if (this.#kind === 'sentinel') return (handle as SendToMaster).sendCommand(false, command, options)
    return (handle as SendToCluster).sendCommand(key, false, command, options)
  }
}

class IoRedisConnection implements Connection {
  readonly handle: IoRedisHandle

  constructor(handle: IoRedisHandle) {
    this.handle = handle
  }

  isReady(): boolean {
    return this.handle.status === 'ready'
  }

  send(_key: string, command: Command): Promise<unknown> {
    return (this.handle as unknown as { callBuffer(...command: Command): Promise<unknown> }).callBuffer(...command)
  }
}

/** The user's own client. It is connected if nobody did so yet, and never closed: how it reconnects is its owner's affair. */
export class GivenClient implements Source {
  readonly #connection: NodeRedisConnection | IoRedisConnection
  #begun = false
  #closed = false

  constructor(handle: RedisHandle) {
    this.#connection = connectionOf(handle)
    // Without a listener, Node ends the process at the first lost connection. What was lost, the operations tell.
    handle.on('error', ignore)
  }

  current(): Connection | null {
    if (this.#closed || !this.#connection.isReady()) return null
    this.#begun = true
    return this.#connection
  }

  /** Asks again and again rather than to listen: clients, pools, clusters and sentinels each call the moment something else. */
  async connected(): Promise<Connection> {
    this.#begin()
    const until = performance.now() + PATIENCE
    while (!this.#isOver()) {
      const connection = this.current()
      if (connection !== null) return connection
      if (performance.now() > until) throw new StoreUnavailable('The Redis client is not connected.')
      await delay(10)
    }
    throw new StoreUnavailable('The Redis client is closed.')
  }

  doubt(): void {}

  async close(): Promise<void> {
    this.#closed = true
  }

  #begin(): void {
    const { handle } = this.#connection
    const isIdle = isIoRedis(handle) ? handle.status === 'wait' : !handle.isOpen
    if (!this.#begun && !this.#closed && isIdle) handle.connect().catch(ignore)
    this.#begun = true
  }

  #isOver(): boolean {
    const { handle } = this.#connection
    return this.#closed || (isIoRedis(handle) ? handle.status === 'end' : !handle.isOpen)
  }
}

/** Of all these, only a single client of node-redis says whether its server is there. */
function connectionOf(handle: RedisHandle): NodeRedisConnection | IoRedisConnection {
  if (isIoRedis(handle)) return new IoRedisConnection(handle)
  const isSingle = handle.isReady !== undefined && !('nodeByAddress' in handle) && !('getSentinelNode' in handle)
  return new NodeRedisConnection(handle, !isSingle)
}

function ignore(): void {}
