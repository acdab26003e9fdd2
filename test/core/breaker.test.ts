import { expect, test, vi } from 'vitest'
import { Breaker } from '../../src/core/breaker.js'

function setUp(): { readonly breaker: Breaker; turn(ms: number): void } {
  let now = 1000
  const breaker = new Breaker(1000, () => now)
  return { breaker, turn: (ms) => void (now += ms) }
}

test('a store that works is always asked', () => {
  const { breaker } = setUp()
  for (let i = 0; i < 100; i++) {
    expect(breaker.admits()).toBe(true)
    breaker.succeeded()
  }
})

test('answers that say no are the operation’s own affair, however many there are', () => {
  const { breaker } = setUp()
  for (let i = 0; i < 100; i++) breaker.failed(breaker.successes, false)
  expect(breaker.admits()).toBe(true)
})

test('one that nobody answered is enough, if nobody was answered meanwhile', () => {
  const { breaker } = setUp()
  const before = breaker.successes
  breaker.succeeded()
  breaker.failed(before, true)
  expect(breaker.admits()).toBe(true)
  breaker.failed(breaker.successes, true)
  expect(breaker.admits()).toBe(false)
})

test('while a store is down, one at a time tries it', () => {
  const { breaker, turn } = setUp()
  breaker.failed(0, true)
  turn(65)
  expect([breaker.admits(), breaker.admits(), breaker.admits()]).toEqual([true, false, false])
  breaker.succeeded()
  expect([breaker.admits(), breaker.admits()]).toEqual([true, true])
})

test('a try that nobody heard of again does not hold the others back for ever', () => {
  const { breaker, turn } = setUp()
  breaker.failed(0, true)
  turn(65)
  expect(breaker.admits()).toBe(true)
  turn(999)
  expect(breaker.admits()).toBe(false)
  turn(1)
  expect(breaker.admits()).toBe(true)
})

test('the pauses grow, and never over 375 ms: a store that is back is found', () => {
  const { breaker, turn } = setUp()
  const pauses: number[] = []
  breaker.failed(0, true)
  for (let i = 0; i < 8; i++) {
    let pause = 0
    while (!breaker.admits()) {
      turn(1)
      pause++
    }
    pauses.push(pause)
    breaker.failed(0, false)
  }
  expect(pauses[0]).toBeGreaterThanOrEqual(37)
  expect(pauses[0]).toBeLessThanOrEqual(63)
  expect(Math.max(...pauses)).toBeLessThanOrEqual(375)
  expect(Math.min(...pauses.slice(3))).toBeGreaterThanOrEqual(225)
})

test('two processes do not come back at the same moment', () => {
  const pauses = [0, 1].map((chance) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(chance)
    const { breaker, turn } = setUp()
    breaker.failed(0, true)
    random.mockRestore()
    let pause = 0
    for (; !breaker.admits(); pause++) turn(1)
    return pause
  })
  expect(pauses).toEqual([38, 63])
})
