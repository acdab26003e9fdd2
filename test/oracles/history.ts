/** What became of what was asked for: judged from the answers and from what is kept at the end, and from nothing else. */

/**
 * How one request to write ended. `acknowledged`: 2xx, so it must be kept. `refused`: a 4xx, so it must not. `unknown`: a
 * 5xx, a lost connection or no answer; it may be kept or not.
 */
export type Ending = 'acknowledged' | 'refused' | 'unknown'

/** One request of a client, in the order in which the client sent them, one after the other. */
export interface Attempt {
  /** What it appended to the client's list: another one each time, and larger. */
  readonly op: number
  readonly ending: Ending
  /** The count that an acknowledged one was answered with. */
  readonly count?: number
}

/** What a session holds of one client. */
export interface Kept {
  readonly count: number
  readonly list: readonly number[]
}

/** How often each thing happened; all but `acknowledged` and `unknown` must be 0. */
export interface Verdict {
  readonly acknowledged: number
  readonly unknown: number
  /** Acknowledged and not kept. */
  readonly lost: number
  /** Kept more than once, or counted more often than asked for. */
  readonly duplicated: number
  /** Kept before what was acknowledged earlier. */
  readonly reordered: number
  /** Kept though it was refused, or nobody asked for it. */
  readonly unasked: number
  /** Answered with another count than the client's own last writes make. */
  readonly misread: number
  /** The count and the list were written together and do not agree. */
  readonly torn: number
}

export const NOTHING: Verdict = {
  acknowledged: 0,
  unknown: 0,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  unasked: 0,
  misread: 0,
  torn: 0,
}

/** What is wrong: the sum of all that must be 0. */
export function faultsOf({ lost, duplicated, reordered, unasked, misread, torn }: Verdict): number {
  return lost + duplicated + reordered + unasked + misread + torn
}

export function total(verdicts: readonly Verdict[]): Verdict {
  const names = Object.keys(NOTHING) as (keyof Verdict)[]
  return Object.fromEntries(
    names.map((name) => [name, verdicts.reduce((sum, verdict) => sum + verdict[name], 0)]),
  ) as unknown as Verdict
}

/** Judges a client that had a count and a list for itself. */
export function judge(attempts: readonly Attempt[], { count, list }: Kept): Verdict {
  const ended = (ending: Ending): Set<number> =>
    new Set(attempts.filter((attempt) => attempt.ending === ending).map(({ op }) => op))
  const [acknowledged, unknown] = [ended('acknowledged'), ended('unknown')]
  const kept = new Set(list)
  const missing = [...acknowledged].filter((op) => !kept.has(op)).length
  const excess = count - acknowledged.size - unknown.size
  return {
    acknowledged: acknowledged.size,
    unknown: unknown.size,
    lost: Math.max(missing, acknowledged.size - count, 0),
    duplicated: Math.max(list.length - kept.size, excess, 0),
    reordered: list.filter((op, at) => at > 0 && op < (list[at - 1] as number)).length,
    unasked: [...kept].filter((op) => !acknowledged.has(op) && !unknown.has(op)).length,
    misread: misreadIn(attempts),
    torn: Math.abs(count - list.length),
  }
}

/** Judges all clients of one key that each counted up in a transaction: no two may have been answered the same. */
export function judgeShared(clients: readonly (readonly Attempt[])[], count: number): Verdict {
  const attempts = clients.flat()
  const answered = attempts.filter(({ ending }) => ending === 'acknowledged')
  const unknown = attempts.filter(({ ending }) => ending === 'unknown').length
  return {
    ...NOTHING,
    acknowledged: answered.length,
    unknown,
    lost: Math.max(answered.length - count, 0),
    duplicated: Math.max(count - answered.length - unknown, 0),
    misread: answered.length - new Set(answered.map((attempt) => attempt.count)).size,
  }
}

/** A client reads its own writes: each answer is one more than the last, and at most as many more as are unknown. */
function misreadIn(attempts: readonly Attempt[]): number {
  let misread = 0
  let last = 0
  let unknown = 0
  for (const { ending, count = Number.NaN } of attempts) {
    if (ending === 'unknown') unknown++
    if (ending !== 'acknowledged') continue
    if (!(count > last && count <= last + unknown + 1)) misread++
    last = count
    unknown = 0
  }
  return misread
}
