import { adapterCases, type ClaimOptions, trialOptions } from './adapter-contract.js'
import { noticing } from './claims-aborting.js'
import { nodeCases } from './node-contract.js'
import { type ContractCase, casesOf } from './trial.js'
import { type Address, remoteVenue } from './venue.js'

/**
 * The adapter contract against a server in a process of its own, in whatever runtime: it serves what `contractHost` makes there. The cases
 * share that server, so they run one after the other.
 *
 * @param server where it listens, or what says so when a case begins
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { remoteContract } from 'sojourn/testing'
 *
 * for (const { name, run } of remoteContract({ origin: 'http://127.0.0.1:8000' })) test(`my framework: ${name}`, run)
 * ```
 */
export function remoteContract(
  server: Address | (() => Address | Promise<Address>),
  options: ClaimOptions = {},
): readonly ContractCase[] {
  const venue = remoteVenue(typeof server === 'function' ? server : () => server)
  const trial = { ...trialOptions(options), pages: 'any', venue } as const
  return [...casesOf(noticing, 'at once', trial), ...adapterCases(trial, options)]
}

/** `nodeContract` in the same way, where pages answer with Node's own `ServerResponse`. */
export function remoteNodeContract(
  server: Address | (() => Address | Promise<Address>),
  options: ClaimOptions = {},
): readonly ContractCase[] {
  const venue = remoteVenue(typeof server === 'function' ? server : () => server)
  return nodeCases({ ...trialOptions(options), pages: 'node', venue })
}
