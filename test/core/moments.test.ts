import { expect, test } from 'vitest'
import { Moments } from '../../src/core/moments.js'
import { testClock } from '../../src/testing/clock.js'

test('a login is later than the ends before it, and an end no earlier than the logins before it, whatever the clock says', () => {
  const clock = testClock(1000)
  const moments = new Moments(clock)
  const first = moments.ofLogin()
  const end = moments.ofEnd()
  expect(end).toBeGreaterThanOrEqual(first)
  expect(moments.ofLogin()).toBeGreaterThan(end)
  clock.turn(1)
  expect(moments.ofEnd()).toBe(2000)
})

test('a clock that was far ahead, and has been set right, is forgotten', () => {
  const clock = testClock(1000)
  const moments = new Moments(clock)
  clock.turn(3600)
  moments.ofLogin()
  moments.ofEnd()
  clock.turn(-3600)
  expect([moments.ofEnd(), moments.ofLogin()]).toEqual([1000, 1001])
})
