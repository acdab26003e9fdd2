/** Milliseconds between two looks at the clock, and the most that counts of what is between them. */
const EVERY = 10
const MOST = 100

/** How long somebody waited, in milliseconds. */
export interface Timed<T> {
  readonly value: T
  readonly took: number
  /** So much more passed while this process stood still: what a machine gives to others is no wait for an answer. */
  readonly lost: number
}

export async function timed<T>(wait: Promise<T>): Promise<Timed<T>> {
  let [looked, took, lost] = [performance.now(), 0, 0]
  const look = (): void => {
    const passed = performance.now() - looked
    looked += passed
    took += Math.min(passed, MOST)
    lost += Math.max(0, passed - MOST)
  }
  const timer = setInterval(look, EVERY)
  try {
    const value = await wait
    look()
    return { value, took: Math.round(took), lost: Math.round(lost) }
  } finally {
    clearInterval(timer)
  }
}
