import { env } from 'cloudflare:workers'
import pg from 'pg'
import sqlOf from 'postgres'
import { createStorage } from 'unstorage'
import kvBinding from 'unstorage/drivers/cloudflare-kv-binding'
import { fromUnstorage } from '../../src/caches/unstorage.js'
import { jsonCodec } from '../../src/codecs/json.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { Clock, SessionEngine } from '../../src/core/types.js'
import { type D1Handle, d1 } from '../../src/databases/d1.js'
import { postgres } from '../../src/databases/postgres.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { dbEngine } from '../../src/engines/db.js'
import { type DurableObjects, durableObjectEngine } from '../../src/engines/durable-object.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { signedCookiesEngine } from '../../src/engines/signed-cookies.js'
import { makeTables } from '../../src/tables.js'
import type { EnginePromise } from '../../src/testing/engine-trial.js'

export const bindings = env as {
  readonly DB: D1Handle & { withSession(): object }
  readonly KV: object
  readonly SESSIONS: DurableObjects
  readonly POSTGRES: string
}

export const secretKey = 'a secret of the contract, of more than fifty characters'

interface WorkerEngine {
  readonly promise: EnginePromise
  /** Whether two of them are the same store. */
  readonly shared: boolean
  make(clock: Clock): SessionEngine
}

/** Every engine that a Worker can have. */
export const engines: Readonly<Record<string, WorkerEngine>> = {
  memory: { promise: 'compare-and-set', shared: false, make: (clock) => memoryEngine({ clock }) },
  signed_cookies: {
    promise: 'stateless',
    shared: true,
    make: (clock) => signedCookiesEngine({ secretKey, clock }),
  },
  d1: {
    promise: 'compare-and-set',
    shared: true,
    make: (clock) => dbEngine({ database: d1(bindings.DB), codec: signedCodec({ secretKey, clock }), clock }),
  },
  durable_object: {
    promise: 'compare-and-set',
    shared: true,
    make: (clock) => durableObjectEngine(bindings.SESSIONS, { clock }),
  },
  kv: {
    promise: 'last-write-wins',
    shared: true,
    make: (clock) => {
      const storage = createStorage({ driver: kvBinding({ binding: bindings.KV as never }) })
      return cacheEngine({ cache: fromUnstorage(storage, { clock }), codec: jsonCodec(), clock })
    },
  },
}

/** An engine whose connection belongs to the request that opened it. */
interface RequestEngine {
  make(clock: Clock): SessionEngine
  close(): Promise<void>
}

const onPostgres = async (
  handle: Parameters<typeof postgres>[0],
  close: () => Promise<void>,
): Promise<RequestEngine> => {
  const database = postgres(handle)
  await makeTables(database)
  return { make: (clock) => dbEngine({ database, codec: signedCodec({ secretKey, clock }), clock }), close }
}

export const requestEngines: Readonly<Record<string, () => Promise<RequestEngine>>> = {
  pg: async () => {
    const client = new pg.Client({ connectionString: bindings.POSTGRES })
    await client.connect()
    return onPostgres(client, () => client.end())
  },
  'postgres.js': () => {
    const sql = sqlOf(bindings.POSTGRES, { max: 1, fetch_types: false, onnotice: () => undefined })
    return onPostgres(sql, () => sql.end())
  },
}
