import { setTimeout as wait } from 'node:timers/promises'

/** Asks every 50 ms. A question that cannot be asked yet is answered with no. */
export async function until(what: string, question: () => Promise<boolean>): Promise<void> {
  const patience = performance.now() + 20_000
  let failure: unknown
  for (;;) {
    try {
      if (await question()) return
      failure = undefined
    } catch (error) {
      failure = error
    }
    if (performance.now() > patience) throw new Error(`Not within 20 s: ${what}`, { cause: failure })
    await wait(50)
  }
}
