import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Cache } from '../../src/caches/cache.js'
import { locmem } from '../../src/caches/locmem.js'
import { jsonCodec } from '../../src/codecs/json.js'
import type { Saved, SessionEngine } from '../../src/core/types.js'
import { cacheKeys } from '../../src/engines/cache.js'
import { cachedDbEngine } from '../../src/engines/cached-db.js'
import { sqliteEngine } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const COPY = cacheKeys('cached_db')(KEY)
const record = (data: Record<string, string>) => ({
  cells: new Map(Object.entries(data)),
  expires: Date.now() + 60_000,
})

/** What a cache is asked, over a real one; it can be down, or not answer. */
class Trouble {
  is: 'none' | 'down' | 'hanging' = 'none'
  asked = 0
  readonly inner = locmem()

  of(): Cache {
    return new Proxy(this.inner, {
      get: (cache, name: keyof Cache) => {
        const own = cache[name]
        if (typeof own !== 'function') return own
        if (name === 'close') return () => cache.close()
        return (...args: never[]) => this.#ask(() => (own as (...given: never[]) => never).apply(cache, args))
      },
    })
  }

  #ask<T>(run: () => T): T | Promise<never> {
    this.asked++
    if (this.is === 'down') return Promise.reject(new Error('the cache is down'))
    return this.is === 'hanging' ? new Promise<never>(() => undefined) : run()
  }
}

let trouble: Trouble
let failures: unknown[]
let engine: SessionEngine

beforeEach(() => {
  trouble = new Trouble()
  failures = []
  engine = cachedDbEngine({
    db: sqliteEngine({}).engine,
    cache: trouble.of(),
    codec: jsonCodec(),
    onCacheFailure: (error) => failures.push(error),
  })
})

afterEach(() => vi.useRealTimers())

/** What a Django beside would do after it has read the row. */
function djangoCaches(data: string): void {
  void trouble.inner.delete(COPY)
  void trouble.inner.add(COPY, new TextEncoder().encode(data), Date.now() + 60_000)
}

test('a save takes the copy out of the cache, so that a Django reads the row', async () => {
  const created = (await engine.create(KEY, record({ a: '1' }))) as Saved
  djangoCaches('{"a":1}')
  await engine.save(KEY, record({ a: '2' }), created.version)
  expect(await trouble.inner.has(COPY)).toBe(false)
})

test('the copy of a session that is over already goes too: it was put there by somebody who read it before', async () => {
  djangoCaches('{"a":1}')
  expect(await engine.delete(KEY)).toBe('missing')
  expect(await trouble.inner.has(COPY)).toBe(false)
})

test('a save that did not happen leaves the copy alone', async () => {
  await engine.create(KEY, record({ a: '1' }))
  djangoCaches('{"a":1}')
  expect(await engine.save(KEY, record({ a: '2' }), 'another version')).toBe('conflict')
  expect(await engine.delete(KEY, 'another version')).toBe('conflict')
  expect(await trouble.inner.has(COPY)).toBe(true)
})

test('what is read comes from the table, whatever the cache says', async () => {
  await engine.create(KEY, record({ a: '1' }))
  djangoCaches('{"a":"old"}')
  expect((await engine.load(KEY))?.cells.get('a')).toBe('1')
  await engine.delete(KEY)
  djangoCaches('{"a":"old"}')
  expect(await engine.load(KEY)).toBeNull()
  expect(await engine.exists(KEY)).toBe(false)
})

test('T16: who ends a session while the cache is down has ended it, and the copy goes when the cache is back', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await engine.create(KEY, record({ a: '1' }))
  djangoCaches('{"a":1}')
  trouble.is = 'down'
  expect(await engine.delete(KEY)).toBe('deleted')
  expect(failures).toHaveLength(1)
  expect(await engine.load(KEY)).toBeNull()
  await vi.advanceTimersByTimeAsync(3000)
  expect(await trouble.inner.has(COPY)).toBe(true)
  trouble.is = 'none'
  await vi.advanceTimersByTimeAsync(1000)
  expect(await trouble.inner.has(COPY)).toBe(false)
})

test('T16: a copy that a Django makes just after the end is taken out once more', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await engine.create(KEY, record({ a: '1' }))
  await engine.delete(KEY)
  djangoCaches('{"a":1}')
  await vi.advanceTimersByTimeAsync(1000)
  expect(await trouble.inner.has(COPY)).toBe(false)
})

test('and so is one that it makes just after a save, which would be old until the session ends', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await engine.create(KEY, record({ a: '1' }))
  await engine.save(KEY, record({ a: '2' }))
  djangoCaches('{"a":1}')
  await vi.advanceTimersByTimeAsync(1000)
  expect(await trouble.inner.has(COPY)).toBe(false)
})

test('a cache that hangs holds a save up once, for a quarter of a second', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await engine.create(KEY, record({ a: '1' }))
  trouble.is = 'hanging'
  const first = Promise.resolve(engine.save(KEY, record({ a: '2' })))
  let isDone = false
  void first.then(() => (isDone = true))
  await vi.advanceTimersByTimeAsync(249)
  expect(isDone).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(await first).toHaveProperty('version')
  const { asked } = trouble
  expect(await engine.save(KEY, record({ a: '3' }))).toHaveProperty('version')
  expect(trouble.asked).toBe(asked)
})

test('a copy is what the cache still has, and null if it does not answer', async () => {
  djangoCaches('{"a":1}')
  expect((await engine.loadCopy?.(KEY))?.cells.get('a')).toBe('1')
  trouble.is = 'hanging'
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const copy = Promise.resolve(engine.loadCopy?.(KEY))
  const failed = expect(copy).rejects.toThrow('no answer within 250 ms')
  await vi.advanceTimersByTimeAsync(250)
  await failed
})

test('who closes while the cache is down is told how many copies are left there', async () => {
  djangoCaches('{"a":1}')
  trouble.is = 'down'
  await engine.delete(KEY)
  failures.length = 0
  await engine.close?.()
  expect(String(failures.at(-1))).toMatch(/1 copies of sessions .* are left in the cache/)
})

test('who closes while the cache answers leaves nothing there, and is told nothing', async () => {
  djangoCaches('{"a":1}')
  await engine.delete(KEY)
  await engine.close?.()
  expect([await trouble.inner.has(COPY), failures]).toEqual([false, []])
})
