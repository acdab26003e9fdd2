import { StoreUnavailable } from '../../errors.js'

/** What of a connection is asked here. */
interface Connection {
  prepare(sql: string): { get(): unknown }
  /** Whether a transaction of its owner's is open: the name in `better-sqlite3`, and in `node:sqlite` from Node 22.16 on. */
  readonly inTransaction?: boolean
  readonly isTransaction?: boolean
}

interface Waiter {
  /** When its patience is over (`performance.now()`). */
  readonly until: number
  /** Runs the statement; throws what SQLite throws. */
  readonly run: () => void
  readonly fail: (error: unknown) => void
}

/** SQLite's primary result codes: another connection has the lock; another statement of this one has it. */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

/**
 * Milliseconds for which a statement stands still before it waits beside all else. Others write for some 100 µs, so this is enough on all
 * but the worst days. A reader cannot wait in any other way, for a session is read at first touch; in WAL mode it hardly ever has to.
 */
const STANDSTILL = { write: 5, read: 20 } as const
/** The first pause of a standstill, and its longest. */
const FIRST_NAP = 0.2
const LONGEST_NAP = 2
/** Milliseconds between two looks at a lock, more or less: two processes shall not look in step. */
const PAUSE = 3
/** Milliseconds of one turn of the event loop that go to those who waited, once the lock is gone. */
const SLICE = 10

const SLEEPER = new Int32Array(new SharedArrayBuffer(4))

/**
 * The statements of one connection that wait for another's lock. A statement runs to its end within one turn of the event loop, and
 * SQLite's own way of waiting is to sleep in it: nothing else of the process goes on, not even what has nothing to do with the file. So they
 * wait here, in their order, and only the first looks now and then, without sleeping, whether the lock is gone.
 */
export class Waiters {
  readonly #connection: Connection
  readonly #patience: number
  readonly #queue: Waiter[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param patience milliseconds that whoever asks waits; a statement ends before that, for what was given up shall not be stored later */
  constructor(connection: Connection, patience: number) {
    this.#connection = connection
    this.#patience = patience - STANDSTILL.write - 2 * PAUSE
  }

  /** Whether others wait already: whoever comes now would be put before them. Inside a transaction of its owner's nothing waits. */
  get areAhead(): boolean {
    return this.#queue.length > 0 && !this.#isInTransaction()
  }

  /** Runs a statement once more that another connection kept from running; throws the error where it was something else. */
  again<T>(error: unknown, run: () => T, writes: boolean): T | Promise<T> {
    if (!isBusy(error) || this.#isInTransaction()) throw error
    const patience = this.#ownPatience()
    if (patience > STANDSTILL.write) throw error
    let last = error
    const until = performance.now() + (writes ? STANDSTILL.write : STANDSTILL.read) - patience
    for (let nap = FIRST_NAP; performance.now() < until; nap = Math.min(nap * 2, LONGEST_NAP)) {
      Atomics.wait(SLEEPER, 0, 0, nap)
      try {
        return run()
      } catch (again) {
        if (!isBusy(again)) throw again
        last = again
      }
    }
    if (!writes) throw last
    return this.inTurn(run)
  }

  /** Runs a statement when those before have run. */
  inTurn<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const until = performance.now() + this.#patience
      this.#queue.push({ until, run: () => resolve(run()), fail: reject })
      this.#timer ??= this.#later()
    })
  }

  /** The connection is closed, or given back: nobody waits any more. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const error = new StoreUnavailable('The database was closed while a statement waited for its lock.')
    for (const { fail } of this.#queue.splice(0)) fail(error)
  }

  #look(): void {
    const until = performance.now() + SLICE
    while (this.#queue.length > 0 && performance.now() < until) {
      if (!this.#runFirst()) break
      this.#queue.shift()
    }
    this.#timer = this.#queue.length > 0 ? this.#later() : undefined
  }

  /** False while the lock is there; who has waited long enough is told then, and not before it was tried a last time. */
  #runFirst(): boolean {
    const first = this.#queue[0] as Waiter
    try {
      first.run()
    } catch (error) {
      if (!isBusy(error)) {
        first.fail(error)
        return true
      }
      const now = performance.now()
      while ((this.#queue[0]?.until ?? now + 1) <= now) this.#queue.shift()?.fail(error)
      return false
    }
    return true
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), PAUSE * (0.5 + Math.random()))
  }

  /** Later would be after the transaction, or in the middle of another; and what it read is too old, which waiting does not mend. */
  #isInTransaction(): boolean {
    return this.#connection.inTransaction === true || this.#connection.isTransaction === true
  }

  /** How long the connection itself waits, standing still. Files of ours have none; a handle is set up by its owner. */
  #ownPatience(): number {
    const row = this.#connection.prepare('PRAGMA busy_timeout').get() as { readonly timeout?: number | bigint } | null
    return Number(row?.timeout ?? 0)
  }
}

/** Whether a statement did not run because of a lock. `better-sqlite3` tells so by name, `node:sqlite` by number. */
function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { readonly code?: unknown; readonly errcode?: unknown }
  // The upper bits say why: an old snapshot, a recovery.
  if (typeof errcode === 'number') return (errcode & 0xff) === SQLITE_BUSY || (errcode & 0xff) === SQLITE_LOCKED
  return typeof code === 'string' && /^SQLITE_(?:BUSY|LOCKED)/.test(code)
}
