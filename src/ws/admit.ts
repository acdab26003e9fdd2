import { scopeOf } from '../core/scope.js'
import { StoreUnavailable } from '../errors.js'
import { admissionOf } from './admission.js'
import { isClosing } from './connection.js'
import { redeemTicket } from './tickets.js'

/** A WebSocket as `ws`, Deno and Workers have it. */
export interface Socket {
  readonly readyState: number
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  addEventListener(type: 'close', listener: () => void): unknown
  removeEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  removeEventListener(type: 'close', listener: () => void): unknown
  close(code: number, reason: string): unknown
}

/** Of the codes for applications the one that says what 401 says. */
const UNAUTHORIZED = 4401
/** RFC 6455's registry: try again later. */
const TRY_AGAIN = 1013
/** Seconds in which a ticket has to come. */
const PATIENCE = 5

/**
 * Waits for the ticket of a socket that pages of another domain may open: its first message, within 5 seconds, unless a subprotocol was it. True: it is
 * good, and `getUser(request)` tells whose socket it is. False: the socket is being closed, with 4401, or 1013 where the store failed, or its client has closed
 * it meanwhile. Call it as soon as the socket is there, and send nothing before; the client waits for your first word before it sends more.
 *
 * @param request what `checkUpgrade` was given, with `aud`
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { getUser, sojourn } from 'sojourn/node'
 * import { admit, checkUpgrade, refuseUpgrade, watch } from 'sojourn/ws'
 * import { WebSocketServer } from 'ws'
 *
 * const { site } = sojourn({ secretKey: 'a long random text' })
 * const sockets = new WebSocketServer({ noServer: true, maxPayload: 65_536 })
 * const check = { site, origins: ['https://shop.example'], aud: 'wss://chat.example' }
 * createServer().on('upgrade', async (request, socket, head) => {
 *   const refused = await checkUpgrade(request, check)
 *   if (refused !== null) return refuseUpgrade(socket, refused)
 *   sockets.handleUpgrade(request, socket, head, async (ws) => {
 *     if (!(await admit(ws, request))) return
 *     watch(request, () => ws.close(4401), { until: ws })
 *     ws.send(`Hello, ${(await getUser(request))?.username}`)
 *   })
 * })
 * ```
 */
export async function admit(socket: Socket, request: object): Promise<boolean> {
  const admission = admissionOf(request)
  try {
    const isGood = admission.ticket === 'good' || (await isRedeemed(socket, request))
    if (isClosing(socket)) return false
    if (!isGood) socket.close(UNAUTHORIZED, 'no good ticket')
    return isGood
  } catch (error) {
    if (!isClosing(socket)) socket.close(TRY_AGAIN, 'try again later')
    scopeOf(request).site.failed(error, request)
    if (!(error instanceof StoreUnavailable)) throw error
    return false
  }
}

async function isRedeemed(socket: Socket, request: object): Promise<boolean> {
  // It may have said so before anybody could listen.
  if (isClosing(socket)) return false
  const ticket = await firstMessage(socket)
  return ticket !== null && redeemTicket(request, ticket)
}

/** The first message, if it is a text and comes in time. */
function firstMessage(socket: Socket): Promise<string | null> {
  return new Promise((resolve) => {
    const done = (text: string | null): void => {
      clearTimeout(timer)
      socket.removeEventListener('message', heard)
      socket.removeEventListener('close', gone)
      resolve(text)
    }
    const heard = ({ data }: { readonly data: unknown }): void => done(typeof data === 'string' ? data : null)
    const gone = (): void => done(null)
    const timer = setTimeout(gone, PATIENCE * 1000)
    socket.addEventListener('message', heard)
    socket.addEventListener('close', gone)
  })
}
