import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Scope } from '../../src/core/scope.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { StoreUnavailable } from '../../src/errors.js'
import { bareSite, requestHead, responseHead } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const WRITERS = 8

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Requests that change one session at once, on a store that takes so many milliseconds; how each ended, and after how long. */
async function writers(takes: number): Promise<readonly { readonly failure: unknown; readonly took: number }[]> {
  const memory = memoryEngine()
  const slowly = <T>(work: () => T): Promise<T> =>
    new Promise((resolve) => {
      setTimeout(() => resolve(work()), takes)
    })
  const engine = Object.assign(Object.create(memory) as typeof memory, {
    synchronous: false,
    load: (key: string) => slowly(() => memory.load(key)),
    save: (...given: Parameters<typeof memory.save>) => slowly(() => memory.save(...given)),
  })
  const site = bareSite({ engine })
  await memory.create(KEY, { cells: new Map(), expires: Date.now() + 60_000 })
  const visits = Array.from({ length: WRITERS }, async (_, at) => {
    const began = performance.now()
    const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${KEY}` }))
    const failure = await (async () => {
      await scope.begin()
      scope.session.set(`key ${at}`, at)
      await scope.finish(responseHead())
    })().catch((error: unknown) => error)
    return { failure, took: performance.now() - began }
  })
  await vi.advanceTimersByTimeAsync(60_000)
  return Promise.all(visits)
}

test('those who change one session at once wait for each other while the store is swift', async () => {
  const ends = await writers(20)
  expect(ends.map(({ failure }) => failure)).toEqual(Array.from({ length: WRITERS }))
})

test('and while it is slow nobody waits for much more than two deadlines: whose turn does not come gets a 503', async () => {
  const ends = await writers(200)
  expect(Math.max(...ends.map(({ took }) => took))).toBeLessThanOrEqual(1100)
  expect(ends.filter(({ failure }) => failure === undefined).length).toBeGreaterThan(0)
  for (const { failure } of ends) if (failure !== undefined) expect(failure).toBeInstanceOf(StoreUnavailable)
})
