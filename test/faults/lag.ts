/** A timer that came late: so long nothing in its process was done, as others had the processor. In milliseconds, `at` since 1970. */
export interface Lag {
  readonly at: number
  readonly late: number
}

const EVERY = 20

/** Notes from now on when this process had to wait for the machine. */
export function noteLags(): readonly Lag[] {
  const lags: Lag[] = []
  let due = Date.now() + EVERY
  setInterval(() => {
    const at = Date.now()
    if (at - due > EVERY) lags.push({ at, late: at - due })
    due = at + EVERY
  }, EVERY).unref()
  return lags
}

/** How much of a time span was lost so, to one process or another; what both lost at once is lost once. */
export function lost(lags: readonly Lag[], from: number, to: number): number {
  let sum = 0
  let until = from
  for (const { at, late } of lags.filter((each) => each.at > from).sort((a, b) => a.at - b.at)) {
    sum += Math.max(0, Math.min(at, to) - Math.max(at - late, until))
    until = Math.max(until, at)
  }
  return sum
}
