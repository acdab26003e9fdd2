import { type App, endApps, startApps } from './apps.js'
import type { Breakage } from './broken.js'
import { counting } from './counting.js'
import { faultsOf, type Verdict } from './history.js'
import { killing } from './killing.js'
import { reviving } from './reviving.js'
import type { RunningSubject, Subject } from './subjects.js'

export type OracleName = 'A' | 'B' | 'revive' | 'kill'

export interface OracleOptions {
  readonly ops: number
  readonly clients: number
  readonly kills: number
  readonly seed: number
}

/** What an oracle found: its figure as the first line, the rest as others. */
export interface Finding {
  readonly lines: readonly string[]
  /** What must be 0. */
  readonly faults: number
}

/** A subject with its store and its application's processes. */
export interface Trial extends AsyncDisposable {
  ask(oracle: OracleName, options: OracleOptions): Promise<Finding>
}

/** Starts all there is to start; then oracles can be asked one after the other. */
export async function startTrial(subject: Subject, breakage?: Breakage | 'volatile'): Promise<Trial> {
  if (subject.cannot !== undefined) throw new Error(subject.cannot)
  const running = await subject.start({ breakage })
  try {
    const apps = await startApps(running.app, subject.shared ? 2 : 1)
    return {
      ask: (oracle, options) => oracles[oracle](running, apps, options),
      [Symbol.asyncDispose]: async () => {
        await endApps(apps)
        await running[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await running[Symbol.asyncDispose]()
    throw error
  }
}

type Oracle = (running: RunningSubject, apps: readonly App[], options: OracleOptions) => Promise<Finding>

const oracles: Readonly<Record<OracleName, Oracle>> = {
  A: (_, apps, options) => countingFinding(apps, options, false),
  B: (_, apps, options) => countingFinding(apps, options, true),
  async revive(_, apps, { ops, clients, seed }) {
    const { trials, failed, revived, late, forbidden, seconds } = await reviving(apps, { trials: ops, clients, seed })
    const health = await healthOf(apps)
    return {
      lines: [
        `revived ${revived} of ${trials}`,
        `late requests: 200 ${late.ok}, 400 ${late.interrupted}, other ${late.other}; trials made again ${failed}; ${seconds.toFixed(1)} s`,
        `${forbidden}; ${health}`,
      ],
      faults: revived + late.other + forbidden.sum + health.sum,
    }
  },
  async kill(running, apps, options) {
    const { verdict, forbidden, kills, seconds, longest, recovery } = await killing(running, apps, options)
    const health = await healthOf(apps)
    return {
      lines: [
        `lost ${verdict.lost} of ${verdict.acknowledged} acknowledged, torn ${verdict.torn + health.corrupted}, kills ${kills}`,
        `${others(verdict)}; ${seconds.toFixed(1)} s, back after ${recovery.toFixed(0)} ms, longest wait ${longest.toFixed(0)} ms`,
        `${forbidden}; ${health}`,
      ],
      faults: faultsOf(verdict) + forbidden.sum + health.sum,
    }
  },
}

export const oracleNames = Object.keys(oracles) as readonly OracleName[]

async function countingFinding(apps: readonly App[], options: OracleOptions, shared: boolean): Promise<Finding> {
  const { verdict, forbidden, seconds, longest } = await counting(apps, { ...options, shared })
  const health = await healthOf(apps)
  const rate = (verdict.acknowledged / seconds).toFixed(0)
  return {
    lines: [
      `lost ${verdict.lost} of ${verdict.acknowledged}`,
      `${others(verdict)}, torn ${verdict.torn}; ${seconds.toFixed(1)} s, ${rate} ops/s, longest wait ${longest.toFixed(0)} ms`,
      `${forbidden}; ${health}`,
    ],
    faults: faultsOf(verdict) + forbidden.sum + health.sum,
  }
}

function others({ duplicated, reordered, unasked, misread, unknown }: Verdict): string {
  return `duplicated ${duplicated}, reordered ${reordered}, unasked ${unasked}, misread ${misread}, indeterminate ${unknown}`
}

/** What went wrong within the processes: sessions that did not verify, errors that no store's failure explains, ends. */
async function healthOf(apps: readonly App[]) {
  let corrupted = 0
  let strange = 0
  for (const app of apps) {
    const answer = await fetch(`http://127.0.0.1:${app.port}/health`)
    const health = (await answer.json()) as { readonly corrupted: number; readonly strange: number }
    corrupted += health.corrupted
    strange += health.strange
    if (health.strange > 0) console.error(app.complaints)
  }
  const ended = apps.reduce((sum, app) => sum + app.crashes, 0)
  return {
    corrupted,
    sum: corrupted + strange + ended,
    toString: () => `corrupted ${corrupted}, strange errors ${strange}, processes ended ${ended}`,
  }
}
