import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { FairTimeout } from '../../core/fair-timeout.js'
import type { DriverConnection, DriverStatement, Opened } from './driver.js'

/** A statement, and how it is to be sent. */
export interface Question {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly prepared: boolean
  /** Whether its answer has a deadline. */
  readonly limited: boolean
  /** A statement that changes nothing may be sent twice. */
  readonly reads?: boolean
}

/** What comes back from a statement without rows. */
export interface Answered {
  readonly affectedRows: number | string
  readonly info?: string
  readonly serverStatus?: number
}

/** How many statements may wait for one; the rest fail at once. */
const WAITING = 1000

/** Errors with which the server says that it did not do what it was told: a deadlock's victim, a statement or a connection it forgot. */
const NOTHING_DONE: ReadonlySet<unknown> = new Set([1053, 1213, 1243, 1615, 1927, 4031])
/** Errors after which a connection is of no use: its server goes, forgot a statement, or became a replica that refuses writes. */
const SPENT: ReadonlySet<unknown> = new Set([1053, 1243, 1290, 1615, 1792, 1836, 1927, 4031])

/**
 * Statements on the connections of a pool: never more under way than it has connections, each with a deadline. A connection whose
 * answer is overdue is thrown away, so that no later statement gets that answer.
 *
 * What a restarted server left of the pool are dead connections. A read that meets one is sent again on another; a write only where
 * the error proves that nothing was done, for a connection that breaks after a write was sent tells nothing about it.
 */
export class Connections {
  readonly #opened: Opened
  readonly #line: (() => void)[] = []
  #free: number
  /** When the server could not be reached: one asks again a while later, and the others wait for what comes of it. */
  #downSince: number | null = null
  #trial: Promise<void> | null = null

  constructor(opened: Opened) {
    this.#opened = opened
    this.#free = opened.limit
    opened.only?.on('error', ignore)
    opened.pool?.on('connection', muted)
    if (opened.ours) opened.pool?.on('connection', committing)
  }

  async ask(question: Question): Promise<unknown> {
    const connection = await this.#acquire()
    try {
      return await this.#send(question, connection)
    } catch (error) {
      if (!mayRepeat(error, question.reads === true)) throw error
      await nextTurn() // the other connections that died with this one are told of it in this turn
      return this.#send(question, await this.#acquire())
    }
  }

  async close(): Promise<void> {
    const { ours, pool } = this.#opened
    if (!ours || pool === null) return
    const ended = new Promise<void>((resolve) => pool.end(() => resolve()))
    // The driver waits for ever for the goodbye of a connection that was thrown away meanwhile.
    await Promise.race([ended, wait(this.#opened.queryTimeout, undefined, { ref: false })])
  }

  #send(question: Question, connection: DriverConnection): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const answer = new Answer(connection, this, resolve, reject)
      answer.await(question, question.limited ? this.#opened.queryTimeout : 0)
    })
  }

  /** Takes a connection back, or throws it away. The site's only connection stays; its place is kept until it has answered. */
  release(connection: DriverConnection, usable: boolean): void {
    if (usable) connection.release?.()
    else if (connection.release !== undefined) {
      connection.destroy()
      connection.stream?.destroy?.() // destroy() only says goodbye, and a server that hangs does not answer that either
    }
    this.#leave()
  }

  #acquire(): Promise<DriverConnection> {
    const { connectTimeout } = this.#opened
    return new Promise((resolve, reject) => {
      const wish = { given: false }
      const late = new FairTimeout(connectTimeout, () => {
        wish.given = true
        reject(new Error(`No connection to the database within ${connectTimeout} ms.`))
      })
      this.#connect(wish).then(
        (connection) => {
          late.clear()
          if (wish.given) this.release(connection, true)
          else resolve(connection)
        },
        (error: unknown) => {
          late.clear()
          reject(error)
        },
      )
    })
  }

  async #connect(wish: { readonly given: boolean }): Promise<DriverConnection> {
    await this.#enter()
    try {
      if (this.#downSince !== null) {
        this.#trial ??= this.#tryAgain(this.#downSince)
        await this.#trial
      }
      if (wish.given) throw new Error('Nobody waits for this connection any more.')
      return await this.#take()
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  /** At most ten times a second, and not all processes of a site at once. */
  async #tryAgain(since: number): Promise<void> {
    try {
      await wait(Math.max(0, since + 100 + Math.random() * 50 - performance.now()))
      const connection = await this.#take()
      connection.release?.()
      this.#downSince = null
    } finally {
      this.#trial = null
    }
  }

  #take(): Promise<DriverConnection> {
    const { pool, only } = this.#opened
    return new Promise((resolve, reject) => {
      if (only !== null) resolve(only)
      else
        pool?.getConnection((error, connection) => {
          if (!error) return resolve(connection)
          // Without a code it is the pool that refuses, not the server.
          this.#downSince = 'code' in error ? performance.now() : null
          reject(error)
        })
    })
  }

  #enter(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    if (this.#line.length >= WAITING) throw new Error('Too many statements wait for the database.')
    return new Promise((resolve) => {
      this.#line.push(resolve)
    })
  }

  #leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free++
    else next()
  }
}

