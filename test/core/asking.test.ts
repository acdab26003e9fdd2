import { expect, test } from 'vitest'
import { Asking } from '../../src/core/asking.js'
import { SessionTooLarge, StoreUnavailable } from '../../src/errors.js'

const PATIENCE = 20

/** A store that is down: it hung once, and is not asked for the moment. */
async function down(): Promise<{ asking: Asking; answer: () => void }> {
  const asking = new Asking('test', PATIENCE, () => undefined)
  let answer: () => void = () => undefined
  const hanging = new Promise<void>((resolve) => {
    answer = resolve
  })
  await expect(asking.ask('load', () => hanging)).rejects.toBeInstanceOf(StoreUnavailable)
  expect(() => asking.ask('load', () => 1)).toThrow(StoreUnavailable)
  return { asking, answer }
}

test('an answer that comes too late says that the store is back', async () => {
  const { asking, answer } = await down()
  answer()
  await Promise.resolve()
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('an error that is about the session says that the store answers', () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const fails = (error: Error) => (): never => {
    throw error
  }
  for (let i = 0; i < 4; i++) expect(() => asking.ask('load', fails(new Error('down')))).toThrow(StoreUnavailable)
  expect(() => asking.ask('save', fails(new SessionTooLarge('too large')))).toThrow(SessionTooLarge)
  expect(() => asking.ask('load', fails(new Error('down')))).toThrow(StoreUnavailable)
  expect(asking.ask('load', () => 1)).toBe(1)
})
