import type { SessionEngine } from '../core/types.js'
import { memoryEngine } from '../engines/memory.js'
import type { ContractOptions } from './adapter-contract.js'
import type { App } from './app.js'
import { answering, dropping } from './claims-node.js'
import { nodePages } from './node-pages.js'
import { type ContractCase, casesOf, type Pace, type Start } from './trial.js'

/**
 * What an adapter must hold besides, where pages answer with Node's own `ServerResponse`: every way to write a head, a body and
 * an end works as it does without sojourn, while the session is being stored and after.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { sojourn } from 'sojourn/node'
 * import { nodeContract, serve } from 'sojourn/testing'
 *
 * for (const { name, run } of nodeContract((site, app) => serve(sojourn(site).handle(app.node)))) {
 *   test(`node:http: ${name}`, run)
 * }
 * ```
 */
export function nodeContract(start: Start, options: ContractOptions = {}): readonly ContractCase[] {
  const engine = options.engine ?? ((): SessionEngine => memoryEngine())
  const app: (...given: Parameters<typeof nodePages>) => App = (gates, made) => ({
    node: nodePages(gates, made),
    fetch: () => new Response('these pages answer with a ServerResponse', { status: 501 }),
  })
  const on = (pace: Pace) => ({ start, engine, app, pace })
  return (['at once', 'slow'] as const).flatMap((pace) => [
    ...casesOf(answering, on(pace)),
    ...casesOf(dropping, on(pace)),
  ])
}