/** One answer, awaited once: it arrives, or the deadline does. */
class Answer {
  readonly #connection: DriverConnection
  readonly #owner: Connections
  readonly #resolve: (result: unknown) => void
  readonly #reject: (error: unknown) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #settled = false
  #returned = false

  constructor(
    connection: DriverConnection,
    owner: Connections,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#connection = connection
    this.#owner = owner
    this.#resolve = resolve
    this.#reject = reject
  }

  await({ sql, values, prepared }: Question, limit: number): void {
    if (limit > 0) this.#timer = setTimeout(() => this.#overdue(limit), limit)
    const statement: DriverStatement & typeof READING = { ...READING, sql, values }
    try {
      if (prepared) this.#connection.execute(statement, (error, result) => this.#arrived(error, result))
      else this.#connection.query(statement, (error, result) => this.#arrived(error, result))
    } catch (error) {
      this.#arrived(error, undefined)
    }
  }

  #arrived(error: unknown, result: unknown): void {
    clearTimeout(this.#timer)
    this.#return(error === null || fromServer(error))
    if (this.#settled) return
    this.#settled = true
    if (error === null) this.#resolve(result)
    else this.#reject(error)
  }

  #overdue(limit: number): void {
    this.#settled = true
    this.#reject(new Overdue(`No answer from the database within ${limit} ms.`))
    if (this.#connection.release !== undefined) this.#return(false)
  }

  #return(usable: boolean): void {
    if (this.#returned) return
    this.#returned = true
    this.#owner.release(this.#connection, usable)
  }
}

class Overdue extends Error {}

/**
 * How rows are to be read, whatever the pool was set up with: by the columns' names, moments as the text that is stored. The driver
 * would shift them by its own `timezone`.
 */
const READING = {
  dateStrings: true,
  typeCast: (_field: unknown, next: () => unknown): unknown => next(),
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
} as const

/** Whether the server itself refused, and its connection lives on. */
function fromServer(error: unknown): boolean {
  const { errno } = error as { errno?: unknown }
  return typeof errno === 'number' && errno > 0 && !SPENT.has(errno)
}

function mayRepeat(error: unknown, reads: boolean): boolean {
  const { errno, fatal, code } = error as { errno?: unknown; fatal?: unknown; code?: unknown }
  if (NOTHING_DONE.has(errno)) return true
  // Closed before anything was sent: the driver has neither a code nor a number for it.
  if (fatal === true && errno === undefined && code === undefined) return true
  return reads && fatal === true && !(error instanceof Overdue)
}

function ignore(): void {
  // The pool drops the connection by itself, and a statement under way is told; without a listener the process would end.
}

function muted(connection: DriverConnection): void {
  connection.on('error', ignore)
}

/** As Django does; a server may have it off for everybody. It goes before the first statement, which does not wait for it. */
function committing(connection: DriverConnection): void {
  connection.query({ sql: 'SET SESSION autocommit = 1', values: [] }, ignore)
}
