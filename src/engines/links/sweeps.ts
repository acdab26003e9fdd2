import type { Sweep } from '../../core/types.js'

/** Several sweeps as one: each begins where the one before it has nothing left. `made`: asked once, at the first step. */
export function oneAfterTheOther(made: () => Promise<readonly Sweep[]>): Sweep {
  let all: Promise<readonly Sweep[]> | undefined
  let at = 0
  const sweeps = (): Promise<readonly Sweep[]> => (all ??= made())
  const next = async (limit: number): Promise<number> => {
    for (const sweep of (await sweeps()).slice(at)) {
      const cleared = await sweep.next(limit)
      if (cleared > 0) return cleared
      at++
    }
    return 0
  }
  const count = async (): Promise<number> => {
    let sum = 0
    for (const sweep of await sweeps()) sum += await sweep.count()
    return sum
  }
  return { count, next }
}
