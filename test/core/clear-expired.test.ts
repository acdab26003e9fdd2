import { expect, test } from 'vitest'
import { clearExpired, type Progress } from '../../src/core/clear-expired.js'
import type { SessionEngine, Sweep } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { StoreUnavailable } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { sqliteEngine } from '../support/sites.js'

const none = { cells: new Map() }

/** A table with so many sessions past their end and so many alive; the ends are a millisecond apart, but for `same`. */
async function table(expired: number, alive: number, same = 1) {
  const clock = testClock()
  const { engine, database } = sqliteEngine({ clock })
  const now = clock()
  database.execute('BEGIN')
  for (let i = 0; i < expired + alive; i++) {
    const expires = i < expired ? now - 1 - Math.floor(i / same) : now + 1 + i
    await engine.create(`session${String(i).padStart(10, '0')}`, { ...none, expires })
  }
  database.execute('COMMIT')
  const rows = async (): Promise<number> =>
    Number((await database.prepare('SELECT COUNT(*) AS n FROM django_session').get())?.['n'])
  return { engine, now, rows, clock }
}

test('what is past its end goes in batches, and nothing else', async () => {
  const { engine, now, rows } = await table(3000, 500)
  expect(await clearExpired(engine, now)).toBe(3000)
  expect(await rows()).toBe(500)
  expect(await clearExpired(engine, now)).toBe(0)
})

test('many that end at the same moment go too', async () => {
  const { engine, now, rows } = await table(2500, 10, 1000)
  expect(await clearExpired(engine, now)).toBe(2500)
  expect(await rows()).toBe(10)
})

test('a dry run counts, and deletes nothing', async () => {
  const { engine, now, rows } = await table(1234, 10)
  expect(await clearExpired(engine, now, { dryRun: true })).toBe(1234)
  expect(await rows()).toBe(1244)
})

test('the progress is told: how many of how many, and all at the end', async () => {
  const { engine, now } = await table(2000, 10)
  const heard: Progress[] = []
  await clearExpired(engine, now, { onProgress: (progress) => heard.push(progress) })
  expect(heard.at(-1)).toMatchObject({ cleared: 2000, total: 2000 })
  expect(heard.every(({ cleared, total }) => cleared <= total)).toBe(true)
})

test('stopped after a batch and begun again, it goes on where it was', async () => {
  const { engine, now, rows } = await table(3000, 10)
  const stop = new AbortController()
  const first = await clearExpired(engine, now, { signal: stop.signal, onProgress: () => stop.abort() })
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThan(3000)
  expect(await rows()).toBe(3010 - first)
  expect(await clearExpired(engine, now)).toBe(3000 - first)
})

test('two at once delete each session once', async () => {
  const { engine, now, rows } = await table(4000, 10)
  const cleared = await Promise.all([clearExpired(engine, now), clearExpired(engine, now)])
  expect(cleared[0] + cleared[1]).toBe(4000)
  expect(await rows()).toBe(10)
})

test('a session that is saved meanwhile stays', async () => {
  const { engine, now, rows, clock } = await table(1000, 0)
  clock.show(now - 2000)
  const kept = 'session0000000999'
  await engine.save(kept, { ...none, expires: now + 60_000 })
  expect(await clearExpired(engine, now)).toBe(999)
  expect(await rows()).toBe(1)
})

test('batches grow while they are quick, and shrink when they are not', async () => {
  const asked: number[] = []
  let slow = false
  const sweep: Sweep = {
    count: () => 0,
    next: async (limit) => {
      asked.push(limit)
      if (asked.length === 8) return 0
      slow = asked.length > 3
      if (slow) await new Promise((resolve) => setTimeout(resolve, 20))
      return limit
    },
  }
  await clearExpired({ ...memoryEngine(), sweep: () => sweep } as SessionEngine, 0)
  expect(asked.slice(0, 4)).toEqual([200, 400, 800, 1600])
  expect(asked.at(-1)).toBeLessThan(asked[3] as number)
})

test('an engine that knows no batches clears at once; one that forgets by itself has nothing to do', async () => {
  const clock = testClock()
  const engine = memoryEngine({ clock })
  await engine.create('a-session', { ...none, expires: clock() - 1 })
  expect(await clearExpired(engine, clock())).toBe(1)
  expect(await clearExpired({ ...engine, clearExpired: undefined } as SessionEngine, clock())).toBe(0)
})

test('a store that fails is a StoreUnavailable', async () => {
  const broken = { name: 'db', sweep: () => ({ count: () => 0, next: () => Promise.reject(new Error('down')) }) }
  await expect(clearExpired(broken as unknown as SessionEngine, 0)).rejects.toBeInstanceOf(StoreUnavailable)
})
