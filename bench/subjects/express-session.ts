import Database from 'better-sqlite3'
import sqliteStore from 'better-sqlite3-session-store'
import pgStore from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session, { type Store } from 'express-session'
import pg from 'pg'
import { createClient } from 'redis'
import { calledFirst, type Middleware, onExpress, onNode } from './frameworks.js'
import { type Serve, type Setup, slides } from './index.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'
import { countStatements } from './sqlite.js'

/** With the options that its documentation advises; `rolling` only where reads are to move the end in the cookie too. */
export const serve: Serve = async (setup) => {
  const store = await storeOf(setup)
  const make = (rolling: boolean): Middleware =>
    session({
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      rolling,
      cookie: { maxAge: TWO_WEEKS },
      store,
    }) as unknown as Middleware
  const sliding = slides(setup.store) ? make(true) : undefined
  return setup.framework === 'node'
    ? onNode(visitorPages, calledFirst(make(false)), sliding && calledFirst(sliding))
    : onExpress(visitorPages, make(false), sliding)
}

async function storeOf({ store, file, urls, count }: Setup): Promise<Store> {
  if (store === 'memory') {
    const memory = new session.MemoryStore()
    count?.(memory, ['get', 'set', 'touch', 'destroy'])
    return memory
  }
  if (store === 'Redis') return new RedisStore({ client: await createClient({ url: urls.redis }).connect() })
  if (store === 'PostgreSQL') {
    const pool = new pg.Pool({ connectionString: urls.postgres })
    await pool.query(PG_TABLE)
    return new (pgStore(session))({ pool })
  }
  if (count) countStatements(count)
  const client = new Database(file)
  client.pragma('journal_mode = WAL')
  client.pragma('synchronous = NORMAL')
  return new (sqliteStore(session))({ client })
}

/** The columns and indexes that connect-pg-simple wants. */
const PG_TABLE = `
  CREATE TABLE session (sid varchar NOT NULL PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL);
  CREATE INDEX session_expire ON session (expire)`
