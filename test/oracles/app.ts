/** The application in a process of its own, as a site has several on one store. Its argument is `AppOptions`, as JSON. */
import type { AddressInfo } from 'node:net'
import { sojourn } from '../../src/adapters/node.js'
import type { Session } from '../../src/core/session-types.js'
import { sojourn as makeSite } from '../../src/sojourn.js'
import { type StoreAddress, siteSettings } from '../support/engines.js'
import { broken } from './broken.js'
import { listen, type PageSession, pagesListener } from './pages.js'
import type { AppOptions } from './subjects.js'

const options = JSON.parse(process.argv[2] ?? '') as AppOptions
const listener = options.library === 'sojourn' ? await ours(options) : await (await import('./peer.js')).peer(options)
const server = await listen(listener)
console.log(`port ${(server.address() as AddressInfo).port}`)

// Whoever started it has gone.
process.stdin.on('end', () => process.exit()).resume()

async function ours({ address, breakage }: AppOptions): ReturnType<typeof listenerOf> {
  const { settings } = await siteSettings(address as unknown as StoreAddress)
  const lean = { ...settings, middleware: ['sessions'] } as const
  const sound = makeSite(lean)
  const site = breakage === undefined ? sound : makeSite({ ...lean, sessionEngine: broken(sound.engine, breakage) })
  return listenerOf(sojourn(site))
}

async function listenerOf(middleware: ReturnType<typeof sojourn>) {
  let corrupted = 0
  middleware.site.on('session_corrupted', () => corrupted++)
  // A store that fails is what is being tried; anything else is a fault of ours.
  const strange = new Map<string, number>()
  middleware.site.on('request_failed', ({ error }) => {
    const { code, stack } = error as { readonly code?: string; readonly stack?: string }
    if (code === 'store_unavailable') return
    const text = `${code}: ${stack}`
    if (!strange.has(text)) console.error(text)
    strange.set(text, (strange.get(text) ?? 0) + 1)
  })
  const health = () => ({ corrupted, strange: [...strange.values()].reduce((sum, n) => sum + n, 0) })
  return middleware.handle(pagesListener((request) => pageSession(request.session), health))
}

function pageSession(session: Session): PageSession {
  return {
    get: (key) => session.get(key),
    set: (key, value) => void session.set(key, value),
    increment: (key) =>
      session.transact((own) => {
        const sum = Number(own.get(key) ?? 0) + 1
        own.set(key, sum)
        return sum
      }),
    end: async () => {
      await session.flush()
    },
  }
}
