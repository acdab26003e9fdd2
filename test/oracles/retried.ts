import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds within which a store has to answer again when nothing is wrong any more. */
const RECOVERY = 20_000

/** Until it works: what failed just now may take a moment to come back. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  const patience = performance.now() + RECOVERY
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > patience) throw error
      await sleep(100)
    }
  }
}
