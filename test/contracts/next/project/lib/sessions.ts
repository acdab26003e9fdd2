import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn } from 'sojourn/next'
import { type WatchedEngine, watched } from 'sojourn/testing'

declare module 'sojourn' {
  interface SessionData {
    n: number
    list: string[]
  }
}

const OPERATIONS = ['load', 'create', 'save', 'touch', 'delete', 'exists'] as const

/** One for the process, whichever page asks; the test turns it by `/control`. */
const shared = globalThis as { engine?: WatchedEngine }
shared.engine ??= watched(memoryEngine(), { delay: 0 })
export const engine: WatchedEngine = shared.engine
if (process.env.NEXT_PHASE === 'phase-production-build') engine.fail = OPERATIONS

const secretKey = 'a secret of the tests, of more than fifty characters'

export const { action, getRequest, getSession, pagesApi, pagesProps, proxy, site, withSession } = sojourn({
  secretKey,
  sessionEngine: engine,
  databases: { default: 'sqlite::memory:' },
  messageStorage: 'session',
  loginUrl: '/login',
})
site.on('request_failed', () => undefined)

/** A second site beside it, whose sessions are in their cookies, which Next writes in its own way. */
export const signed = sojourn(
  { secretKey, sessionEngine: 'signed_cookies', sessionCookieName: 'signed', csrfCookieName: 'signedtoken' },
  'signed',
)
