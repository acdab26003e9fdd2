import type { SessionEngine } from '../core/types.js'
import { memoryEngine } from '../engines/memory.js'
import { failing, hanging } from './claims-failing.js'
import { racing } from './claims-racing.js'
import { storing } from './claims-storing.js'
import { leaving, streaming } from './claims-streaming.js'
import { contractPages } from './contract-pages.js'
import { type ContractCase, casesOf, type Pace, type Start } from './trial.js'

export interface ContractOptions {
  /** Makes the engine of each case (default: one in memory). Each case sees it as it is, and as if it were across a network. */
  readonly engine?: () => SessionEngine
}

/**
 * What every adapter must hold, whatever its framework: nothing is lost, nothing happens for nothing, and no answer is faster than its
 * data. Cases for any test runner; `start` serves the contract's pages through the adapter.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { test } from 'node:test'
 * import { sojourn } from 'sojourn/node'
 * import { adapterContract, serve } from 'sojourn/testing'
 *
 * for (const { name, run } of adapterContract((site, app) => serve(sojourn(site).handle(app.node)))) {
 *   test(`node:http: ${name}`, run)
 * }
 * ```
 */
export function adapterContract(start: Start, options: ContractOptions = {}): readonly ContractCase[] {
  const { engine = () => memoryEngine() } = options
  const on = (pace: Pace) => ({ start, engine, app: contractPages, pace })
  return [
    ...(['at once', 'slow'] as const).flatMap((pace) => [
      ...casesOf(storing, on(pace)),
      ...casesOf(failing, on(pace)),
      ...casesOf(racing, on(pace)),
      ...casesOf(streaming, on(pace)),
    ]),
    ...casesOf(hanging, on('slow')),
    ...casesOf(leaving, on('slow')),
  ]
}
