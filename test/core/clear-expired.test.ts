import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import { clearExpired, type Progress } from '../../src/core/clear-expired.js'
import type { SessionEngine, Sweep } from '../../src/core/types.js'
import { fileEngine } from '../../src/engines/file.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { StoreUnavailable } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { SECRET, sqliteEngine } from '../support/sites.js'

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

describe.each(['memory', 'file'] as const)('in the %s engine', (name) => {
  /** So many sessions past their end, and five alive. */
  async function filled(expired: number) {
    const clock = testClock()
    const folder = mkdtempSync(join(tmpdir(), 'sojourn-clear-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const open = (): SessionEngine =>
      fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }), clock: () => clock(), sync: false })
    const engine = name === 'file' ? open() : memoryEngine({ clock })
    const now = clock()
    const keys = Array.from({ length: expired + 5 }, (_, i) => `session${String(i).padStart(10, '0')}`)
    for (const [i, key] of keys.entries()) {
      await engine.create(key, { ...none, expires: i < expired ? now - 1 : now + 60_000 })
    }
    const left = (): number => keys.filter((key) => engine.exists(key)).length
    return { engine, beside: name === 'file' ? open() : engine, now, left }
  }

  test('a dry run counts, and deletes nothing', async () => {
    const { engine, now, left } = await filled(300)
    expect(await clearExpired(engine, now, { dryRun: true })).toBe(300)
    expect(left()).toBe(305)
  })

  test('stopped before it began it deletes nothing, and stopped after a batch it goes on where it was', async () => {
    const { engine, now, left } = await filled(700)
    expect(await clearExpired(engine, now, { signal: AbortSignal.abort() })).toBe(0)
    expect(left()).toBe(705)
    const stop = new AbortController()
    const first = await clearExpired(engine, now, { signal: stop.signal, onProgress: () => stop.abort() })
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(700)
    expect(left()).toBe(705 - first)
    expect(await clearExpired(engine, now)).toBe(700 - first)
  })

  test('the progress is told: how many of how many, and all at the end', async () => {
    const { engine, now } = await filled(300)
    const heard: Progress[] = []
    await clearExpired(engine, now, { onProgress: (progress) => heard.push(progress) })
    expect(heard.at(-1)).toMatchObject({ cleared: 300, total: 300 })
  })

  test('two at once delete each session once', async () => {
    const { engine, beside, now, left } = await filled(600)
    const cleared = await Promise.all([clearExpired(engine, now), clearExpired(beside, now)])
    expect(cleared[0] + cleared[1]).toBe(600)
    expect(left()).toBe(5)
  })
})

test('batches grow while they are quick, and shrink when they are not', async () => {
  const asked: number[] = []
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const sweep: Sweep = {
    count: () => 0,
    next: async (limit) => {
      asked.push(limit)
      if (asked.length === 8) return 0
      if (asked.length > 3) now += 20
      return limit
    },
  }
  await clearExpired({ ...memoryEngine(), sweep: () => sweep } as SessionEngine, 0)
  expect(asked.slice(0, 4)).toEqual([200, 400, 800, 1600])
  expect(asked.at(-1)).toBeLessThan(asked[3] as number)
})

test('an engine that knows no batches clears at once, and tells; one that forgets by itself has nothing to do', async () => {
  let expired = 3
  const engine = { name: 'own', clearExpired: () => expired } as unknown as SessionEngine
  const heard: Progress[] = []
  expect(await clearExpired(engine, 0, { signal: AbortSignal.abort() })).toBe(0)
  expect(await clearExpired(engine, 0, { onProgress: (progress) => heard.push(progress) })).toBe(3)
  expect(heard.at(-1)).toMatchObject({ cleared: 3, total: 3 })
  expired = 0
  expect(await clearExpired(engine, 0)).toBe(0)
  const forgetful = { name: 'own' } as unknown as SessionEngine
  expect(await clearExpired(forgetful, 0)).toBe(0)
  expect(await clearExpired(forgetful, 0, { dryRun: true })).toBe(0)
})

test('an engine that cannot count says so, and not that there is nothing', async () => {
  const engine = { name: 'own', clearExpired: () => 3 } as unknown as SessionEngine
  await expect(clearExpired(engine, 0, { dryRun: true })).rejects.toThrow(/'own' cannot count/)
})

test('after a batch that took long the pause is a second at most', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  let batches = 2
  const next = (): number => {
    vi.advanceTimersByTime(30_000)
    return --batches
  }
  const work = clearExpired({ name: 'slow', sweep: () => ({ count: () => 0, next }) } as unknown as SessionEngine, 0)
  await vi.advanceTimersByTimeAsync(1000)
  expect(batches).toBe(0)
  expect(await work).toBe(1)
})

test('a store that fails is a StoreUnavailable', async () => {
  const broken = { name: 'db', sweep: () => ({ count: () => 0, next: () => Promise.reject(new Error('down')) }) }
  await expect(clearExpired(broken as unknown as SessionEngine, 0)).rejects.toBeInstanceOf(StoreUnavailable)
})
