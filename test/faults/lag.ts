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

/** How much of a time span was lost so. */
export function lost(lags: readonly Lag[], from: number, to: number): number {
  return lags.reduce((sum, { at, late }) => sum + Math.max(0, Math.min(at, to) - Math.max(at - late, from)), 0)
}
