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
