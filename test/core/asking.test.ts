import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Asking } from '../../src/core/asking.js'
import { DeadlinePassed } from '../../src/core/fair-timeout.js'
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

const silences: readonly (readonly [string, Error])[] = [
  ['Node', Object.assign(new Error('connect ETIMEDOUT 10.0.0.1:5432'), { code: 'ETIMEDOUT' })],
  ['pg', new Error('timeout exceeded when trying to connect')],
  ['pg, of a connection', new Error('Connection terminated due to connection timeout')],
  ['postgres.js', Object.assign(new Error('write CONNECT_TIMEOUT 10.0.0.1:5432'), { code: 'CONNECT_TIMEOUT' })],
  ['node-redis', Object.assign(new Error('Connection timeout'), { name: 'ConnectionTimeoutError' })],
  ['ioredis', new Error('Command timed out')],
  ['ours, as the cause of another', new StoreUnavailable('x', { cause: new DeadlinePassed(250) })],
]
const answers: readonly (readonly [string, Error])[] = [
  ['SQLite', Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' })],
  ['PostgreSQL', Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' })],
  ['MariaDB', Object.assign(new Error('Lock wait timeout exceeded'), { code: 'ER_LOCK_WAIT_TIMEOUT' })],
  ['the file engine', new Error('another process held the session for 400 ms')],
  ['Redis', new Error('OOM command not allowed when used memory > maxmemory')],
]

/** Asks once, is told this after so long, and gives back what asks again. */
async function toldAfter(ms: number, error: Error): Promise<() => unknown> {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const late = (): Promise<never> => new Promise((_, reject) => setTimeout(() => reject(error), ms))
  const asked = expect(asking.ask('save', late)).rejects.toBeInstanceOf(StoreUnavailable)
  vi.advanceTimersByTime(ms)
  await asked
  return () => asking.ask('load', () => 1)
}

test.each(silences)('a store is down whose driver gives up before we would: %s', async (_, error) => {
  expect(await toldAfter(250, error)).toThrow(StoreUnavailable)
})

test.each(answers)('an answer that says no keeps nobody out, however late it comes: %s', async (_, error) => {
  const askAgain = await toldAfter(450, error)
  expect(askAgain()).toBe(1)
})

test('an error that this process was too busy to hear of keeps nobody out', async () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const asked = expect(asking.ask('save', () => Promise.reject(new Error('OOM')))).rejects.toThrow(StoreUnavailable)
  vi.advanceTimersByTime(200)
  await asked
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('whoever is told that the store is down hears why, and has an error of its own', async () => {
  const told = (asking: Asking, operation: string): unknown => {
    try {
      return asking.ask(operation, () => 1)
    } catch (error) {
      return error
    }
  }
  const { asking } = await down()
  const [first, second] = [told(asking, 'load'), told(asking, 'save')]
  expect(first).not.toBe(second)
  expect(first).toMatchObject({ message: /failed at load/, cause: { message: 'no answer within 500 ms' } })
  expect(second).toMatchObject({ message: /failed at save/, cause: { message: 'no answer within 500 ms' } })
})

test('whoever may not write keeps nobody from reading', () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const refuse = (): never => {
    throw new Error('OOM command not allowed')
  }
  for (let i = 0; i < 20; i++) expect(() => asking.ask('save', refuse)).toThrow(StoreUnavailable)
  expect(asking.ask('load', () => 1)).toBe(1)
})
