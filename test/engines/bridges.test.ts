import session from 'express-session'
import Keyv from 'keyv'
import { createStorage } from 'unstorage'
import { describe, expect, test } from 'vitest'
import { fromKeyv } from '../../src/caches/keyv.js'
import { fromUnstorage } from '../../src/caches/unstorage.js'
import { jsonCodec } from '../../src/codecs/json.js'
import { pickleCodec } from '../../src/codecs/pickle.js'
import type { SessionEngine } from '../../src/core/types.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { fromExpressStore } from '../../src/engines/express-store.js'
import { sojourn } from '../../src/sojourn.js'
import { testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'

type Clock = ReturnType<typeof testClock>

const BRIDGES: Readonly<Record<string, (clock: Clock) => SessionEngine>> = {
  'a MemoryStore of express-session': (clock) => fromExpressStore(new session.MemoryStore(), { clock }),
  unstorage: (clock) => cacheEngine({ cache: fromUnstorage(createStorage(), { clock }), codec: jsonCodec(), clock }),
  'unstorage with pickles': (clock) =>
    cacheEngine({ cache: fromUnstorage(createStorage(), { clock }), codec: pickleCodec(), clock }),
  Keyv: (clock) =>
    cacheEngine({ cache: fromKeyv(new Keyv({ throwOnErrors: true }), { clock }), codec: jsonCodec(), clock }),
}

describe.each(Object.entries(BRIDGES))('%s', (_name, make) => {
  const start = () => {
    // Those stores drop by their own clock what is past its end, so this one begins at the real time.
    const clock = testClock(Date.now())
    return { clock, engine: make(clock) }
  }
  for (const { name, run } of engineContract(start, 'last-write-wins')) test(name, run)

  test('says of itself that it cannot compare', () => {
    expect(start().engine.consistency).toBe('last-write-wins')
  })

  test('within one process nothing is lost all the same', async () => {
    const { engine } = start()
    const site = sojourn({
      secretKey: 'a long random text',
      sessionEngine: engine,
      databases: { default: 'sqlite::memory:' },
    })
    const first = site.sessions.open()
    first.set('n', 0)
    await first.save()
    const key = first.sessionKey as string
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const mine = site.sessions.open(key)
        await mine.load()
        mine.set(`own${i}`, i)
        await mine.save()
        await site.sessions.open(key).transact((s) => s.set('n', (s.get('n') as number) + 1))
      }),
    )
    const last = site.sessions.open(key)
    await last.load()
    expect(last.get('n')).toBe(20)
    expect(Object.keys(last)).toHaveLength(21)
  })
})

test('a store of express-session that fails is a failure, and no empty session', async () => {
  const down = new Error('down')
  const engine = fromExpressStore({
    get: (_key, done) => done(down),
    set: (_key, _session, done) => done(down),
    destroy: (_key, done) => done(down),
  })
  await expect(engine.load('a'.repeat(32))).rejects.toBe(down)
  await expect(engine.delete('a'.repeat(32))).rejects.toBe(down)
})

test('a Keyv that did not keep a value is a failure', async () => {
  const engine = cacheEngine({
    cache: fromKeyv({ get: async () => undefined, set: async () => false, delete: async () => false }),
    codec: jsonCodec(),
  })
  const record = { cells: new Map(), expires: Date.now() + 1000 }
  await expect(engine.create('a'.repeat(32), record)).rejects.toThrow('did not keep')
})
