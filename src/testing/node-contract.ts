import { type ContractOptions, trialOptions } from './adapter-contract.js'
import { answering, draining, dropping, wording } from './claims-node.js'
import { type ContractCase, casesOf, type TrialOptions } from './trial.js'
import { localVenue, type Start } from './venue.js'

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
  return nodeCases({ ...trialOptions(options), pages: 'node', venue: localVenue(start, options.engine) })
}

export function nodeCases(options: TrialOptions): readonly ContractCase[] {
  return (['at once', 'slow'] as const).flatMap((pace) => [
    ...casesOf(answering, pace, options),
    ...casesOf(dropping, pace, options),
    ...(options.protocol === 'h2' ? [] : [...casesOf(wording, pace, options), ...casesOf(draining, pace, options)]),
  ])
}
