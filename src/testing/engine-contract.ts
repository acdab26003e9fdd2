import type { MaybePromise } from '../core/types.js'
import { comparing } from './claims-engine-comparing.js'
import { ending } from './claims-engine-ending.js'
import { failing, hanging } from './claims-engine-failing.js'
import { keeping } from './claims-engine-keeping.js'
import { racing } from './claims-engine-racing.js'
import { sitesRacing } from './claims-engine-sites.js'
import { stateless } from './claims-engine-stateless.js'
import { type EngineClaims, type EnginePromise, type EngineUnderTest, engineCases } from './engine-trial.js'
import type { ContractCase } from './trial.js'

/** The claims by what an engine promises. */
const CLAIMS: Readonly<Record<EnginePromise, readonly EngineClaims[]>> = {
  'compare-and-set': [keeping, ending, comparing, racing, sitesRacing, failing, hanging],
  'last-write-wins': [keeping, ending, failing, hanging],
  stateless: [stateless, failing, hanging],
}

/**
 * What every session engine must hold: a session comes back to the byte, ends when it should and stays ended, no writer loses another's
 * data, and a store that fails is never an empty session. Cases for any test runner; each starts an engine of its own, whose store may be
 * shared: all keys are random.
 *
 * An engine that cannot compare, or whose key is the data, says so itself (`consistency`, `stateless`) and here: it is held to what it promises.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { memoryEngine } from 'sojourn/engines/memory'
 * import { engineContract, testClock } from 'sojourn/testing'
 *
 * const clock = testClock()
 * for (const { name, run } of engineContract(() => ({ clock, engine: memoryEngine({ clock }) }))) test(name, run)
 * ```
 */
export function engineContract(
  start: () => MaybePromise<EngineUnderTest>,
  promise: EnginePromise = 'compare-and-set',
): readonly ContractCase[] {
  return CLAIMS[promise].flatMap((claims) => engineCases(claims, start, promise))
}
