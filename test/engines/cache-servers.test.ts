import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Cache } from '../../src/caches/cache.js'
import { locmem } from '../../src/caches/locmem.js'
import { memcached } from '../../src/caches/memcached.js'
import { redis } from '../../src/caches/redis.js'
import type { Codec } from '../../src/codecs/codec.js'
import { jsonCodec } from '../../src/codecs/json.js'
import { pickleCodec } from '../../src/codecs/pickle.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { cachedDbEngine } from '../../src/engines/cached-db.js'
import { type TestClock, testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import type { EngineUnderTest } from '../../src/testing/engine-trial.js'
import { Aging } from '../support/aging.js'
import { missingServer, startMemcached, startRedis, type TestServer } from '../support/servers/index.js'
import { sqliteEngine } from '../support/sites.js'

const CODECS: Readonly<Record<string, () => Codec<Uint8Array>>> = {
  pickles: () => pickleCodec({ sessionMaxBytes: 2 ** 21 }),
  JSON: () => jsonCodec({ sessionMaxBytes: 2 ** 21 }),
}

interface Kind {
  readonly server: 'redis' | 'memcached' | null
  readonly granularity?: number
  readonly maxBytes?: number
  open(url: string, clock: TestClock): Cache
}

const KINDS: Readonly<Record<string, Kind>> = {
  locmem: { server: null, open: (_url, clock) => locmem({ clock }) },
  Redis: { server: 'redis', granularity: 1, open: (url, clock) => redis(url, { clock }) },
  Memcached: {
    server: 'memcached',
    granularity: 2,
    maxBytes: 900_000,
    open: (url, clock) => memcached(url, { clock }),
  },
}

const missing = {
  redis: await missingServer('redis'),
  memcached: await missingServer('memcached'),
}

describe.each(Object.entries(KINDS))('the cache engine on %s', (_name, kind) => {
  const absent = kind.server === null ? undefined : missing[kind.server]

  describe.skipIf(absent !== undefined)(`with its server ${absent ?? ''}`, () => {
    let server: TestServer | undefined
    beforeAll(async () => {
      if (kind.server !== null) server = await (kind.server === 'redis' ? startRedis() : startMemcached())
    })
    afterAll(() => server?.[Symbol.asyncDispose]())

    describe.each(Object.entries(CODECS))('in %s', (_codecName, codec) => {
      const start = (): EngineUnderTest => {
        const clock = testClock(Date.now())
        const aging = new Aging(clock)
        const keyPrefix = randomBytes(6).toString('hex')
        const open = (): Cache => aging.watch(kind.open(server?.url ?? '', clock))
        const cache = open()
        const opened = [cache]
        return {
          clock,
          engine: cacheEngine({ cache, codec: codec(), keyPrefix, clock }),
          again: () => {
            const other = kind.server === null ? cache : open()
            opened.push(other)
            return cacheEngine({ cache: other, codec: codec(), keyPrefix, clock })
          },
          age: (seconds) => aging.turn(seconds, cache),
          granularity: kind.granularity,
          maxBytes: kind.maxBytes,
          close: async () => {
            for (const each of opened) await each.close()
          },
        }
      }
      for (const { name, run } of engineContract(start)) test(name, run)
    })
  })
})

describe.skipIf(missing.redis !== undefined)(`cached_db on SQLite and Redis ${missing.redis ?? ''}`, () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const start = (): EngineUnderTest => {
    const clock = testClock()
    const { engine: db } = sqliteEngine({ clock })
    const cache = redis(server.url, { clock })
    return { clock, engine: cachedDbEngine({ db, cache, codec: pickleCodec() }), close: () => cache.close() }
  }
  for (const { name, run } of engineContract(start)) test(name, run)
})
