/**
 * A timeout that charges others with half of what this process was busy at most: it waits in two halves, so that whoever answered while this
 * process did something else for long (loading a driver, say) is heard before it is given up.
 */
export class FairTimeout {
  #timer: ReturnType<typeof setTimeout>

  /** Calls `overdue` after so many milliseconds, once. */
  constructor(milliseconds: number, overdue: () => void) {
    const half = milliseconds / 2
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(overdue, half)
    }, half)
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}

/** A wait that came to nothing, as against an answer that says no. */
export class DeadlinePassed extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`)
  }
}

/**
 * Whether an error says that nobody answered: one of ours, or one of a driver that gave up before we did. What a server sent (SQLSTATE, or
 * MariaDB's `ER_`) is an answer, whatever it says of timeouts, and so is a lock that somebody else held too long.
 */
export function isSilence(error: unknown, depth = 5): boolean {
  if (!(error instanceof Error) || depth === 0) return false
  if (error instanceof DeadlinePassed) return true
  const { code = '' } = error as { readonly code?: unknown }
  const isAnswer = /^(?:[0-9A-Z]{5}|ER_\w+)$/.test(String(code))
  if (!isAnswer && TIMED_OUT.test(`${error.name} ${String(code)} ${error.message}`)) return true
  return isSilence(error.cause, depth - 1)
}
/** As Node, pg, postgres.js, mysql2, node-redis and ioredis say it. */
const TIMED_OUT = /timed?[ _-]?out(?:error)?\b(?! of)/i

/** A promise that is given up after some milliseconds. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timeout: FairTimeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timeout = new FairTimeout(milliseconds, () => reject(new DeadlinePassed(milliseconds)))
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    timeout?.clear()
  }
}
