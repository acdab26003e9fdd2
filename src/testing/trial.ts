import assert from 'node:assert/strict'
import type { Client } from './client.js'
import { ContractClient } from './contract-client.js'
import type { Control, Pace, PageSet } from './control.js'
import type { Counts } from './counts.js'
import { Http2Client } from './http2-client.js'
import type { Venue } from './venue.js'

/** One claim of a contract, for any test runner: `test(name, run)`. */
export interface ContractCase {
  readonly name: string
  readonly run: () => Promise<void>
}

/** What a claim is tried on: a site of its own, behind a server. */
export interface Trial {
  readonly control: Control
  readonly origin: string
  readonly pace: Pace
  /** Somebody with no cookies yet. */
  visitor(): Client
}

/** Claims, each with what shows it. */
export type Claims = Readonly<Record<string, (trial: Trial) => Promise<void>>>

/** What visitors speak. `h2` is HTTP/2 without encryption. */
export type Protocol = 'http/1.1' | 'h2'

export interface TrialOptions {
  readonly venue: Venue
  readonly pages: PageSet
  readonly protocol: Protocol
  readonly counts: Counts
  readonly varies: readonly string[]
}

export function casesOf(claims: Claims, pace: Pace, options: TrialOptions): readonly ContractCase[] {
  return Object.entries(claims).map(([claim, show]) => ({
    name: `${claim} (${pace === 'slow' ? 'a slow store' : 'a store that answers at once'})`,
    run: () => attempt(show, pace, options),
  }))
}

async function attempt(
  show: Claims[string],
  pace: Pace,
  { venue, pages, protocol, varies }: TrialOptions,
): Promise<void> {
  const { control, origin, close } = await venue.begin(pace, pages)
  const visitors: Client[] = []
  const visitor = (): Client => {
    const client = protocol === 'h2' ? new Http2Client(origin) : new ContractClient(origin, varies)
    visitors.push(client)
    return client
  }
  try {
    await show({ control, origin, pace, visitor })
    assert.deepEqual(await control.unhandled(), [], 'a rejection was left unhandled')
  } finally {
    for (const client of visitors) client.close()
    await close()
  }
}
