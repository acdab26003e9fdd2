import type { Count, Measurement, Results } from './results.js'
import { baseOf } from './subjects/index.js'

/** A machine this much slower than at its best was busy with something else. */
const NOISY = 1.25
/** Below this many clean rounds all rounds are taken, and the count says so. */
const ENOUGH = 3

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One subject under one workload, over the rounds. */
export interface Summary {
  readonly subject: string
  readonly workload: string
  readonly cpu: Spread
  readonly rate: Spread
  readonly p50: number
  readonly p99: number
  /** CPU microseconds more than the bare server took in the same round; `null` for the bare server itself. */
  readonly added: Spread | null
  /** Of the bare server's requests per second in the same round. */
  readonly ratio: Spread | null
  /** Rounds in which nothing slowed the machine, for the subject and for its bare server. */
  readonly clean: number
  readonly rounds: number
  readonly wrong: number
  readonly count: Count | undefined
}

/** What a run found for each subject and workload, in the order of the run. */
export function summarise(results: Results): readonly Summary[] {
  const best = Math.min(...results.measurements.map((each) => each.calibration))
  const isClean = (each: Measurement): boolean => each.calibration <= best * NOISY
  return results.subjects.flatMap((subject) =>
    results.workloads.flatMap((workload) => {
      const of = (name: string): readonly Measurement[] =>
        results.measurements.filter((each) => each.subject === name && each.workload === workload.name)
      const own = of(subject.name)
      if (own.length === 0) return []
      const bare = new Map(of(baseOf(subject)).map((each) => [each.round, each]))
      const clean = own.filter((each) => isClean(each) && isClean(bare.get(each.round) ?? each))
      const taken = clean.length >= ENOUGH ? clean : own
      const isBase = subject.name === baseOf(subject)
      const against = (compare: (mine: Measurement, base: Measurement) => number): Spread | null => {
        const pairs = taken.flatMap((mine) => {
          const base = bare.get(mine.round)
          return base === undefined ? [] : [compare(mine, base)]
        })
        return isBase || pairs.length === 0 ? null : spread(pairs)
      }
      return [
        {
          subject: subject.name,
          workload: workload.name,
          cpu: spread(taken.map((each) => each.cpu)),
          rate: spread(taken.map((each) => each.rate)),
          p50: spread(taken.map((each) => each.p50)).median,
          p99: spread(taken.map((each) => each.p99)).median,
          added: against((mine, base) => mine.cpu - base.cpu),
          ratio: against((mine, base) => mine.rate / base.rate),
          clean: clean.length,
          rounds: own.length,
          wrong: own.reduce((sum, each) => sum + each.wrong, 0),
          count: results.counts.find((each) => each.subject === subject.name && each.workload === workload.name),
        },
      ]
    }),
  )
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}
