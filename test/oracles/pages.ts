import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** The little that the pages need of a session, so that sojourn and its peers are asked for the same. */
export interface PageSession {
  get(key: string): unknown
  set(key: string, value: unknown): void
  /** Adds one under a key so that no other writer's one is lost; the sum. Absent where that cannot be. */
  increment?(key: string): Promise<number>
  /** Logs out. */
  end(): void | Promise<void>
}

export type SessionOf = (request: IncomingMessage) => PageSession

/** What a page answers. */
export interface Page {
  readonly [name: string]: unknown
  /** The session was there no more when the page looked. */
  readonly anonymous?: boolean
}

const OWNER = 'owner'
const ANONYMOUS: Page = { anonymous: true }

/** The pages that visitors ask for, by their paths. `think` in a query is how long the page takes, in milliseconds. */
const pages: Readonly<Record<string, (session: PageSession, query: URLSearchParams) => Page | Promise<Page>>> = {
  '/begin': (session) => {
    session.set(OWNER, 'a visitor')
    return {}
  },
  /** Counts under the client's own keys: what it read is old by the time it writes. */
  '/count': async (session, query) => {
    const client = query.get('client') ?? ''
    if (session.get(OWNER) === undefined) return ANONYMOUS
    const count = Number(session.get(`c_${client}`) ?? 0) + 1
    const list = [...((session.get(`l_${client}`) ?? []) as readonly number[]), Number(query.get('op'))]
    await think(query)
    session.set(`c_${client}`, count)
    session.set(`l_${client}`, list)
    return { count }
  },
  /** Counts under a key that all clients share. */
  '/add': async (session, query) => {
    if (session.get(OWNER) === undefined) return ANONYMOUS
    await think(query)
    if (session.increment !== undefined) return { count: await session.increment('shared') }
    const count = Number(session.get('shared') ?? 0) + 1
    await think(query)
    session.set('shared', count)
    return { count }
  },
  /** A request that is still at work when its visitor logs out. */
  '/slow': async (session, query) => {
    const visits = Number(session.get('visits') ?? 0) + 1
    if (session.get(OWNER) === undefined) return ANONYMOUS
    await think(query)
    session.set('visits', visits)
    return {}
  },
  '/logout': async (session) => {
    await session.end()
    return {}
  },
  '/kept': (session, query) => {
    if (session.get(OWNER) === undefined) return ANONYMOUS
    const clients = Number(query.get('clients') ?? 0)
    return {
      shared: session.get('shared') ?? 0,
      clients: Array.from({ length: clients }, (_, at) => ({
        count: session.get(`c_${at}`) ?? 0,
        list: session.get(`l_${at}`) ?? [],
      })),
    }
  },
}

function think(query: URLSearchParams): Promise<void> {
  return sleep(Number(query.get('think') ?? 0))
}

/** Serves them; `/plain` is a page that has no use for a session, `/health` what the process has to tell of itself. */
export function pagesListener(sessionOf: SessionOf, health: () => Page) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://pages')
    const page = pages[pathname]
    if (pathname === '/plain') send(response, {})
    else if (pathname === '/health') send(response, health())
    else if (page === undefined) response.writeHead(404).end()
    else send(response, await page(sessionOf(request), searchParams))
  }
}

function send(response: ServerResponse, page: Page): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(page))
}

/** Listens at a port of the system's choice. */
export async function listen(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(listener)
  // Longer than any test: a connection that a client is just using again must not be closed under it.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
