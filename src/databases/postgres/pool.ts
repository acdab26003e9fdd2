import { FairTimeout } from '../../core/fair-timeout.js'
import { isLost } from './errors.js'

/** One statement in the words of `pg`. */
export interface PgQuery {
  readonly text: string
  readonly values?: unknown[]
  /** Prepared under this name, once on each connection. */
  readonly name?: string
  readonly query_timeout?: number
}

export interface PgAnswer {
  readonly rows: unknown[]
  readonly rowCount: number | null
}

/** What a `Client` of `pg` is to its pool. */
export interface PgClient {
  connect(): Promise<unknown>
  query(query: PgQuery): Promise<PgAnswer>
  end(): Promise<unknown>
  on(event: 'error', listener: () => void): unknown
  ref(): void
  unref(): void
}

interface Link {
  readonly client: PgClient
  /** When it last answered. */
  heard: number
}

interface Waiter {
  readonly resolve: (link: Link) => void
  readonly reject: (error: unknown) => void
  readonly timeout: FairTimeout
}

/** How long a statement waits for a connection, in milliseconds: to a server that is away, and where all are busy. */
const PATIENCE = { away: 250, busy: 500 } as const
/** After how many milliseconds a connection that nobody uses is let go. */
const IDLE = 30_000
/** Between two attempts to connect to a server that is away: doubled from the one to the other, less up to a half by chance. */
const PAUSE = { first: 100, longest: 200 } as const

/**
 * The connections to a PostgreSQL that a URL names. Not `pg.Pool`: that one tries to connect for whoever waits, be the server away or full,
 * and hands out connections that died without a word, one failure each. Here one attempt at a time is made for all while the server is away,
 * about ten a second at most; who waits is given whatever connection is free first; and when one connection fails, those from
 * which nothing was heard since are not trusted either.
 */
export class PostgresPool {
  readonly #make: () => PgClient
  readonly #max: number
  readonly #links = new Set<Link>()
  /** The last used at the end, so that those not needed grow old. */
  #idle: Link[] = []
  #waiting: Waiter[] = []
  #opening = 0
  #failures = 0
  #pause: NodeJS.Timeout | null = null
  #sweep: NodeJS.Timeout | null = null
  #suspectUntil = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(make: () => PgClient, max: number) {
    this.#make = make
    this.#max = max
  }

  async query(query: PgQuery): Promise<PgAnswer> {
    const link = this.#take() ?? (await this.#wait())
    const began = performance.now()
    link.client.ref()
    try {
      const answer = await link.client.query(query)
      this.#free(link)
      return answer
    } catch (error) {
      if (isLost(error)) {
        this.#suspectUntil = Math.max(this.#suspectUntil, began)
        this.#drop(link)
        this.#grow()
      } else {
        this.#free(link)
      }
      throw error
    }
  }

  /** Ends the connections: those in use when their statement has ended. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#pause !== null) clearTimeout(this.#pause)
    if (this.#sweep !== null) clearTimeout(this.#sweep)
    this.#refuse(new Error('The connections to PostgreSQL were closed.'))
    await Promise.all(this.#idle.map((link) => this.#drop(link)))
  }

  #take(): Link | undefined {
    for (let link = this.#idle.pop(); link !== undefined; link = this.#idle.pop()) {
      if (link.heard > this.#suspectUntil) return link
      this.#drop(link)
    }
    return undefined
  }

  #wait(): Promise<Link> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('The connections to PostgreSQL were closed.'))
      const patience = this.#links.size > 0 ? PATIENCE.busy : PATIENCE.away
      const timeout = new FairTimeout(patience, () => {
        this.#waiting = this.#waiting.filter((each) => each.timeout !== timeout)
        reject(new Error(`No connection to PostgreSQL was free within ${patience} ms.`))
      })
      this.#waiting.push({ resolve, reject, timeout })
      this.#grow()
    })
  }

  #free(link: Link): void {
    if (!this.#links.has(link)) return
    if (this.#closed) {
      void this.#drop(link)
      return
    }
    link.heard = performance.now()
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) {
      waiter.timeout.clear()
      waiter.resolve(link)
      return
    }
    // A program with nothing else to do may end.
    link.client.unref()
    this.#idle.push(link)
    this.#sweep ??= setTimeout(() => this.#letGo(), IDLE).unref()
  }

  /** Opens as many as are waited for; while the server is away one, and not before the pause is over. */
  #grow(): void {
    while (
      this.#pause === null &&
      this.#opening < (this.#failures > 0 ? 1 : this.#waiting.length) &&
      this.#waiting.length > 0 &&
      this.#links.size + this.#opening < this.#max
    ) {
      this.#opening += 1
      void this.#open()
    }
  }

  async #open(): Promise<void> {
    const link: Link = { client: this.#make(), heard: 0 }
    // Told also while nobody asks anything; without a listener it would end the process.
    link.client.on('error', () => this.#drop(link))
    try {
      await link.client.connect()
      this.#opening -= 1
      this.#failures = 0
      this.#links.add(link)
      this.#free(link)
    } catch (error) {
      this.#opening -= 1
      this.#rest()
      void link.client.end().catch(() => undefined)
      // Without any connection there is nothing to wait for.
      if (this.#links.size === 0 && this.#opening === 0) this.#refuse(error)
    }
    this.#grow()
  }

  #rest(): void {
    if (this.#closed || this.#pause !== null) return
    const longest = Math.min(PAUSE.longest, PAUSE.first * 2 ** this.#failures)
    this.#failures += 1
    this.#pause = setTimeout(
      () => {
        this.#pause = null
        this.#grow()
      },
      longest * (1 - Math.random() / 2),
    ).unref()
  }

  #refuse(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject, timeout } of waiting) {
      timeout.clear()
      reject(error)
    }
  }

  #letGo(): void {
    this.#sweep = null
    const old = performance.now() - IDLE
    for (const link of this.#idle.filter(({ heard }) => heard <= old)) this.#drop(link)
    if (this.#idle.length > 0) this.#sweep = setTimeout(() => this.#letGo(), IDLE).unref()
  }

  async #drop(link: Link): Promise<void> {
    if (!this.#links.delete(link)) return
    this.#idle = this.#idle.filter((each) => each !== link)
    // Whoever awaits `close` is to hear its end, though there is nothing else to do; of what is dropped by the way nobody hears.
    if (this.#closed) link.client.ref()
    else link.client.unref()
    await link.client.end().catch(() => undefined)
  }
}
