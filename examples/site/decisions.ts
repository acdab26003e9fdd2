import { createHash } from 'node:crypto'
import type { Request } from 'express'
import type { Session, Site } from 'sojourn'

/** How one response ended for its session. */
export interface Decided {
  readonly at: Date
  readonly request: string
  readonly status: number
  readonly action: string
  readonly reason: string
  /** The names of the cookies that the response set or deleted. */
  readonly cookies: readonly string[]
}

const VISITORS = 1000
const RESPONSES = 8

/**
 * Why each visitor's last responses did or did not set a cookie, as the site's `decided` event tells it. Kept in memory only,
 * under a hash: whoever reads this process's memory dump finds no session keys here.
 */
export class Decisions {
  readonly #visitors = new Map<string, readonly Decided[]>()
  /** The key a request came with, since login, logout and signed cookies change it on the way. */
  readonly #cameWith = new WeakMap<object, string>()

  constructor(site: Site) {
    site.on('decided', ({ action, reason, request }) => this.#remember(request as Request, action, reason))
  }

  /** To be called before the handler; looking at the key alone is no use of the session. */
  see(request: Request): void {
    const { sessionKey } = request.session
    if (sessionKey !== null) this.#cameWith.set(request, hash(sessionKey))
  }

  /** The last responses of this session, the newest first. */
  of(session: Session): readonly Decided[] {
    return session.sessionKey === null ? [] : (this.#visitors.get(hash(session.sessionKey)) ?? [])
  }

  #remember(request: Request, action: string, reason: string): void {
    const before = this.#cameWith.get(request)
    const known = (before !== undefined && this.#visitors.get(before)) || []
    if (before !== undefined) this.#visitors.delete(before)
    const { sessionKey } = request.session
    if (sessionKey === null || request.res === undefined) return
    const decided: Decided = {
      at: new Date(),
      request: `${request.method} ${request.originalUrl.split('?', 1)[0]}`,
      status: request.res.statusCode,
      action,
      reason,
      cookies: cookieNames(request.res.getHeader('Set-Cookie')),
    }
    this.#visitors.set(hash(sessionKey), [decided, ...known].slice(0, RESPONSES))
    const [oldest] = this.#visitors.keys()
    if (this.#visitors.size > VISITORS && oldest !== undefined) this.#visitors.delete(oldest)
  }
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url')
}

function cookieNames(lines: number | string | readonly string[] | undefined): readonly string[] {
  const list = typeof lines === 'object' ? lines : lines === undefined ? [] : [String(lines)]
  return list.map((line) => line.slice(0, line.indexOf('=')))
}
