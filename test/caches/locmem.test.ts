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

test('full of what is alive, it looks at a hundred values for each that is added, and not at all of them', () => {
  const clock = testClock()
  const cache = locmem({ max: 500, clock })
  for (let i = 0; i < 498; i++) cache.add(`alive ${i}`, value, clock() + 60_000)
  cache.add('ended', value, clock() + 1000)
  cache.add('ended too', value, clock() + 1000)
  clock.turn(2)
  const alive = (): number => Array.from({ length: 498 }, (_, i) => cache.has(`alive ${i}`)).filter(Boolean).length
  for (let i = 0; i < 4; i++) cache.add(`new ${i}`, value, clock() + 60_000)
  expect(alive()).toBe(494)
  // The fifth hundred holds what is past its end: that goes, and makes room for two.
  for (let i = 4; i < 6; i++) cache.add(`new ${i}`, value, clock() + 60_000)
  expect(alive()).toBe(494)
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
