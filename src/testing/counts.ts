/** How often the claims try what may go wrong by chance. */
export interface Counts {
  /** Clients that share one session. */
  readonly clients: number
  /** Requests of each of them. */
  readonly requests: number
  /** Logouts under a running request. */
  readonly logouts: number
  /** Redirects that are followed at once. */
  readonly redirects: number
  /** Answers that a store makes fail. */
  readonly failures: number
}

export const allCounts: Counts = { clients: 32, requests: 100, logouts: 1000, redirects: 200, failures: 200 }

/** 3,200 for people. */
export function thousands(count: number): string {
  return count.toLocaleString('en')
}
