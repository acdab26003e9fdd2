import { expect, test } from 'vitest'
import { locmem } from '../../src/caches/locmem.js'
import { testClock } from '../../src/testing/clock.js'
import { describeCache } from './claims.js'

const value = new Uint8Array([1, 2, 3])

describeCache(() => locmem())

test('answers at once', () => {
  const cache = locmem()
  expect(cache.synchronous).toBe(true)
  expect(cache.get('absent')).toBeNull()
  expect(cache.add('key', value, Date.now() + 1000)).toHaveProperty('version')
  expect(cache.get('key')).toMatchObject({ value })
})

test('a value is there until its very end, and nobody’s afterwards', () => {
  const clock = testClock()
  const cache = locmem({ clock })
  const end = clock() + 60_000
  cache.add('key', value, end)
  clock.turn(59.999)
  expect(cache.get('key')).toMatchObject({ value, expires: end })
  expect(cache.add('key', value, end)).toBe('conflict')
  clock.turn(0.001)
  expect(cache.get('key')).toBeNull()
  expect(cache.has('key')).toBe(false)
  expect(cache.replace('key', value, clock() + 1000)).toBe('missing')
  expect(cache.touch('key', clock() + 1000)).toBe('missing')
  expect(cache.delete('key')).toBe('missing')
  expect(cache.add('key', value, clock() + 1000)).toHaveProperty('version')
  expect(cache.has('key')).toBe(true)
})

test('is bounded: what was saved longest ago goes, what is past its end before it', () => {
  const clock = testClock()
  const cache = locmem({ max: 3, clock })
  const kept = (): unknown[] => ['a', 'b', 'c', 'd', 'e', 'f'].filter((key) => cache.has(key))
  cache.add('a', value, clock() + 1000)
  cache.add('b', value, clock() + 60_000)
  cache.add('c', value, clock() + 60_000)
  clock.turn(1)
  cache.add('d', value, clock() + 60_000)
  expect(kept()).toEqual(['b', 'c', 'd'])
  cache.replace('b', value, clock() + 60_000)
  cache.add('e', value, clock() + 60_000)
  expect(kept()).toEqual(['b', 'd', 'e'])
  cache.add('b', value, clock() + 60_000)
  expect(kept()).toEqual(['b', 'd', 'e'])
})
