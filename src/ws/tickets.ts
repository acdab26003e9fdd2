import { getScopeUser } from '../auth/get-user.js'
import * as commit from '../core/commit.js'
import { putOneOfFew } from '../core/few-records.js'
import { OnSite } from '../core/on-site.js'
import { scopeOf } from '../core/scope.js'
import { randomToken } from '../wire/crypto.js'
import { recordOf } from '../wire/link-names.js'
import { admissionOf } from './admission.js'

/** As many of one session may be under way, each for so many milliseconds: the page has only to open its socket. */
const FEW = { counted: 'wss', most: 30, lasts: 20_000 } as const
const HARM = 'a ticket could be used twice'
const made: OnSite = new OnSite('createTicket')
const TICKET = /^[\w-]{43}$/

/** What a ticket stands for: kept under its hash, so that whoever reads the store can make no ticket of it. */
interface StoredTicket {
  readonly aud: string
  readonly key: string
}

export interface TicketOptions {
  /** Whom it is for: what the server of the socket gives `checkUpgrade` as `aud`. */
  readonly aud: string
}

/**
 * A ticket by which a page opens a socket on another domain, where its cookie does not go: good once, for one audience, for 20 seconds. `null`
 * for a visitor without a session, or who has 30 of them under way. Answer a POST with it, and `Cache-Control: no-store`; in an address it would be
 * found in logs.
 *
 * Throws `NoScope` without the middleware, `ImproperlyConfigured` on a store where a ticket could be used twice.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { loginRequired, sojourn } from 'sojourn/express'
 * import { createTicket } from 'sojourn/ws'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.post('/chat-ticket', loginRequired, async (req, res) => {
 *   res.set('Cache-Control', 'no-store').send(await createTicket(req, { aud: 'wss://chat.example' }))
 * })
 * ```
 */
export async function createTicket(request: object, { aud }: TicketOptions): Promise<string | null> {
  const { site, state } = scopeOf(request)
  made.refuseLastWriteWins(site, HARM)
  await commit.load(state)
  await commit.settlePending(state)
  const { key } = state
  if (key === null) return null
  const ticket = randomToken()
  const stored: StoredTicket = { aud, key }
  const isKept = await putOneOfFew(site.store, { ...FEW, of: key }, recordOf('ws', ticket), JSON.stringify(stored))
  return isKept ? ticket : null
}

/**
 * Takes the ticket that a socket's client has sent: from here on `getUser(request)` and `getSession(request)` tell whose socket it is. False for
 * what is no ticket, was used, has ended or is for another audience, and for whoever nobody is logged in as; then close the socket. `admit` does all of
 * it for sockets that have `addEventListener`. Throws `StoreUnavailable`.
 *
 * @param request what `checkUpgrade` was given, with `aud`
 */
export async function redeemTicket(request: object, ticket: string): Promise<boolean> {
  const admission = admissionOf(request)
  if (admission.ticket !== 'waiting') return false
  admission.ticket = 'bad'
  const scope = scopeOf(request)
  const { site, state } = scope
  made.refuseLastWriteWins(site, HARM)
  // Used up before it is looked at: one that fails here is worth nothing to whoever finds it.
  const text = TICKET.test(ticket) ? await site.store.links.take(recordOf('ws', ticket)) : null
  if (text === null) return false
  const { aud, key } = JSON.parse(text) as StoredTicket
  if (aud !== admission.aud) return false
  state.phase = 'unread'
  state.key = key
  await commit.load(state)
  // Whether the session is there could not be asked (`sessionOnStoreError: 'read-only'`).
  if (state.unavailable !== null) throw state.unavailable
  if (state.key === null) return false
  if (!admission.anonymous && (await getScopeUser(scope)) === null) return false
  admission.ticket = 'good'
  return true
}
