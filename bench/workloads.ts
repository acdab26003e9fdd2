/** What the load generator asks for, again and again. */
export interface Workload {
  readonly name: string
  /** As the head of a column. */
  readonly title: string
  readonly path: string
  /** Which prepared sessions the requests name in their cookie; `null` for visitors without one. */
  readonly session: 'small' | 'large' | null
  /** The body of a right answer; `null` where it is a number that counts. */
  readonly answer: string | null
}

/** How many sessions are prepared of each size if nothing else is asked for. The load generator takes them in turn. */
export const SESSIONS = 256

/**
 * In the order in which a process runs them. `create` comes last: it leaves thousands of sessions behind, and a store with a
 * limit would let go of the prepared ones.
 */
export const workloads: readonly Workload[] = [
  { name: 'untouched', title: 'untouched', path: '/untouched', session: 'small', answer: 'ok' },
  { name: 'anonymous', title: 'anonymous', path: '/untouched', session: null, answer: 'ok' },
  { name: 'read', title: 'read', path: '/read', session: 'small', answer: 'john_doe' },
  { name: 'sliding', title: 'read, sliding', path: '/sliding', session: 'small', answer: 'john_doe' },
  { name: 'write', title: 'write', path: '/write', session: 'small', answer: null },
  { name: 'large', title: '20 KB read', path: '/large', session: 'large', answer: 'value 20' },
  { name: 'create', title: 'create', path: '/create', session: null, answer: '1' },
]
