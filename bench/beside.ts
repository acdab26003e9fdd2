import type { Results } from './results.js'
import { baseOf, isLibrary, type Subject } from './subjects/index.js'
import { likenessOf } from './subjects/stores.js'
import type { Summary } from './summary.js'

/** What sojourn takes of the CPU that another takes for the same work. */
export interface Ratio {
  readonly to: string
  readonly ratio: number
}

/** One of sojourn's subjects under one workload, beside others on the same kind of store. */
export interface Beside {
  readonly subject: string
  readonly workload: string
  /** What is written by hand, on the same driver. */
  readonly floor: Ratio | null
  /** The library that takes least. */
  readonly peer: Ratio | null
}

/**
 * CPU per request of each of sojourn's subjects beside that of others. Who runs on another framework is taken to add to this one's bare server
 * what it adds to its own.
 */
export function beside(results: Results, summaries: readonly Summary[]): readonly Beside[] {
  const subjects = results.subjects.filter((each): each is Subject => each.module !== undefined)
  return subjects
    .filter(({ module }) => module === 'sojourn')
    .flatMap((subject) => {
      const floors = subjects.filter(({ module, store }) => module === 'floor' && store === subject.store)
      const peers = subjects.filter((each) => isLibrary(each) && each.module !== 'sojourn' && isAlike(each, subject))
      return results.workloads.flatMap((workload) => {
        const of = (name: string): Summary | undefined =>
          summaries.find((each) => each.subject === name && each.workload === workload.name)
        const bare = of(baseOf(subject))?.cpu.median
        const own = of(subject.name)?.added?.median
        if (bare === undefined || own === undefined) return []
        const best = (others: readonly Subject[]): Ratio | null => {
          const ratios = others.flatMap(({ name }): Ratio[] => {
            const added = of(name)?.added?.median
            return added === undefined ? [] : [{ to: name, ratio: (bare + own) / Math.max(bare + added, 0) }]
          })
          return ratios.toSorted((a, b) => b.ratio - a.ratio)[0] ?? null
        }
        return [{ subject: subject.name, workload: workload.name, floor: best(floors), peer: best(peers) }]
      })
    })
}

function isAlike(one: Subject, other: Subject): boolean {
  return one.store !== null && other.store !== null && likenessOf(one.store) === likenessOf(other.store)
}
