import type { MiddlewareHandler } from 'hono'
import { CookieStore, MemoryStore, type Session, sessionMiddleware } from 'hono-sessions'
import type { Serve, Setup } from './index.js'
import { onHono, type SessionOf } from './on-hono.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'

/**
 * With the cookie of its documentation, for two weeks. An encrypted id, which is advised, costs half a millisecond, and moving the end at each
 * request is its default: both are left out, where they may be, so that it does no more than the others.
 */
export const serve: Serve = (setup) => {
  const plug = sessionMiddleware({
    ...storeOf(setup),
    expireAfterSeconds: TWO_WEEKS / 1000,
    autoExtendExpiration: false,
    cookieOptions: { sameSite: 'Lax', path: '/', httpOnly: true },
  }) as unknown as MiddlewareHandler
  return onHono(visitorPages, (app) => app.use('*', plug), undefined, dictionary)
}

function storeOf({ store, count }: Setup) {
  if (store === 'encrypted cookies') return { store: new CookieStore(), encryptionKey: SECRET }
  const memory = new MemoryStore()
  count?.(memory, ['getSessionById', 'createSession', 'persistSessionData', 'deleteSession'])
  return { store: memory }
}

/** Its session has `get` and `set` and no properties. */
const dictionary: SessionOf = (context) =>
  new Proxy(context.get('session') as unknown as Session, asProperties) as never

const asProperties: ProxyHandler<Session> = {
  get: (session, key) => session.get(key as string) ?? undefined,
  set(session, key, value) {
    session.set(key as string, value)
    return true
  },
}
