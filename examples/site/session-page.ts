import { type Request, type Response, Router } from 'express'
import type { Session, Site } from 'sojourn'
import type { Decided, Decisions } from './decisions.js'
import { render, storeName } from './page.js'
import type { TextName } from './texts.js'

/** What the session of this visitor is, and why responses did or did not set its cookie. */
export function sessionPage(site: Site, decisions: Decisions): Router {
  const router = Router()

  router.get('/session', async (req, res) => {
    const { session } = req
    await session.load()
    const responses = decisions.of(session)
    res.set('Cache-Control', 'no-store')
    await render(req, res, 'session.njk', {
      engine: storeName(site),
      consistency: consistencyOf(site),
      key: session.sessionKey === null ? null : `${session.sessionKey.slice(0, 4)}…`,
      ends: await endOf(site, session, responses),
      atBrowserClose: session.getExpireAtBrowserClose(),
      data: Array.from(session, ([name, value]) => [name, shown(name, value)]),
      responses,
      expected: expectedOutcome(site, req, res),
    })
  })

  router.get('/session.json', async (req, res) => {
    const { session } = req
    // Before the lines below read the session themselves.
    const { accessed, modified } = session
    await session.load()
    res.set('Cache-Control', 'no-store').json({
      data: Object.fromEntries(session),
      expiryAge: session.getExpiryAge(),
      expireAtBrowserClose: session.getExpireAtBrowserClose(),
      accessed,
      modified,
    })
  })

  return router
}

/** What the engine promises where two requests change one session at the same moment. */
function consistencyOf({ engine }: Site): TextName {
  if (engine.stateless) return 'browserKeepsOne'
  return engine.consistency === 'last-write-wins' ? 'lastWins' : 'bothKept'
}

/** When the stored session ends, which only a save moves; null if nothing is stored. */
async function endOf(site: Site, session: Session, responses: readonly Decided[]): Promise<Date | null> {
  if (session.sessionKey === null) return null
  const stored = await site.engine.load(session.sessionKey)
  const moment = stored?.expires?.() ?? null
  if (moment !== null) return new Date(moment)
  // A signed cookie does not tell, nor does a cache unless it is asked: then from the last save that this process saw, or else as if it were saved now.
  const saved = responses.find(({ action }) => action === 'save')
  return session.getExpiryDate({ modification: saved?.at })
}

/**
 * The hash that ties a login to the password, the forms' secret, and a mark that begins as the key does: known to the session only, so
 * they are cut here.
 */
const PRIVATE = new Set(['_auth_user_hash', '_csrftoken', '_sojourn_user'])

function shown(name: string, value: unknown): string {
  return PRIVATE.has(name) ? `"${String(value).slice(0, 4)}…"` : JSON.stringify(value)
}

/** What this very response will do, before it does it. The same question is answered afterwards by the `decided` event. */
function expectedOutcome({ settings }: Site, { session }: Request, { req }: Response): string {
  if (session.modified) return 'save: the session was changed'
  if (session.has('_messages')) return 'save: the flash texts shown above were in the session'
  if (session.isEmpty()) {
    const cookieSent = req.headers.cookie?.includes(`${settings.sessionCookieName}=`) ?? false
    return cookieSent
      ? 'delete-cookie: the cookie named no session, so it is deleted'
      : 'none: the session was read, and it is empty'
  }
  if (settings.sessionSaveEveryRequest === 'django') return 'save: sessionSaveEveryRequest is on'
  if (settings.sessionSaveEveryRequest) return 'touch: sessionSaveEveryRequest is on'
  if (settings.sessionTouchAfter !== null) return 'none, or touch if the end is due to be moved (sessionTouchAfter)'
  return 'none: the session was read only'
}
