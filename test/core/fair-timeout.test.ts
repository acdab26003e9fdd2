import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FairTimeout } from '../../src/core/fair-timeout.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('comes after its time', () => {
  const overdue = vi.fn()
  new FairTimeout(500, overdue)
  vi.advanceTimersByTime(499)
  expect(overdue).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(overdue).toHaveBeenCalledOnce()
})

test('leaves half of its time to whoever answers after this process was busy for all of it', () => {
  const overdue = vi.fn()
  const timeout = new FairTimeout(500, overdue)
  // The clock goes on while nothing runs: of the timers that are due by then only the first one comes, late.
  vi.setSystemTime(Date.now() + 10_000)
  vi.advanceTimersToNextTimer()
  expect(overdue).not.toHaveBeenCalled()
  timeout.clear()
  vi.advanceTimersByTime(10_000)
  expect(overdue).not.toHaveBeenCalled()
})
