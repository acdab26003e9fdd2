import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Asking } from '../../src/core/asking.js'
import { SessionTooLarge, StoreUnavailable } from '../../src/errors.js'

const PATIENCE = 500

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

/** A store that is down: it hung once, and is not asked for the moment. */
async function down(): Promise<{ asking: Asking; answer: () => void }> {
  const asking = new Asking('test', PATIENCE, () => undefined)
  let answer: () => void = () => undefined
  const hanging = new Promise<void>((resolve) => {
    answer = resolve
  })
  const asked = expect(asking.ask('load', () => hanging)).rejects.toBeInstanceOf(StoreUnavailable)
  vi.advanceTimersByTime(PATIENCE)
  await asked
  expect(() => asking.ask('load', () => 1)).toThrow(StoreUnavailable)
  return { asking, answer }
}

test('an answer that comes too late says that the store is back', async () => {
  const { asking, answer } = await down()
  answer()
  await Promise.resolve()
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('an error that is about the session says that the store is back', async () => {
  const { asking } = await down()
  vi.advanceTimersByTime(70)
  const refuse = (): never => {
    throw new SessionTooLarge('too large')
  }
  expect(() => asking.ask('save', refuse)).toThrow(SessionTooLarge)
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('a store is down whose driver gives up before we would', async () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const givesUp = (ms: number) => (): Promise<never> =>
    new Promise((_, reject) => setTimeout(() => reject(new Error('connect ETIMEDOUT')), ms))
  for (const [ms, isDown] of [
    [20, false],
    [250, true],
  ] as const) {
    const asked = expect(asking.ask('load', givesUp(ms))).rejects.toBeInstanceOf(StoreUnavailable)
    vi.advanceTimersByTime(ms)
    await asked
    const next = (): unknown => asking.ask('load', () => 1)
    if (isDown) expect(next).toThrow(StoreUnavailable)
    else expect(next()).toBe(1)
  }
})

test('whoever may not write keeps nobody from reading', () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const refuse = (): never => {
    throw new Error('OOM command not allowed')
  }
  for (let i = 0; i < 20; i++) expect(() => asking.ask('save', refuse)).toThrow(StoreUnavailable)
  expect(asking.ask('load', () => 1)).toBe(1)
})
