import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './apps.js'
import { total, type Verdict } from './history.js'
import { randomFrom } from './random.js'
import { Round } from './round.js'
import type { RunningSubject } from './subjects.js'
import { BUDGET, Forbidden, Visitor } from './visitor.js'

/** Milliseconds of load before a kill, at least; and up to so many more. */
const BEFORE = 200
const VARIES = 300
/** Milliseconds that nobody starts it again. */
const DOWN = 300
/** Milliseconds of load after its return. */
const AFTER = 500
/** Clients that count under their one shared key, beside the others. */
const ADDERS = 2

export interface KillingOptions {
  readonly kills: number
  readonly clients: number
  readonly seed: number
}

export interface KillingResult {
  readonly kills: number
  readonly verdict: Verdict
  readonly forbidden: Forbidden
  readonly seconds: number
  /** The longest that anybody waited, in milliseconds. */
  readonly longest: number
  /** Milliseconds from the end of each start until each process answers, the longest. */
  readonly recovery: number
}

/**
 * The load of oracles A and B while a server of the store is killed and started again; where the store has no server, a
 * process of the application. What was acknowledged is kept, at the end of all kills; nobody is logged out meanwhile.
 */
export async function killing(
  { servers }: Pick<RunningSubject, 'servers'>,
  apps: readonly App[],
  { kills, clients, seed }: KillingOptions,
): Promise<KillingResult> {
  const random = randomFrom(seed)
  const forbidden = new Forbidden()
  const victims = servers.length > 0 ? servers : apps
  const rounds: Round[] = []
  const began = performance.now()
  let recovery = 0
  let slowness = 0
  for (let kill = 0; kill < kills; kill++) {
    const round = await Round.begin({ apps, forbidden, random, counters: clients, adders: ADDERS })
    rounds.push(round)
    let isOver = false
    const load = Promise.all([round.run(() => !isOver), longestPlainPage(apps, round, forbidden, () => !isOver)])
    try {
      const victim = victims[kill % victims.length]
      await sleep(BEFORE + random() * VARIES)
      await victim?.kill()
      await sleep(DOWN)
      await victim?.start()
      recovery = Math.max(recovery, await nextAnswers(apps, round))
      await sleep(AFTER)
    } finally {
      isOver = true
      slowness = Math.max(slowness, (await load)[1])
    }
  }
  const verdicts: Verdict[] = []
  for (const round of rounds) verdicts.push(await round.verdict())
  forbidden.hangs += rounds.flatMap((round) => round.slow).filter((wait) => wait > BUDGET + slowness).length
  const longest = Math.max(...rounds.map((round) => round.longest))
  const seconds = (performance.now() - began) / 1000
  return { kills, verdict: total(verdicts), forbidden, seconds, longest, recovery }
}

/**
 * Asks for the page that has no use for a session, with a session's cookie; the longest it took, in milliseconds. So long
 * this machine was busy with something else, and a page of the session may have waited for that besides.
 */
async function longestPlainPage(
  apps: readonly App[],
  round: Round,
  forbidden: Forbidden,
  more: () => boolean,
): Promise<number> {
  const visitor = new Visitor(forbidden)
  visitor.cookie = round.cookie
  while (more()) {
    for (const app of apps) if (!app.isDown) await visitor.ask(app, '/plain')
    await sleep(20)
  }
  visitor.leave()
  forbidden.hangs += visitor.slow.length
  return visitor.longest
}

/** Milliseconds until each process answers again. */
async function nextAnswers(apps: readonly App[], { lastAnswered }: Round): Promise<number> {
  const began = performance.now()
  while (apps.some((app) => (lastAnswered.get(app) ?? 0) < began)) {
    if (performance.now() - began > 20_000) throw new Error('Not all processes answer within 20 s of its return.')
    await sleep(5)
  }
  return performance.now() - began
}
