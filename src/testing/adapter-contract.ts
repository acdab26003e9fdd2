import type { SessionEngine } from '../core/types.js'
import { aborting } from './claims-aborting.js'
import { failing, hanging } from './claims-failing.js'
import { forms } from './claims-forms.js'
import { crossing, heads, keeping } from './claims-heads.js'
import { racing } from './claims-racing.js'
import { storing } from './claims-storing.js'
import { leaving, pipelining, streaming } from './claims-streaming.js'
import { visiting } from './claims-users.js'
import { allCounts, type Counts } from './counts.js'
import { type ContractCase, casesOf, type Protocol, type TrialOptions } from './trial.js'
import { localVenue, type Start } from './venue.js'

export interface ContractOptions extends ClaimOptions {
  /** Makes the engine of each case (default: one in memory). Each case sees it as it is, and as if it were across a network. */
  readonly engine?: () => SessionEngine
}

/** Which claims there are, and how often what may go wrong by chance is tried. */
export interface ClaimOptions {
  /** What visitors speak (default `http/1.1`). `h2` is HTTP/2 without encryption. */
  readonly protocol?: Protocol
  readonly counts?: Partial<Counts>
  /** Names in lower case that the framework itself puts into Vary; they are taken out of an answer before a claim looks at it. */
  readonly varies?: readonly string[]
  /** The pages are told where the framework has the session (`app.node(req, res, { session: () => req.session })`), and look whether it is there. */
  readonly places?: boolean
  /** Something above sojourn says `Access-Control-Allow-Origin: *` of every answer, and every answer is looked at for it. */
  readonly crossing?: boolean
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
  return adapterCases({ ...trialOptions(options), pages: 'any', venue: localVenue(start, options.engine) }, options)
}

export function adapterCases(
  options: TrialOptions,
  { places = false, crossing: crosses = false }: ClaimOptions,
): readonly ContractCase[] {
  const { counts, protocol } = options
  return [
    ...(['at once', 'slow'] as const).flatMap((pace) => [
      ...casesOf(storing(counts), pace, options),
      ...casesOf(heads, pace, options),
      ...(places ? casesOf(keeping, pace, options) : []),
      ...(crosses ? casesOf(crossing, pace, options) : []),
      ...casesOf(forms, pace, options),
      ...casesOf(visiting, pace, options),
      ...casesOf(failing(counts), pace, options),
      ...casesOf(racing(counts), pace, options),
      ...casesOf(streaming, pace, options),
      ...casesOf(aborting, pace, options),
      ...(protocol === 'h2' ? [] : casesOf(pipelining, pace, options)),
    ]),
    ...casesOf(hanging, 'slow', options),
    ...casesOf(leaving, 'slow', options),
  ]
}

export function trialOptions({
  protocol = 'http/1.1',
  counts = {},
  varies = [],
}: ClaimOptions): Pick<TrialOptions, 'protocol' | 'counts' | 'varies'> {
  return { protocol, counts: { ...allCounts, ...counts }, varies }
}
