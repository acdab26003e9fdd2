import { describe, expect, test } from 'vitest'
import type { Cache, Stored } from '../../src/caches/cache.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (value: Uint8Array | undefined): string => new TextDecoder().decode(value)
const inAMinute = (): number => Date.now() + 60_000

function versionOf(outcome: unknown): unknown {
  expect(outcome).toHaveProperty('version')
  return (outcome as Stored).version
}

let keys = 0
/** A key nobody has used, with every character Django's may hold. */
const newKey = (): string => `:1:django.contrib.sessions.cache_-${++keys}~${'k'.repeat(60)}`

/** What every cache promises, as `src/caches/cache.ts` says it. */
export function describeCache(cacheOf: () => Cache): void {
  describe('a cache', () => {
    test('that has nothing says so to each question', async () => {
      const cache = cacheOf()
      const key = newKey()
      expect(await cache.get(key)).toBeNull()
      expect(await cache.has(key)).toBe(false)
      expect(await cache.replace(key, bytes('a'), inAMinute())).toBe('missing')
      expect(await cache.touch(key, inAMinute())).toBe('missing')
      expect(await cache.delete(key)).toBe('missing')
      expect(await cache.has(key)).toBe(false)
    })

    test('adds under a key that nobody has, and never replaces', async () => {
      const cache = cacheOf()
      const key = newKey()
      const version = versionOf(await cache.add(key, bytes('first'), inAMinute()))
      expect(await cache.add(key, bytes('second'), inAMinute())).toBe('conflict')
      expect(await cache.has(key)).toBe(true)
      const cached = await cache.get(key)
      expect(textOf(cached?.value)).toBe('first')
      expect(cached?.version).toBe(version)
    })

    test('replaces what is there, and gives it a new version', async () => {
      const cache = cacheOf()
      const key = newKey()
      const first = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      const second = versionOf(await cache.replace(key, bytes('b'), inAMinute()))
      expect(second).not.toBe(first)
      const cached = await cache.get(key)
      expect(textOf(cached?.value)).toBe('b')
      expect(cached?.version).toBe(second)
    })

    test('replaces at the version of an addition, a replacement and a look', async () => {
      const cache = cacheOf()
      const key = newKey()
      const added = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      const replaced = versionOf(await cache.replace(key, bytes('b'), inAMinute(), added))
      versionOf(await cache.replace(key, bytes('c'), inAMinute(), replaced))
      const seen = (await cache.get(key))?.version
      versionOf(await cache.replace(key, bytes('d'), inAMinute(), seen))
      expect(textOf((await cache.get(key))?.value)).toBe('d')
    })

    test('refuses a version that is over, and keeps what is there', async () => {
      const cache = cacheOf()
      const key = newKey()
      const old = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      // The same bytes again are another version all the same.
      await cache.replace(key, bytes('a'), inAMinute())
      expect(await cache.replace(key, bytes('late'), inAMinute(), old)).toBe('conflict')
      expect(await cache.delete(key, old)).toBe('conflict')
      expect(textOf((await cache.get(key))?.value)).toBe('a')
    })

    test('lets one of many win that replace one version', async () => {
      const cache = cacheOf()
      const key = newKey()
      const version = versionOf(await cache.add(key, bytes('0'), inAMinute()))
      const all = Array.from({ length: 50 }, (_, i) => cache.replace(key, bytes(`${i}`), inAMinute(), version))
      const outcomes = await Promise.all(all)
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(49)
      const winner = outcomes.findIndex((outcome) => outcome !== 'conflict')
      expect(textOf((await cache.get(key))?.value)).toBe(`${winner}`)
    })

    test('lets nobody bring back what was deleted', async () => {
      const cache = cacheOf()
      const key = newKey()
      const version = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      expect(await cache.delete(key)).toBe('deleted')
      expect(await cache.replace(key, bytes('late'), inAMinute(), version)).toBe('missing')
      expect(await cache.delete(key, version)).toBe('missing')
      expect(await cache.get(key)).toBeNull()
    })

    test('deletes at a version, and only that key', async () => {
      const cache = cacheOf()
      const key = newKey()
      const other = newKey()
      const version = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      await cache.add(other, bytes('b'), inAMinute())
      expect(await cache.delete(key, version)).toBe('deleted')
      expect([await cache.has(key), await cache.has(other)]).toEqual([false, true])
    })

    test('moves the end by a touch, and breaks no writer with it', async () => {
      const cache = cacheOf()
      const key = newKey()
      const version = versionOf(await cache.add(key, bytes('a'), inAMinute()))
      expect(await cache.touch(key, Date.now() + 600_000)).toBe('saved')
      const { expires = 0, value } = (await cache.get(key)) ?? {}
      expect(Math.abs(expires - Date.now() - 600_000)).toBeLessThan(3000)
      expect(textOf(value)).toBe('a')
      versionOf(await cache.replace(key, bytes('b'), inAMinute(), version))
      expect(Math.abs(((await cache.get(key))?.expires ?? 0) - Date.now() - 60_000)).toBeLessThan(3000)
    })

    test.each([
      ['a minute', 60],
      ['thirty days', 30 * 86_400],
      ['a year', 365 * 86_400],
    ])('says that a value lasts %s', async (_, seconds) => {
      const cache = cacheOf()
      const key = newKey()
      await cache.add(key, bytes('a'), Date.now() + seconds * 1000)
      const { expires = 0 } = (await cache.get(key)) ?? {}
      expect(Math.abs(expires - Date.now() - seconds * 1000)).toBeLessThan(3000)
    })

    test('keeps nothing that ended before it came', async () => {
      const cache = cacheOf()
      const key = newKey()
      const ended = Date.now() - 1
      await cache.add(key, bytes('a'), ended)
      expect(await cache.get(key)).toBeNull()
      versionOf(await cache.add(key, bytes('b'), inAMinute()))
      await cache.touch(key, ended)
      expect(await cache.has(key)).toBe(false)
      versionOf(await cache.add(key, bytes('c'), inAMinute()))
      await cache.replace(key, bytes('d'), ended)
      expect(await cache.get(key)).toBeNull()
    })

    test.each([
      ['no byte', new Uint8Array()],
      ['every byte', Uint8Array.from({ length: 256 }, (_, i) => i)],
      [
        'lines like the protocol’s',
        bytes('\r\nEN\r\nVA 3 c1 f1 t-1\r\nabc\r\nSERVER_ERROR\r\nms a 1\r\nflush_all\r\n'),
      ],
      ['a megabyte, almost', Uint8Array.from({ length: 1_048_000 }, (_, i) => (i * 7919) >>> 3)],
    ])('gives back a value of %s', async (_, value) => {
      const cache = cacheOf()
      const key = newKey()
      versionOf(await cache.add(key, value, inAMinute()))
      const cached = await cache.get(key)
      expect(Buffer.compare(cached?.value ?? bytes('nothing'), value)).toBe(0)
      versionOf(await cache.replace(key, value.toReversed(), inAMinute(), cached?.version))
      expect(Buffer.compare((await cache.get(key))?.value ?? bytes('nothing'), value.toReversed())).toBe(0)
    })

    test('answers a thousand questions at once, each with its own answer', async () => {
      const cache = cacheOf()
      const mine = Array.from({ length: 250 }, newKey)
      const none = Array.from({ length: 250 }, newKey)
      const long = (i: number): string => `${i}:${'\r\nEN\r\n'.repeat((i * 37) % 400)}`
      await Promise.all(mine.map((key, i) => cache.add(key, bytes(long(i)), inAMinute())))
      const [values, misses, taken, seen] = await Promise.all([
        Promise.all(mine.map((key) => cache.get(key))),
        Promise.all(none.map((key) => cache.get(key))),
        Promise.all(mine.map((key) => cache.add(key, bytes('no'), inAMinute()))),
        Promise.all(mine.map((key) => cache.has(key))),
      ])
      expect(values.map((cached) => textOf(cached?.value))).toEqual(mine.map((_, i) => long(i)))
      expect(new Set(misses)).toEqual(new Set([null]))
      expect(new Set(taken)).toEqual(new Set(['conflict']))
      expect(new Set(seen)).toEqual(new Set([true]))
    })
  })
}
