/** The application in a process of its own. Its argument is `AppOptions`, as JSON. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { isSessionUnavailable, sojourn } from '../../src/adapters/node.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { type StoreAddress, siteSettings } from '../support/engines.js'
import type { AppOptions } from './application.js'
import { noteLags } from './lag.js'

const options = JSON.parse(process.argv[2] ?? '') as AppOptions

const lags = noteLags()
/** When a connection to anywhere was begun, in milliseconds since 1970. */
const connects: number[] = []
const { connect } = Socket.prototype
Socket.prototype.connect = function (this: Socket, ...given: never[]) {
  connects.push(Date.now())
  return (connect as (...given: never[]) => Socket).apply(this, given)
} as typeof connect

const middleware = sojourn(await settingsOf(options))
// A store that fails is what is being tried; anything else is a fault of ours.
middleware.site.on('request_failed', ({ error }) => {
  const { code, stack } = error as { readonly code?: string; readonly stack?: string }
  if (code !== 'store_unavailable') console.error(`${code}: ${stack}`)
})

type Handler = (request: IncomingMessage, query: URLSearchParams) => object | Promise<object>

const pages: Readonly<Record<string, Handler>> = {
  /** Has no use for a session. */
  '/plain': () => ({}),
  '/notes': () => ({ connects, lags }),
  '/login': async ({ session }, query) => {
    const owner = query.get('owner')
    session.clear()
    session.set('owner', owner)
    await session.cycleKey()
    return { owner }
  },
  '/read': (request, query) => {
    const { session } = request
    const unavailable = isSessionUnavailable(request)
    return { owner: session.get('owner') ?? null, n: session.get(query.get('key') ?? '') ?? 0, unavailable }
  },
  '/write': ({ session }, query) => {
    const owner = session.get('owner') ?? null
    if (owner !== null || query.has('anyway')) {
      session.set(query.get('key') ?? '', Number(query.get('n')))
      // Text that no compression makes small, so that a full disk is noticed.
      session.set(`${query.get('key')}_pad`, randomBytes(Number(query.get('pad') ?? 0)).toString('base64'))
    }
    return { owner }
  },
  '/logout': async ({ session }) => {
    await session.flush()
    return {}
  },
}

const server = createServer(
  middleware.handle(async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://pages')
    const page = await pages[pathname]?.(request, searchParams)
    response.statusCode = page === undefined ? 404 : 200
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(page ?? {}))
  }),
)
// Longer than any trial: a connection that a client is just using again must not be closed under it.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))

// Whoever started it has gone.
process.stdin.on('end', () => process.exit()).resume()

async function settingsOf({ address, onStoreError, more }: AppOptions): Promise<SettingsInput> {
  const lean = { middleware: ['sessions'], sessionOnStoreError: onStoreError ?? 'error' } as const
  // Of itself ioredis waits for ever for a server that is silent, and up to two seconds before it looks for one that was away.
  if (address.engine === 'ioredis') {
    const { Redis } = await import('ioredis')
    const client = new Redis(address.cache ?? '', {
      socketTimeout: 500,
      connectTimeout: 250,
      retryStrategy: () => 100 + Math.random() * 50,
    })
    const { settings } = await siteSettings({ ...address, engine: 'redis' })
    return { ...settings, ...lean, ...more, caches: { default: client } }
  }
  const { settings } = await siteSettings(address as StoreAddress)
  return { ...settings, ...lean, ...more }
}
