import { getScopeUser } from '../auth/get-user.js'
import { BareHead } from '../core/bare-head.js'
import * as commit from '../core/commit.js'
import { failureResponse } from '../core/failure.js'
import { findScope, Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { PlainResponse } from '../core/types.js'
import { ImproperlyConfigured, SojournError } from '../errors.js'
import { type Admission, admissions } from './admission.js'
import { whileItMayBreak } from './raw-socket.js'
import { redeemTicket } from './tickets.js'

export interface UpgradeOptions {
  /** The site whose sessions they are: `sessions.site`, or what `sojourn(settings)` of the root returns. */
  readonly site: Site
  /** Whose pages may open a socket, to the letter: `['https://shop.example']`. */
  readonly origins: readonly string[]
  /** Lets visitors pass that nobody is logged in as (default false). */
  readonly anonymous?: boolean
  /** Whom a ticket has to be for (`createTicket`), where pages of another domain open the socket. No cookie is looked at then. */
  readonly aud?: string
}

/** How a client sends its ticket as a subprotocol. */
const TICKET_PROTOCOL = 'ticket.'

/**
 * Whether a request may become a WebSocket: `null`, or the answer that is to be sent instead (on Node by `refuseUpgrade`). Browsers ask nobody before
 * they send cookies with a socket that any page opens, also one of a sibling host, so the Origin is compared with your list before the session is
 * looked at; none at all is refused too. Afterwards `getUser(request)`, `getSession(request)` and `hasPerm(request, ...)` work as behind a
 * middleware; the session can only be read, and no cookie is sent.
 *
 * With `aud` a ticket in the subprotocol `ticket.…` is taken at once; without one the first message has to be it (`admit`).
 *
 * A store that fails is an answer too (503), also with `sessionOnStoreError: 'read-only'`; only with that and `anonymous` is a visitor let pass as on a page,
 * with an empty session. Throws `ImproperlyConfigured` for what is no origin, `SessionReadOnly` where a middleware before
 * has changed the session.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { getUser, sojourn } from 'sojourn/node'
 * import { checkUpgrade, refuseUpgrade, watch } from 'sojourn/ws'
 * import { WebSocketServer } from 'ws'
 *
 * const { site } = sojourn({ secretKey: 'a long random text' })
 * const sockets = new WebSocketServer({ noServer: true, maxPayload: 65_536 })
 * createServer().on('upgrade', async (request, socket, head) => {
 *   const refused = await checkUpgrade(request, { site, origins: ['https://chat.example'] })
 *   if (refused !== null) return refuseUpgrade(socket, refused)
 *   const user = await getUser(request)
 *   sockets.handleUpgrade(request, socket, head, (ws) => {
 *     watch(request, () => ws.close(4401), { until: ws })
 *     ws.send(`Hello, ${user?.username}`)
 *   })
 * })
 * ```
 */
export async function checkUpgrade(request: object, options: UpgradeOptions): Promise<PlainResponse | null> {
  const { site, origins, anonymous = false, aud = null } = options
  refuseOdd(origins)
  const scope = open(site, request)
  scope.keep<Admission>(admissions, () => ({ aud, anonymous, ticket: 'waiting' }))
  try {
    return await whileItMayBreak(request, () => check(scope, origins))
  } catch (error) {
    if (!(error instanceof SojournError) || error.status === 500) throw error
    site.failed(error, request)
    return failureResponse(error, site.settings.debug)
  }
}

/** A scope in which the session can only be read, also where a middleware has opened one already. */
function open(site: Site, request: object): Scope {
  const before = findScope(request)
  if (before !== undefined) {
    before.onlyRead()
    if (before.state.modified) throw before.state.refusal()
  }
  const scope = Scope.open(site, before?.request ?? request, before?.head ?? new BareHead(request))
  scope.carriedBy(request)
  scope.onlyRead()
  return scope
}

async function check(scope: Scope, origins: readonly string[]): Promise<PlainResponse | null> {
  scope.refuseHost()
  const origin = scope.head.header('origin')
  if (origin === undefined || !origins.includes(origin)) return refusal('Pages of this origin may open no socket here.')
  const { aud, anonymous } = scope.kept<Admission>(admissions) as Admission
  if (aud !== null) return checkTicket(scope)
  scope.identify()
  const refused = await scope.site.parts.find(({ name }) => name === 'tokens')?.begin?.(scope)
  if (refused !== undefined) return refused
  const { state } = scope
  await commit.load(state)
  if (anonymous) return null
  // Pages can be shown without the store (`sessionOnStoreError`); who is logged in, it alone knows.
  if (state.unavailable !== null) throw state.unavailable
  return (await getScopeUser(scope)) === null ? nobody() : null
}

async function checkTicket({ head, request }: Scope): Promise<PlainResponse | null> {
  const offered = head
    .header('sec-websocket-protocol')
    ?.split(',')
    .map((each) => each.trim())
  const ticket = offered?.find((each) => each.startsWith(TICKET_PROTOCOL))
  if (ticket === undefined) return null
  return (await redeemTicket(request, ticket.slice(TICKET_PROTOCOL.length))) ? null : nobody()
}

function nobody(): PlainResponse {
  return refusal('Nobody is logged in.')
}

function refusal(body: string): PlainResponse {
  return { status: 403, headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }, body }
}

/**
 * A list in which nothing can match, or more than was meant, would be found out late: it names the pages, and not the socket. Apps have schemes of
 * their own, as `capacitor://localhost`.
 */
function refuseOdd(origins: readonly string[]): void {
  const odd = origins.find((origin) => !isOrigin(origin))
  if (origins.length > 0 && odd === undefined) return
  throw new ImproperlyConfigured(
    `origins of checkUpgrade lists whose pages may open a socket, as browsers write them: 'https://shop.example', without a path or a wildcard${odd === undefined ? '' : `, not '${odd}'`}.`,
  )
}

function isOrigin(origin: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@*\s]+$/.test(origin) || !URL.canParse(origin)) return false
  const { protocol, origin: serialised } = new URL(origin)
  if (protocol === 'http:' || protocol === 'https:') return serialised === origin
  return protocol !== 'ws:' && protocol !== 'wss:'
}
