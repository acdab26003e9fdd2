import assert from 'node:assert/strict'
import type { Site } from '../core/site.js'
import type { SessionEngine } from '../core/types.js'
import { sojourn } from '../sojourn.js'
import type { App } from './app.js'
import { Client } from './client.js'
import { Gates } from './gates.js'
import { type WatchedEngine, watched } from './watched-engine.js'

/** A server under test, wherever it comes from. */
export interface Running {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  close(): Promise<void>
}

/** Serves an app through the adapter under test. */
export type Start = (site: Site, app: App) => Promise<Running>

/** One claim of a contract, for any test runner: `test(name, run)`. */
export interface ContractCase {
  readonly name: string
  readonly run: () => Promise<void>
}

/** What a claim is tried on: a site of its own behind a server of its own. */
export interface Trial {
  readonly site: Site
  readonly engine: WatchedEngine
  readonly origin: string
  readonly gates: Gates
  /** What the long answer of this trial made so far. */
  readonly made: Made
  /** Somebody with no cookies yet. */
  visitor(): Client
}

/** How far a page came that streams a long answer. */
export interface Made {
  bytes: number
  ended: boolean
}

/** Claims, each with what shows it. */
export type Claims = Readonly<Record<string, (trial: Trial) => Promise<void>>>

/** How the engine of a trial is: `at once` as it comes, `slow` as if it were across a network. */
export type Pace = 'at once' | 'slow'

export interface TrialOptions {
  readonly start: Start
  readonly engine: () => SessionEngine
  readonly app: (gates: Gates, made: Made) => App
  readonly pace: Pace
}

/** Milliseconds an operation of a slow engine takes. */
const SLOW = 2

export function casesOf(claims: Claims, options: TrialOptions): readonly ContractCase[] {
  return Object.entries(claims).map(([claim, show]) => ({
    name: `${claim} (${options.pace === 'slow' ? 'a slow store' : 'a store that answers at once'})`,
    run: () => attempt(options, show),
  }))
}

async function attempt({ start, engine: make, app, pace }: TrialOptions, show: Claims[string]): Promise<void> {
  const engine = watched(make(), pace === 'slow' ? { delay: SLOW } : {})
  const site = sojourn({
    secretKey: 'a secret of the contract, of more than fifty characters',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: engine,
  })
  // Claims make requests fail; nobody wants to read of it.
  site.on('request_failed', () => undefined)
  const gates = new Gates()
  const made = { bytes: 0, ended: false }
  const visitors: Client[] = []
  const unhandled: unknown[] = []
  const noticed = (reason: unknown): unknown => unhandled.push(reason)
  process.on('unhandledRejection', noticed)
  const running = await start(site, app(gates, made))
  try {
    const visitor = (): Client => {
      const client = new Client(running.origin)
      visitors.push(client)
      return client
    }
    await show({ site, engine, gates, made, origin: running.origin, visitor })
    assert.deepEqual(unhandled, [], 'a rejection was left unhandled')
  } finally {
    process.off('unhandledRejection', noticed)
    gates.openAll()
    for (const client of visitors) client.close()
    await running.close()
    await site.close()
  }
}
