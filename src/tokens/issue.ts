import { loginScope, newLink } from '../auth/login.js'
import type { User } from '../auth/user.js'
import * as commit from '../core/commit.js'
import { LINK_KEY, type Link } from '../core/link-mark.js'
import { Scope, scopeOf } from '../core/scope.js'
import type { SessionState } from '../core/session.js'
import { ImproperlyConfigured } from '../errors.js'
import { putToken } from './record.js'

export interface SessionTokenOptions {
  /** Who is logged in by it: of `authenticate`, for instance. */
  readonly user: User
  /** Whom it is for: only sites whose `sessionTokenAudiences` name it accept it. */
  readonly aud: string
  /** The path of the user's backend; needed only with several backends, for a user who does not come from `authenticate`. */
  readonly backend?: string
  /** Seconds after which it ends, however busy it is (default `sessionCookieAge`). */
  readonly age?: number
  /** The login over several sites that it is of. */
  readonly link?: Omit<Link, 'k' | 'e'>
}

export interface SessionToken {
  /** For the program alone: whoever has it is the user. It is kept nowhere. */
  readonly token: string
  readonly expires: Date
}

/**
 * A new session of its own for a program that keeps no cookies, and the token that names it: `Authorization: Bearer sjt_…`. The session of the
 * request stays as it is. It ends as any other does: by `logout` in a request with the token, `endSessions`, `revokeUser`, a new password.
 *
 * Ask for a password or a ticket before: whoever calls this logs somebody in. Throws as `login` does, and `ImproperlyConfigured` with signed cookies.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { authenticate, sojourn } from 'sojourn/express'
 * import { issueSessionToken } from 'sojourn/tokens'
 *
 * const app = express()
 * const sessions = sojourn({ secretKey: 'a long random text', sessionTokenAudiences: ['app'], csrfExemptPaths: ['/token'] })
 * app.use(sessions, express.json())
 * app.post('/token', async (req, res) => {
 *   const user = await authenticate(req, req.body)
 *   if (user === null) return void res.status(401).json({ error: 'invalid_grant' })
 *   res.set('Cache-Control', 'no-store').json(await issueSessionToken(req, { user, aud: 'app' }))
 * })
 * ```
 */
export function issueSessionToken(request: object, options: SessionTokenOptions): Promise<SessionToken> {
  return issue(request, options)
}

/** `say`: what the session says of the login that it comes of; without it, of one that is made now. */
export async function issue(
  request: object,
  { user, aud, backend, age, link }: SessionTokenOptions,
  say?: (state: SessionState) => void,
): Promise<SessionToken> {
  const { site, head } = scopeOf(request)
  if (site.engine.stateless) {
    throw new ImproperlyConfigured(
      'Session tokens need an engine that keeps sessions: a signed cookie changes with what is in it, and no token can name it.',
    )
  }
  const own = new Scope(site, head, request)
  const { state } = own
  // An end that no use moves: a token that is lost does not live for ever.
  const lasts = age ?? site.settings.sessionCookieAge
  state.setExpiry(new Date(site.settings.clock() + lasts * 1000))
  await loginScope(own, user, backend, say ?? (() => state.put(LINK_KEY, link ?? newLink(own))))
  const expires = state.getExpiryDate()
  const key = state.key as string
  try {
    return { token: await putToken(site.store, { key, aud, exp: expires.getTime() }), expires }
  } catch (error) {
    commit.disown(site.store, key)
    throw error
  }
}
