import type { App } from './apps.js'
import { total, type Verdict } from './history.js'
import { randomFrom } from './random.js'
import { Round } from './round.js'
import { Forbidden } from './visitor.js'

/** Acknowledged requests to one session, before another one is begun. */
const ROUND = 1000
/** Sessions at once: while one waits for its store, others use the machine. */
const AT_ONCE = 2
/** Requests of a client that may fail for each that is acknowledged, before it is given up. */
const FAILURES = 20

export interface CountingOptions {
  /** How many requests are to be acknowledged. */
  readonly ops: number
  readonly clients: number
  readonly seed: number
  /** All under one key, in transactions; else each client under its own. */
  readonly shared: boolean
}

export interface CountingResult {
  readonly verdict: Verdict
  readonly forbidden: Forbidden
  readonly seconds: number
  /** The longest that anybody waited, in milliseconds. */
  readonly longest: number
}

/** Oracles A and B: clients of one session count through all processes, and nothing that was acknowledged may be missing. */
export async function counting(apps: readonly App[], options: CountingOptions): Promise<CountingResult> {
  const { ops, clients, seed, shared } = options
  const forbidden = new Forbidden()
  const random = randomFrom(seed)
  const verdicts: Verdict[] = []
  const began = performance.now()
  let longest = 0
  let left = ops

  async function round(): Promise<void> {
    const each = Math.ceil(Math.min(left, ROUND) / clients)
    left -= ROUND
    const counted = await Round.begin({
      ...{ apps, forbidden, random },
      ...(shared ? { counters: 0, adders: clients } : { counters: clients, adders: 0 }),
    })
    await counted.run((acknowledged, asked) => {
      if (asked > each * FAILURES)
        throw new Error(`Of ${asked} requests of a client ${acknowledged} were acknowledged.`)
      return acknowledged < each
    })
    verdicts.push(await counted.verdict())
    longest = Math.max(longest, counted.longest)
  }

  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left > 0) await round()
    }),
  )
  return { verdict: total(verdicts), forbidden, longest, seconds: (performance.now() - began) / 1000 }
}
