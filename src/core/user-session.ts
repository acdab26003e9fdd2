import { findScope } from './scope.js'
import type { Cells, IndexEntry } from './types.js'

/** What is known of one login of a user's: a session, or those that it has on several sites. */
export interface Login {
  /** Names the login where it is one over several sites; else `null`, and there is one session. */
  readonly group: string | null
  /** Last seen first; at least one. */
  readonly sessions: readonly [IndexEntry, ...IndexEntry[]]
}

/** A session with the login over several sites that it says it is of. */
export interface Known {
  readonly entry: IndexEntry
  readonly group: string | null
  readonly cells: Cells
}

/** The logins of these sessions, last seen first: in an order in which all who ask at once agree. */
export function loginsOf(known: readonly Known[]): readonly Login[] {
  const logins = new Map<string, Login>()
  for (const { entry, group } of known.toSorted(lastSeenFirst)) {
    const name = group ?? entry.key
    const before = logins.get(name)?.sessions
    logins.set(name, { group, sessions: before === undefined ? [entry] : [...before, entry] })
  }
  return [...logins.values()]
}

function lastSeenFirst({ entry: a }: Known, { entry: b }: Known): number {
  return b.seen - a.seen || b.created - a.created || (b.key < a.key ? -1 : 1)
}

/** One of a user's logins, for a page that lists them. Holds no key that anybody could print. */
export class UserSession {
  /** Names the login on a page of its user; nobody can make a session's key of it. */
  readonly id: string
  /** When the user logged in. */
  readonly created: Date
  /** When a session of it was last noted: at login and, at most once a minute, when it was saved. */
  readonly lastSeen: Date
  /** As the browser sent it, at most 300 characters; empty where it is not kept. */
  readonly userAgent: string
  /** The address of the connection; empty where it is not kept. */
  readonly address: string
  readonly #login: Login

  constructor(id: string, login: Login) {
    const [last] = login.sessions
    this.id = id
    this.created = new Date(Math.min(...login.sessions.map(({ created }) => created)))
    this.lastSeen = new Date(last.seen)
    this.userAgent = last.userAgent
    this.address = last.address
    this.#login = login
  }

  /** Whether a request is of this login. */
  isOf(request: object): boolean {
    const key = findScope(request)?.state.key
    return this.#login.sessions.some((session) => session.key === key)
  }

  /** For the site that made it. */
  static loginOf(session: UserSession): Login {
    return session.#login
  }
}
