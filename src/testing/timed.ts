/** Milliseconds between two looks at the clock, and the most that counts of what is between them where the process did nothing. */
const EVERY = 10
const MOST = 100

/** How long somebody waited, in milliseconds. */
export interface Timed<T> {
  readonly value: T
  readonly took: number
  /** So much more passed while this process stood still and worked at nothing: what a machine gives to others is no wait for an answer. */
  readonly lost: number
}

export async function timed<T>(wait: Promise<T>): Promise<Timed<T>> {
  let [looked, worked, took, lost] = [performance.now(), work(), 0, 0]
  const look = (): void => {
    const [passed, busy] = [performance.now() - looked, work() - worked]
    looked += passed
    worked += busy
    const counted = Math.min(passed, Math.max(busy, MOST))
    took += counted
    lost += passed - counted
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

/** Milliseconds of the processor that this process has had. */
function work(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
