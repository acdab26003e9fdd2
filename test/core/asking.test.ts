import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StoreAnswered } from '../../src/core/answer.js'
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
  ['ours for Redis', new StoreUnavailable('Redis is not connected.', { cause: new Error('connect ECONNREFUSED') })],
  ['ours for Memcached', new Error('127.0.0.1:11211 did not answer within 250 ms')],
  ['an AbortSignal', new DOMException('The operation was aborted', 'AbortError')],
  ['PostgreSQL that starts up', Object.assign(new Error('the database system is starting up'), { code: '57P03' })],
  ['PostgreSQL that is full', Object.assign(new Error('too many clients already'), { code: '53300' })],
  ['PgBouncer', Object.assign(new Error('no more connections allowed'), { code: '08P01' })],
  [
    'MariaDB that is full',
    Object.assign(new Error('Too many connections'), { code: 'ER_CON_COUNT_ERROR', sqlState: '08004' }),
  ],
  ['a pipe that broke', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })],
]
const answers: readonly (readonly [string, Error])[] = [
  ['SQLite', Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' })],
  ['PostgreSQL', Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' })],
  ['MariaDB', Object.assign(new Error('Lock wait timeout exceeded'), { code: 'ER_LOCK_WAIT_TIMEOUT' })],
  ['node:sqlite', Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 5 })],
  [
    'MariaDB, by its SQLSTATE',
    Object.assign(new Error('Lock wait timeout exceeded'), { errno: 1205, sqlState: 'HY000' }),
  ],
  ['PostgreSQL, as a cause', new StoreUnavailable('x', { cause: Object.assign(new Error('x'), { code: '57014' }) })],
  ['a full disk', Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })],
  ['the file engine', new StoreAnswered('another process held the file for 400 ms')],
  ['Redis', new StoreUnavailable('Redis answered: OOM', { cause: new StoreAnswered('OOM') })],
]

function late(ms: number, error: Error): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(error), ms))
}

/** Asks once, is told this after so long, and gives back what asks again. */
async function toldAfter(ms: number, error: Error): Promise<() => unknown> {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const asked = expect(asking.ask('save', () => late(ms, error))).rejects.toBeInstanceOf(StoreUnavailable)
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
  const refused = new StoreUnavailable('Redis answered: OOM', { cause: new StoreAnswered('OOM') })
  const asked = expect(asking.ask('save', () => Promise.reject(refused))).rejects.toThrow(StoreUnavailable)
  vi.advanceTimersByTime(200)
  await asked
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('a save that others were before for too long says nothing of the store', async () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const until = performance.now() + 300
  const asked = expect(asking.ask('save', () => new Promise(() => undefined), until)).rejects.toThrow(StoreUnavailable)
  vi.advanceTimersByTime(300)
  await asked
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('an answer that says no, while the store is down, says that it is back', async () => {
  const { asking } = await down()
  vi.advanceTimersByTime(70)
  const full = (): never => {
    throw new StoreUnavailable('Redis answered: OOM', { cause: new StoreAnswered('OOM') })
  }
  expect(() => asking.ask('save', full)).toThrow(StoreUnavailable)
  expect(asking.ask('load', () => 1)).toBe(1)
})

test('what the store threw for one is not thrown for another', async () => {
  const asking = new Asking('test', PATIENCE, () => undefined)
  const thrown = new StoreUnavailable('Redis is not connected.')
  const asked = expect(asking.ask('load', () => late(250, thrown))).rejects.toBe(thrown)
  vi.advanceTimersByTime(250)
  await asked
  expect(() => asking.ask('save', () => 1)).toThrow(/failed at save/)
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
