import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../core/session-types.js'
import { type App, appOf, type Reply, type Routes, type Visit } from './app.js'
import type { Gates } from './gates.js'
import type { Made } from './trial.js'

const BLOCK = Buffer.alloc(64 * 1024, 'x')
/** The bytes of the long answer. */
export const LONG = 50 * 1024 * 1024

/** The pages that the claims of the adapter contract visit. */
export function contractPages(gates: Gates, made: Made): App {
  const routes: Routes = {
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
      return { status: 302, headers: { Location: '/read' }, body: 'the answer of the handler' }
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
    '/events': withSession((session) => {
      session.set('listens', true)
      return { headers: { 'Content-Type': 'text/event-stream' }, body: events(gates) }
    }),
    '/long': withSession((session) => {
      session.set('downloads', true)
      return { headers: { 'Content-Type': 'application/octet-stream' }, body: long(made) }
    }),
  }
  return appOf(routes)
}

function withSession(page: (session: Session, visit: Visit) => Reply | Promise<Reply>): Routes[string] {
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
    yield Buffer.from(`data: ${name}\n\n`)
  }
}

async function* long(made: Made): AsyncGenerator<Uint8Array> {
  try {
    while (made.bytes < LONG) {
      yield BLOCK
      made.bytes += BLOCK.length
    }
  } finally {
    made.ended = true
  }
}
