import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../core/session-types.js'
import { type App, appOf, type Reply, type Routes, type Visit } from './app.js'
import { cookiePages, formPages, userPages } from './contract-pages-features.js'
import type { Made } from './control.js'
import type { Gates } from './gates.js'

const text = new TextEncoder()
const BLOCK = text.encode('x'.repeat(64 * 1024))
/** The bytes of the long answer. */
export const LONG = 50 * 1024 * 1024

/** The pages that the claims of the adapter contract visit. */
export function contractPages(gates: Gates, made: Made): App {
  return appOf({ ...sessionPages(gates), ...streamingPages(gates, made), ...formPages, ...userPages, ...cookiePages })
}

function sessionPages(gates: Gates): Routes {
  return {
    '/plain': () => 'plain',
    '/read': withSession((session) => JSON.stringify(Object.fromEntries(session))),
    '/write': withSession((session, { query }) => {
      for (const [key, value] of query) session.set(key, value)
      return 'written'
    }),
    '/write-ten': withSession((session) => {
      for (let i = 0; i < 10; i++) session.set(`key ${i}`, i)
      return 'written'
    }),
    '/flush': withSession(async (session) => {
      await session.flush()
      return 'flushed'
    }),
    '/cycle': withSession((session) => {
      // Not awaited: the response waits for it all the same.
      void session.cycleKey()
      return 'cycled'
    }),
    '/forgetful': withSession((session) => {
      void session.flush()
      return 'flushed'
    }),
    '/redirect': withSession((session, { query }) => {
      session.set('n', query.get('n'))
      const status = Number(query.get('status') ?? 302)
      return { status, headers: { Location: '/read' }, body: 'the answer of the handler' }
    }),
    '/public': withSession((session) => {
      session.set('at', 'public')
      return { headers: { 'Cache-Control': 'public, max-age=60' }, body: 'page' }
    }),
    '/varied': withSession((session) => {
      session.get('at')
      return { headers: { Vary: 'Accept-Encoding' }, body: 'page' }
    }),
    '/add': async (visit) => {
      const session = await visit.session()
      const key = visit.query.get('key') as string
      const before = Number(session.get(key, 0))
      await think(visit)
      session.set(key, before + 1)
      return 'added'
    },
    '/transact': async (visit) => {
      const session = await visit.session()
      await session.transact(async (s) => {
        const before = Number(s.get('total', 0))
        await think(visit)
        s.set('total', before + 1)
      })
      return 'added'
    },
    '/held': async (visit) => {
      const session = await visit.session()
      session.get('user')
      await gates.pass(visit.query.get('gate') as string)
      session.set('late', true)
      return 'the answer of the handler'
    },
    '/throw': (visit) => {
      const session = visit.session()
      if (session instanceof Promise) return session.then(fail)
      return fail(session)
    },
    '/reject': async (visit) => {
      const session = await visit.session()
      await sleep(1)
      return fail(session)
    },
    '/cycle-map': async (visit) => {
      const session = await visit.session()
      await session.cycleKey()
      session.set('map', new Map())
      return 'the answer of the handler'
    },
    '/cycle-set': async (visit) => {
      const session = await visit.session()
      await session.cycleKey()
      session.set('a', 1)
      return 'the answer of the handler'
    },
    '/cycle-fail': async (visit) => {
      const session = await visit.session()
      await session.cycleKey()
      return fail(session)
    },
    '/unhandled': () => {
      void Promise.reject(new Error('left alone, as it was asked to be'))
      return 'page'
    },
    '/kept': async (visit) => {
      const session = await visit.session()
      const kept = (await visit.kept?.()) as Session
      kept.set('by', 'the framework')
      return String(kept === session && session.get('by') === 'the framework')
    },
  }
}

function streamingPages(gates: Gates, made: Made): Routes {
  return {
    '/events': withSession((session) => {
      session.set('listens', true)
      return { headers: { 'Content-Type': 'text/event-stream' }, body: events(gates) }
    }),
    '/long': withSession((session) => {
      session.set('downloads', true)
      return { headers: { 'Content-Type': 'application/octet-stream' }, body: long(made) }
    }),
    '/late': withSession((session) => {
      session.set('at', 'first')
      return { headers: { 'Content-Type': 'text/plain' }, body: late(session) }
    }),
  }
}

export function withSession(page: (session: Session, visit: Visit) => Reply | Promise<Reply>): Routes[string] {
  return (visit) => {
    const session = visit.session()
    return session instanceof Promise ? session.then((loaded) => page(loaded, visit)) : page(session, visit)
  }
}

function fail(session: Session): never {
  session.set('user', 'nobody should see this')
  throw new Error('the page failed, as it was asked to')
}

/** Others read and write the same session meanwhile. */
async function think({ query }: Visit): Promise<void> {
  const time = Number(query.get('think') ?? 0)
  if (time > 0) await sleep(time)
}

async function* events(gates: Gates): AsyncGenerator<Uint8Array> {
  for (const name of ['one', 'two']) {
    await gates.pass(name)
    yield text.encode(`data: ${name}\n\n`)
  }
}

async function* long(made: Made): AsyncGenerator<Uint8Array> {
  try {
    while (made.bytes < LONG) {
      // Each its own: a stream of Fetch may take the bytes over.
      yield BLOCK.slice()
      made.bytes += BLOCK.length
    }
  } finally {
    made.ended = true
  }
}

async function* late(session: Session): AsyncGenerator<Uint8Array> {
  yield text.encode('head ')
  try {
    session.set('at', 'last')
    yield text.encode('changed')
  } catch (error) {
    yield text.encode((error as { code: string }).code)
  }
}
