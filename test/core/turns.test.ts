import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Turns } from '../../src/core/turns.js'
import { NestedTransact, StoreUnavailable } from '../../src/errors.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

async function turn(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1000)
}

test('whoever loses patience lets nobody past the one whose turn it is', async () => {
  const turns = new Turns()
  const order: string[] = []
  let end = (): void => undefined
  const first = turns.take('key', () => new Promise<void>((resolve) => (end = resolve)))
  const second = expect(turns.take('key', async () => order.push('second'))).rejects.toThrow(NestedTransact)
  await turn(5)
  const third = turns.take('key', async () => order.push('third'))
  await turn(5)
  await second
  expect(order).toEqual([])
  order.push('first')
  end()
  await Promise.all([first, third])
  expect(order).toEqual(['first', 'third'])
})

test('whoever hurries goes on after ten seconds', async () => {
  const turns = new Turns()
  void turns.take('key', () => new Promise<void>(() => undefined))
  const hurried = turns.take('key', async () => 'went on', true)
  await turn(10)
  expect(await hurried).toBe('went on')
})

test('those who waited while the store failed fail with it at once; who comes after is served', async () => {
  const turns = new Turns()
  const down = new StoreUnavailable('down')
  let ran = 0
  const ask = (): Promise<string> => {
    ran++
    return ran === 1 ? Promise.reject(down) : Promise.resolve('served')
  }
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => turns.take('key', ask)))
  expect(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === down)).toBe(true)
  expect(ran).toBe(1)
  expect(await turns.take('key', ask)).toBe('served')
})

test('an error that is not the store’s concerns nobody else', async () => {
  const turns = new Turns()
  const first = turns.take('key', () => Promise.reject(new Error('mine')))
  const second = turns.take('key', () => Promise.resolve('served'))
  await expect(first).rejects.toThrow('mine')
  expect(await second).toBe('served')
})
