import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Cache } from '../../src/caches/cache.js'
import { openCache } from '../../src/caches/open.js'
import { pickleCodec } from '../../src/codecs/pickle.js'
import { signedCodec } from '../../src/codecs/signed.js'
import { isPromise } from '../../src/core/maybe.js'
import type { Database } from '../../src/databases/database.js'
import { openDatabase } from '../../src/databases/open.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { dbEngine } from '../../src/engines/db.js'
import { fileEngine } from '../../src/engines/file.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { makeTables } from '../../src/tables.js'
import { testClock } from '../../src/testing/clock.js'
import type { EngineUnderTest } from '../../src/testing/engine-trial.js'
import type { ContractCase } from '../../src/testing/trial.js'
import { Aging } from '../support/aging.js'

/** A store that is open, how each claim gets an engine on it, and what is claimed of it besides. */
export interface OpenStore {
  start(): EngineUnderTest
  readonly more?: readonly ContractCase[]
  close(): unknown
}

/** Opens a store in a folder, or at the address of a server. */
export type Opener = (where: string) => Promise<OpenStore>

const secretKey = 'a secret of the contract, of more than fifty characters'

/** The same table through two connections, as two processes have it. */
async function inTable(source: (at: number) => object | string, more?: typeof locking): Promise<OpenStore> {
  const clock = testClock()
  const open = (at: number): Database =>
    openDatabase(source(at), { useTz: true, timeZone: 'UTC', sessionStoreTimeout: 5 })
  const [one, other] = [open(0), open(1)]
  await makeTables(one)
  const engineOn = (database: Database) => dbEngine({ database, codec: signedCodec({ secretKey, clock }), clock })
  return {
    // The databases stay open for the claims to come.
    start: () => ({ clock, engine: engineOn(one), again: () => engineOn(other), close: () => undefined }),
    more: more?.(one, other) ?? [],
    close: async () => {
      await one.close()
      await other.close()
    },
  }
}

/** The name of what is claimed of SQLite besides. */
export const LOCKED = 'who writes while another connection has the file locked waits beside all else, and is then done'

/** Drivers tell of a lock each in its own way. */
const locking = (one: Database, other: Database): readonly ContractCase[] => [
  {
    name: LOCKED,
    async run() {
      await one.execute('CREATE TABLE IF NOT EXISTS locked (a)')
      const write = other.prepare('INSERT INTO locked VALUES (?1)')
      await one.execute('BEGIN IMMEDIATE')
      const written = write.run('x')
      assert.ok(isPromise(written), 'it did not wait')
      await one.execute('COMMIT')
      assert.equal(await written, 1)
    },
  },
]

/** A cache whose server has a clock of its own. */
async function inCache(
  location: string | object,
  promises: Pick<EngineUnderTest, 'granularity' | 'maxBytes'>,
): Promise<OpenStore> {
  return {
    start() {
      const clock = testClock(Date.now())
      const aging = new Aging(clock)
      const keyPrefix = randomBytes(6).toString('hex')
      const opened: Cache[] = []
      const make = () => {
        const cache = aging.watch(openCache(location, { clock }))
        opened.push(cache)
        return cacheEngine({ cache, codec: pickleCodec({ sessionMaxBytes: 2 ** 21 }), keyPrefix, clock })
      }
      return {
        ...promises,
        clock,
        engine: make(),
        again: make,
        age: (seconds) => aging.turn(seconds, opened[0] as Cache),
        close: async () => {
          for (const each of opened) await each.close()
        },
      }
    },
    close: () => undefined,
  }
}

/** Every store that is tried on the runtimes. */
export const stores = {
  memory: async () => {
    const clock = testClock()
    return { start: () => ({ clock, engine: memoryEngine({ clock }) }), close: () => undefined }
  },
  file: async (folder) => {
    const clock = testClock()
    const make = () => fileEngine({ folder, codec: signedCodec({ secretKey, clock }), clock })
    return { start: () => ({ clock, engine: make(), again: make }), close: () => undefined }
  },
  sqlite: (folder) => inTable(() => `sqlite:${join(folder, 'db.sqlite3')}`, locking),
  'bun:sqlite': async (folder) => {
    const { Database: File } = await import('bun:sqlite')
    const handles = [0, 1].map(() => new File(join(folder, 'db.sqlite3')))
    for (const handle of handles) handle.exec('PRAGMA journal_mode = WAL')
    const store = await inTable((at) => handles[at] as object, locking)
    return { ...store, close: () => handles.map((handle) => handle.close()) }
  },
  postgres: (url) => inTable(() => url),
  'postgres.js': async (url) => {
    const { default: postgres } = await import('postgres')
    const sql = postgres(url, { onnotice: () => undefined })
    const store = await inTable(() => sql)
    return { ...store, close: () => sql.end() }
  },
  mariadb: (url) => inTable(() => url),
  redis: (url) => inCache(url, { granularity: 1 }),
  ioredis: async (url) => {
    const { Redis } = await import('ioredis')
    const client = new Redis(url)
    const store = await inCache(client, { granularity: 1 })
    return { ...store, close: () => client.quit() }
  },
  memcached: (url) => inCache(url, { granularity: 2, maxBytes: 900_000 }),
} satisfies Readonly<Record<string, Opener>>

export type StoreName = keyof typeof stores
