import { orElse } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'
import { recordOf } from '../wire/link-names.js'
import { type Ground, reasonOf, tell } from './ground.js'
import { GOOD_FOR, readLogoutToken, TOLERANCE, type Wish } from './logout-token.js'

/** What is kept of a token that was carried out; until then, the moment at which that was begun. */
const DONE = 'done'
/** Milliseconds after which whoever began has failed, or is not there any more. */
const PATIENCE = 5000
/** Bytes of a request that ends sessions. */
const MOST = 16_384

/**
 * The provider ends sessions, from server to server: no cookie comes with that, and no visitor. Any machine of the site may be asked. Answers
 * when the sessions are gone: the provider, and somebody's browser behind it, waits.
 */
export async function backchannel(ground: Ground, scope: Scope): Promise<PlainResponse> {
  const token = await tokenOf(scope)
  if (typeof token !== 'string') return refusedAs(ground, scope, token.reason, token.status)
  try {
    const known = await ground.provider.known()
    const wish = await readLogoutToken(token, known, ground.site.settings.clock())
    if (typeof wish === 'string') return refusedAs(ground, scope, wish)
    return await end(ground, scope, wish, recordOf('jti', JSON.stringify([known.issuer, known.clientId, wish.id])))
  } catch (error) {
    return refusedAs(ground, scope, reasonOf(error))
  }
}

/** A token counts once. Where its sessions cannot be ended, or not all of them, it may come again: at once, or when the store has come back. */
async function end(ground: Ground, scope: Scope, { who }: Wish, record: string): Promise<PlainResponse> {
  const { site } = ground
  const { links } = site.store
  const now = Math.ceil(site.settings.clock())
  const until = now + (GOOD_FOR + 3 * TOLERANCE) * 1000
  const isNew = await links.add(record, String(now), until)
  if (!isNew && !isLeft(await links.get(record), now)) return refusedAs(ground, scope, 'replay')
  try {
    await site.sessions.endSessions(who)
    await links.put(record, DONE, until)
  } catch (error) {
    await orElse<unknown>(
      () => links.take(record),
      () => undefined,
    )
    throw error
  }
  tell(ground, scope, 'backchannel')
  return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: '' }
}

/** Whether somebody began to carry a token out, and did not. */
function isLeft(text: string | null, now: number): boolean {
  // `DONE` is no number.
  return text !== null && Number(text) <= now - PATIENCE
}

interface Refusal {
  readonly reason: string
  readonly status: number
}

/** The token in a submitted form. */
async function tokenOf({ head }: Scope): Promise<string | Refusal> {
  if (Number(head.header('content-length') ?? 0) > MOST) return { reason: 'size', status: 413 }
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(head.header('content-type') ?? '')) {
    return { reason: 'content', status: 400 }
  }
  try {
    const token = await head.formField('logout_token')
    if (token === undefined || token === '') return { reason: 'content', status: 400 }
    return token.length > MOST ? { reason: 'size', status: 413 } : token
  } catch (error) {
    if (!(error instanceof BodyNotParsed)) throw error
    return { reason: 'content', status: 400 }
  }
}

function refusedAs(ground: Ground, scope: Scope, reason: string, status = 400): PlainResponse {
  tell(ground, scope, 'reject', reason)
  const body = JSON.stringify({ error: 'invalid_request', error_description: `logout refused: ${reason}` })
  return { status, headers: { 'Cache-Control': 'no-store', 'Content-Type': 'application/json' }, body }
}
