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
