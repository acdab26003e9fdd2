import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { StoreAnswered } from '../../core/answer.js'
import { FairTimeout } from '../../core/fair-timeout.js'
import { ImproperlyConfigured, SessionTooLarge, StoreUnavailable } from '../../errors.js'
import { Replies, type Reply } from './replies.js'

/** How long to wait for a server, in milliseconds. */
export interface Patience {
  /** For a connection, greeting included. */
  readonly connect: number
  /** For a reply. */
  readonly reply: number
}

interface Waiting {
  /** The codes that may come as its reply. */
  readonly codes: string
  readonly since: number
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
}

/** What the server keeps with each item besides key and value, rounded up from 63 bytes. */
const OVERHEAD = 80

/**
 * One connection, for one life: what was asked is answered in order or, from the first sign that order is lost (a reply that
 * is overdue or cannot be, an end), not at all. A reply that comes late finds nobody who could take it for another.
 */
export class Connection {
  readonly #name: string
  readonly #socket: Socket
  readonly #patience: number
  readonly #replies = new Replies()
  readonly #settings = new Map<string, string>()
  readonly #queue: Waiting[] = []
  /** What this turn of the event loop wrote, to leave in one piece: text and values in turn, and the text after them. */
  #written: (string | Uint8Array)[] = []
  #text = ''
  #size = 0
  #timer: NodeJS.Timeout | null = null
  /** What was found overdue once. */
  #late: Waiting | null = null
  #failure: unknown = null

  private constructor(name: string, socket: Socket, patience: number) {
    this.#name = name
    this.#socket = socket
    this.#patience = patience
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 15_000)
    socket.on('data', (piece: Buffer) => this.#read(piece))
    socket.on('error', (cause) => this.#end(this.#error('failed', cause)))
    socket.on('close', () => this.#end(this.#error('closed the connection')))
  }

  /**
   * Connects and asks who is there. A server that is frozen accepts connections and is silent; one before 1.6.10 would take
   * the bytes of a value for commands; and without CAS no save can compare.
   */
  static async open(name: string, address: NetConnectOpts, patience: Patience): Promise<Connection> {
    const connection = new Connection(name, connect(address), patience.reply)
    const overdue = (): void => connection.#end(connection.#error(`did not answer within ${patience.connect} ms`))
    const timeout = new FairTimeout(patience.connect, overdue)
    try {
      const [{ words }] = await Promise.all([
        connection.send('version\r\n', null, 'VERSION'),
        connection.send('stats settings\r\n', null, 'END'),
      ])
      connection.#refuseOldServer(words[0] ?? '')
      return connection
    } catch (error) {
      connection.#end(error)
      throw error
    } finally {
      timeout.clear()
    }
  }

  get alive(): boolean {
    return this.#failure === null
  }

  /** How many replies are due. */
  get waiting(): number {
    return this.#queue.length
  }

  /**
   * Sends a command line, with the value that it announces, and waits for the reply.
   *
   * @param codes the replies there can be, with blanks between; any other is an error
   */
  send(command: string, value: Uint8Array | null, codes: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure)
      if (this.#size === 0) setImmediate(() => this.#flush())
      this.#text += command
      this.#size += command.length
      if (value !== null) {
        this.#written.push(this.#text, value)
        this.#text = '\r\n'
        this.#size += value.length + 2
      }
      this.#queue.push({ codes, since: performance.now(), resolve, reject })
      this.#timer ??= setTimeout(() => this.#lookAtTime(), this.#patience)
    })
  }

  /** Refuses what the server would refuse, which then also deletes what the key held before. */
  refuseTooLarge(size: number): void {
    const largest = Number(this.#settings.get('item_size_max') ?? 2 ** 20)
    if (size + OVERHEAD <= largest) return
    throw new SessionTooLarge(
      `A session of ${size} bytes is more than ${this.#name} takes (${largest} bytes with its key and more; see its option -I).`,
    )
  }

  /** Waits for the replies that are due, and ends. */
  async close(): Promise<void> {
    // Its reply is the end of the connection.
    await this.send('quit\r\n', null, '').catch(() => {})
  }

  #flush(): void {
    if (!this.alive) return
    this.#written.push(this.#text)
    const bytes = Buffer.allocUnsafe(this.#size)
    let at = 0
    for (const part of this.#written) {
      if (typeof part === 'string') at += bytes.write(part, at, 'latin1')
      else {
        bytes.set(part, at)
        at += part.length
      }
    }
    this.#socket.write(bytes)
    this.#written = []
    this.#text = ''
    this.#size = 0
  }

  #read(piece: Buffer): void {
    try {
      for (const reply of this.#replies.read(piece)) {
        this.#take(reply)
        if (!this.alive) return
      }
    } catch (cause) {
      this.#end(this.#error('sent what is not the protocol of Memcached', cause))
    }
  }

  #take(reply: Reply): void {
    const { code, words } = reply
    if (code === 'STAT') {
      this.#settings.set(words[0] ?? '', words[1] ?? '')
      return
    }
    const waiting = this.#queue[0]
    if (waiting?.codes.split(' ').includes(code)) {
      this.#queue.shift()
      waiting.resolve(reply)
    } else if (waiting !== undefined && code === 'SERVER_ERROR' && words.join(' ') === 'out of memory storing object') {
      // The one refusal after which the server is known to have skipped the value and to be in step.
      this.#queue.shift()
      waiting.reject(this.#error('is out of memory', new StoreAnswered('out of memory')))
    } else {
      // Never more of its text: who knows what an unknown server repeats.
      const known = /^(?:SERVER_|CLIENT_)?ERROR$/.test(code) ? code : 'another reply than there can be'
      this.#end(this.#error(`answered ${known}`))
    }
  }

  #lookAtTime(): void {
    this.#timer = null
    const [oldest] = this.#queue
    if (oldest === undefined) return
    if (oldest === this.#late) {
      this.#end(this.#error(`did not answer within ${this.#patience} ms`))
      return
    }
    const left = oldest.since + this.#patience - performance.now()
    // If it was this process that was busy, the reply lies in the socket by now, and is read before the next look.
    if (left <= 0) this.#late = oldest
    this.#timer = setTimeout(() => this.#lookAtTime(), left)
  }

  #refuseOldServer(version: string): void {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number.parseFloat)
    if (!(major * 1e6 + minor * 1e3 + patch >= 1_006_010)) {
      throw new ImproperlyConfigured(`${this.#name} is too old: sojourn needs Memcached 1.6.10 or newer.`)
    }
    if (this.#settings.get('cas_enabled') === 'no') {
      throw new ImproperlyConfigured(
        `${this.#name} runs with -C, so that no save can compare: start it without that option.`,
      )
    }
  }

  #error(what: string, cause?: unknown): StoreUnavailable {
    return new StoreUnavailable(`${this.#name} ${what}.`, cause === undefined ? undefined : { cause })
  }

  #end(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = error
    clearTimeout(this.#timer ?? undefined)
    this.#socket.destroy()
    for (const { reject } of this.#queue.splice(0)) reject(error)
  }
}
