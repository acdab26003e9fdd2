/** What becomes of a request while a store fails. */
export const outcomes = [
  'OK',
  /** 503 with Retry-After, and the cookie as it was. */
  'CLEAR_ERROR',
  /** The session is gone with a server that keeps nothing, and the visitor is told so by being nobody. */
  'DECLARED',
  /** 200 by a page that takes a visitor for nobody. */
  'SILENT_ANON',
  /** The session cookie was deleted or replaced. */
  'COOKIE_WIPED',
  /** What was acknowledged is not there. */
  'FALSE_ACK',
  /** Nobody may wait for longer than the budget, whatever comes then. */
  'HANG',
  /** A session that was logged out is alive. */
  'REVIVED',
  /** Somebody else's session. */
  'CROSS_USER',
  /** The process ended, or dropped a connection. */
  'CRASH',
  /** An error that does not say when to come again, or on a page without a session. */
  'WRONG_ERROR',
] as const

export type Outcome = (typeof outcomes)[number]

const allowed: ReadonlySet<Outcome> = new Set(['OK', 'CLEAR_ERROR', 'DECLARED'])

export function isForbidden(outcome: Outcome): boolean {
  return !allowed.has(outcome)
}

/** `plain` is a page that has no use for a session. */
export type PageKind = 'plain' | 'read' | 'write' | 'login' | 'logout'

/** Milliseconds that nobody may have to wait. */
export const BUDGET = 1200

/** One request and its outcome; moments in `performance.now()`. */
export interface Entry {
  readonly kind: PageKind
  readonly outcome: Outcome
  readonly began: number
  readonly ended: number
  /** Milliseconds between the two. */
  readonly wait: number
  readonly detail: string
}

export class Tally {
  readonly entries: Entry[] = []

  add(entry: Entry): void {
    this.entries.push(entry)
  }

  /** Makes a hang of whatever took too long, but for what the machine took of it: `lostIn` tells that, of moments since 1970. */
  findHangs(lostIn: (from: number, to: number) => number): void {
    for (const [at, entry] of this.entries.entries()) {
      const wait = netWait(entry, lostIn)
      this.entries[at] = { ...entry, wait, outcome: wait > BUDGET ? 'HANG' : entry.outcome }
    }
  }

  get forbidden(): readonly Entry[] {
    return this.entries.filter(({ outcome }) => isForbidden(outcome))
  }

  counts(): ReadonlyMap<Outcome, number> {
    const counts = outcomes.map(
      (outcome) => [outcome, this.entries.filter((each) => each.outcome === outcome).length] as const,
    )
    return new Map(counts.filter(([outcome, count]) => count > 0 || outcome === 'OK' || outcome === 'CLEAR_ERROR'))
  }

  /** Milliseconds, in rising order. */
  waits(which: (entry: Entry) => boolean = () => true): readonly number[] {
    return this.entries
      .filter(which)
      .map(({ wait }) => wait)
      .sort((a, b) => a - b)
  }
}

function netWait({ began, ended }: Entry, lostIn: (from: number, to: number) => number): number {
  const { timeOrigin } = performance
  return ended - began - lostIn(timeOrigin + began, timeOrigin + ended)
}

/** The share-th part of sorted numbers lies below it; 0 where there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
