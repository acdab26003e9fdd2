import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memcached } from '../../src/caches/memcached.js'
import type { Codec } from '../../src/codecs/codec.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { fakeMemcached } from '../caches/fake-memcached.js'
import { startMemcached, type TestServer } from '../support/servers/index.js'

/** The machine may be busy with other tests. */
const PATIENT = { timeout: 1, connectTimeout: 2 }
const inAMinute = (): number => Date.now() + 60_000
const value = new Uint8Array([65])

describe('T14: a malformed key', () => {
  test.each([
    ['nothing', ''],
    ['a blank', 'a b'],
    ['a command of its own', 'a\r\nset x 0 0 1\r\nx'],
    ['a line feed', 'a\nflush_all'],
    ['a flag', 'a v'],
    ['a tab', 'a\tb'],
    ['a NUL', 'a\0b'],
    ['DEL', 'a\x7fb'],
    ['a letter that is no ASCII', 'aé'],
    ['what becomes a line feed when it is cut to a byte', 'a\u010ab'],
    ['251 characters', 'a'.repeat(251)],
  ])('with %s is refused, and one command goes over the wire: the other one', async (_, key) => {
    await using fake = await fakeMemcached({ answer: (socket) => socket.write('EN\r\n') })
    const cache = memcached(fake.url, PATIENT)
    const refused = await Promise.allSettled([
      cache.get(key),
      cache.has(key),
      cache.add(key, value, inAMinute()),
      cache.replace(key, value, inAMinute()),
      cache.replace(key, value, inAMinute(), '1'),
      cache.touch(key, inAMinute()),
      cache.delete(key),
      cache.delete(key, '1'),
      cache.get('good'),
    ])
    const good = refused.pop()
    for (const one of refused) {
      expect(one).toMatchObject({ status: 'rejected', reason: expect.any(ImproperlyConfigured) })
    }
    expect(good).toEqual({ status: 'fulfilled', value: null })
    expect(fake.received()).toBe('mg good c f t v\r\n')
    await cache.close()
  })

  test('is one of 251; one of 250 is none', async () => {
    await using fake = await fakeMemcached({ answer: (socket) => socket.write('EN\r\n') })
    const cache = memcached(fake.url, PATIENT)
    const key = `${'~!'.repeat(124)}[]`
    expect(await cache.get(key)).toBeNull()
    expect(fake.received()).toBe(`mg ${key} c f t v\r\n`)
    await cache.close()
  })
})

describe('T13: an application that shares the cache', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startMemcached()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const codec: Codec<Uint8Array> = {
    encode: (cells) => Buffer.from(JSON.stringify([...cells])),
    decode: (stored) => new Map(JSON.parse(Buffer.from(stored).toString()) as [string, string][]),
  }

  test('stores under a session’s key, and the session is as it was', async () => {
    const cache = memcached(server.url, PATIENT)
    const engine = cacheEngine({ cache, codec })
    const key = 'b2h5pf1h7g8x2k3m4n5q6r7s8t9v0w1y'
    await engine.create(key, { cells: new Map([['a', '1']]), expires: inAMinute() })
    for (const name of [key, `:1:${key}`]) {
      expect(await cache.add(name, value, inAMinute())).toHaveProperty('version')
      await cache.replace(name, value, inAMinute())
      await cache.delete(name)
    }
    expect((await engine.load(key))?.cells).toEqual(new Map([['a', '1']]))
    await engine.close?.()
  })
})
