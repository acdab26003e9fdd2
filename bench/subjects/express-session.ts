import Database from 'better-sqlite3'
import sqliteStore from 'better-sqlite3-session-store'
import session, { type Store } from 'express-session'
import { calledFirst, type Middleware, onExpress, onNode } from './frameworks.js'
import type { Serve, Setup } from './index.js'
import { sessionPages } from './pages.js'
import { countStatements } from './sqlite.js'

const TWO_WEEKS = 14 * 86_400_000

/** With the options that its documentation advises. */
export const serve: Serve = (setup) => {
  const middleware = session({
    secret: 'a secret of the bench, which is longer than fifty characters',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: TWO_WEEKS },
    store: storeOf(setup),
  }) as unknown as Middleware
  return setup.framework === 'node'
    ? onNode(sessionPages, calledFirst(middleware))
    : onExpress(sessionPages, middleware)
}

function storeOf({ store, file, count }: Setup): Store {
  if (store === 'memory') {
    const memory = new session.MemoryStore()
    count?.(memory, ['get', 'set', 'touch', 'destroy'])
    return memory
  }
  if (count) countStatements(count)
  const client = new Database(file)
  client.pragma('journal_mode = WAL')
  client.pragma('synchronous = NORMAL')
  return new (sqliteStore(session))({ client })
}
