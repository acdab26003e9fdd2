import { percentile } from './outcomes.js'
import type { Finding } from './trial.js'

/** How much of a finding must not be. */
export function faultsOf({ tally, hasCrashed, complaints, recovery }: Finding): number {
  return tally.forbidden.length + [hasCrashed, complaints !== '', !isBack(recovery)].filter(Boolean).length
}

function isBack(recovery: number): boolean {
  return Number.isFinite(recovery)
}

/** A finding in one line, and a line for each sort of what must not be. */
export function linesOf({
  tally,
  recovery,
  lastError,
  connects,
  lag,
  hasCrashed,
  complaints,
}: Finding): readonly string[] {
  const counts = [...tally.counts()].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  const plain = tally.waits(({ kind }) => kind === 'plain')
  const served = tally.entries.filter(({ kind, outcome }) => kind === 'plain' && outcome === 'OK').length
  const waits = (['OK', 'CLEAR_ERROR'] as const).map((outcome) => {
    const sorted = tally.waits((entry) => entry.outcome === outcome)
    return `${outcome} p50 ${round(percentile(sorted, 0.5))} p99 ${round(percentile(sorted, 0.99))}`
  })
  const figures = [
    counts,
    `forbidden ${tally.forbidden.length + Number(hasCrashed)}`,
    `worst wait ${round(tally.waits().at(-1) ?? 0)} ms (${waits.join(', ')})`,
    `plain pages ${served}/${plain.length} OK, worst ${round(plain.at(-1) ?? 0)} ms`,
    `back after ${round(recovery)} ms, last error after ${round(lastError)} ms`,
    `${connects} connects in the worst second`,
    `lag of the machine up to ${round(lag)} ms`,
  ]
  const samples = new Map(tally.forbidden.map((entry) => [entry.outcome, `  ${entry.outcome}: ${entry.detail}`]))
  return [
    figures.join(' · '),
    ...samples.values(),
    ...(isBack(recovery) ? [] : ['  NEVER BACK: no page was good again after the fault']),
    ...(complaints === '' ? [] : [`  the process: ${complaints.slice(0, 2000)}`]),
  ]
}

function round(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? milliseconds.toFixed(0) : 'never'
}
