import { runtime } from '../core/runtime.js'
import { scopeOf } from '../core/scope.js'
import type { Site } from '../core/site.js'
import { userOf } from '../core/user-mark.js'
import { ImproperlyConfigured, SessionNotLoaded } from '../errors.js'
import { type Admission, admissions } from './admission.js'
import { type Watched, Watcher } from './watcher.js'

/** Seconds: a day. Past some 24 days a timer would not wait at all. */
const LONGEST = 86_400

export interface WatchOptions {
  /** Seconds from one look to the next (default 30): so long may a socket outlive its session. */
  readonly every?: number
}

/** Those of a site that look equally often have one timer. */
const watchers = new WeakMap<Site, Map<number, Watcher>>()

/**
 * Calls `onEnd`, once, when the session of a request is over: logged out, ended from elsewhere, expired, of another user, or of one whose password
 * was changed or who may not log in any more. Whatever the next request of this visitor would be told, a socket is told within 30 seconds. A session that
 * is given another key (a new login) is over too: the page opens its socket anew. Nothing moves the session's end, and a store that fails ends nothing.
 *
 * Gives the function that stops it; call it when the socket closes. One look for all sockets of a session, one timer for all of a site, and no process
 * stays alive for it. Good for server-sent events as well, behind a middleware. A visitor without a session is watched for nothing.
 *
 * @param request what `checkUpgrade` was given, or a middleware has seen; with `aud` after its ticket was taken
 *
 * Throws `SessionNotLoaded` where nobody has looked at the session yet.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { loginRequired, sojourn } from 'sojourn/express'
 * import { watch } from 'sojourn/ws'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/news', loginRequired, (req, res) => {
 *   res.type('text/event-stream').flushHeaders()
 *   res.on('close', watch(req, () => res.end('event: logout\ndata:\n\n')))
 * })
 * ```
 */
export function watch(request: object, onEnd: () => void, { every = 30 }: WatchOptions = {}): () => void {
  if (!(every > 0 && every <= LONGEST)) {
    throw new ImproperlyConfigured(`every of watch is a number of seconds above 0, and at most ${LONGEST}.`)
  }
  const scope = scopeOf(request)
  const { site, state } = scope
  const admission = scope.kept<Admission>(admissions)
  if (admission?.aud != null && admission.ticket !== 'good') {
    throw new ImproperlyConfigured('watch needs to know whose socket it is: wait for admit, or redeemTicket, first.')
  }
  if (state.phase !== 'loaded') throw new SessionNotLoaded()
  if (state.key === null) return () => undefined
  const watched: Watched = { scope, key: state.key, user: userOf(state.cells()), onEnd }
  return watcherOf(site, every).add(watched)
}

function watcherOf(site: Site, every: number): Watcher {
  // What one request set going on Workers cannot close the socket of another, and ends with its own.
  if (!runtime.shares) return new Watcher(site, every)
  const ofSite = watchers.get(site) ?? new Map<number, Watcher>()
  watchers.set(site, ofSite)
  const watcher = ofSite.get(every) ?? new Watcher(site, every)
  ofSite.set(every, watcher)
  return watcher
}
