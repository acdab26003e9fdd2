import type { ContractCase } from '../../src/testing/trial.js'

/** How a claim ended. */
export interface Claimed {
  readonly name: string
  readonly error?: string
}

/** Shows claims one after the other, without a test runner. */
export async function show(claims: readonly ContractCase[], tell: (claimed: Claimed) => void): Promise<void> {
  for (const { name, run } of claims) {
    try {
      await run()
      tell({ name })
    } catch (error) {
      tell({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
}
