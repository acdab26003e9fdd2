import { runtime } from '../core/runtime.js'
import { scopeOf } from '../core/scope.js'
import type { Site } from '../core/site.js'
import { userOf } from '../core/user-mark.js'
import { ImproperlyConfigured, SessionNotLoaded } from '../errors.js'
import { type Admission, admissions } from './admission.js'
import { type Connection, hasEnded, isCutOff, refuseEndless, whenEnded } from './connection.js'
import { Watcher } from './watcher.js'

/** Seconds: a day. Past some 24 days a timer would not wait at all. */
const LONGEST = 86_400

export interface WatchOptions {
  /** Seconds from one look to the next (default 30): so long may a socket outlive its session. */
  readonly every?: number
  /** The socket, the response or the `AbortSignal` with which watching ends, also where that has ended already. */
  readonly until?: Connection
}

const nothing = (): void => undefined

/** Those of a site that look equally often have one timer. */
const watchers = new WeakMap<Site, Map<number, Watcher>>()

/**
 * Calls `onEnd`, once, when the session of a request is over: logged out, ended from elsewhere, expired, of another user, or of one whose password
 * was changed or who may not log in any more. Whatever the next request of this visitor would be told, a socket is told within 30 seconds. A session that
 * is given another key (a new login) is over too: the page opens its socket anew. Nothing moves the session's end, and a store that fails ends nothing.
 *
 * It stops when `until` closes. Say what that is: a client may be gone before the session was looked up, and whoever waits for `close` only then
 * would wait, and watch, for ever. It gives a function too that stops it.
 *
 * One look for all sockets of a session, one timer for all of a site, and no process stays alive for it. Good for server-sent events as well,
 * behind a middleware. A visitor without a session is watched for nothing.
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
 *   watch(req, () => res.end('event: logout\ndata:\n\n'), { until: res })
 * })
 * ```
 */
export function watch(request: object, onEnd: () => void, { every = 30, until }: WatchOptions = {}): () => void {
  if (!(every > 0 && every <= LONGEST)) {
    throw new ImproperlyConfigured(`every of watch is a number of seconds above 0, and at most ${LONGEST}.`)
  }
  if (until !== undefined) refuseEndless(until)
  const scope = scopeOf(request)
  const { site, state } = scope
  const admission = scope.kept<Admission>(admissions)
  if (admission?.aud != null && admission.ticket !== 'good') {
    throw new ImproperlyConfigured('watch needs to know whose socket it is: wait for admit, or redeemTicket, first.')
  }
  if (state.phase !== 'loaded') throw new SessionNotLoaded()
  const isGone = (): boolean => (until === undefined ? isCutOff(scope.request) : hasEnded(until))
  if (state.key === null || isGone()) return nothing
  let forget = nothing
  const stop = (): void => {
    unheard()
    forget()
  }
  const unheard = until === undefined ? nothing : whenEnded(until, stop)
  const end = (): void => {
    stop()
    onEnd()
  }
  forget = watcherOf(site, every).add({ scope, key: state.key, user: userOf(state.cells()), isGone, onEnd: end })
  return stop
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
