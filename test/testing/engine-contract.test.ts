import { type EnginePromise, type EngineUnderTest, engineContract, watched } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'
import { BROKEN, BROKEN_STATELESS, type Change, onCookies, onMemory } from './broken-engines.js'

/** These are about what a site makes of a fault outside of the engine. */
const UNAVAILABLE = /^a store that (fails at|hangs)/

describe('sound engines pass', () => {
  const network = (): EngineUnderTest => {
    const { clock, engine } = onMemory()
    return { clock, engine: watched(engine, { delay: () => Math.round(Math.random()) }) }
  }
  const cacheLike: Change = (sound) => {
    const clear = (): unknown => sound.clearExpired?.()
    return {
      clearExpired: undefined,
      exists: (key) => {
        clear()
        return sound.exists(key)
      },
      create: (key, record) => {
        clear()
        return sound.create(key, record)
      },
    }
  }
  const careless: Change = (sound) => ({
    consistency: 'last-write-wins',
    save: (key, record) => sound.save(key, record),
    delete: (key) => sound.delete(key),
  })
  const SOUND: Record<string, readonly [start: () => EngineUnderTest, promise: EnginePromise]> = {
    'one in memory': [onMemory, 'compare-and-set'],
    'one across a network': [network, 'compare-and-set'],
    'one that cannot touch': [() => onMemory(() => ({ touch: undefined })), 'compare-and-set'],
    'one whose store clears by itself': [() => onMemory(cacheLike), 'compare-and-set'],
    'one that cannot compare, and says so': [() => onMemory(careless), 'last-write-wins'],
    'one whose key is the data': [onCookies, 'stateless'],
  }

  describe.each(Object.entries(SOUND))('%s', (_, [start, promise]) => {
    for (const { name, run } of engineContract(start, promise)) test(name, run)
  })
})

describe.each([
  ['an engine', BROKEN, () => engineContract(() => onMemory()), onMemory, 'compare-and-set'],
  [
    'an engine whose key is the data',
    BROKEN_STATELESS,
    () => engineContract(onCookies, 'stateless'),
    onCookies,
    'stateless',
  ],
] as const)('%s fails', (_, broken, sound, make, promise) => {
  const table = Object.entries(broken).flatMap(([claim, ways]) =>
    Object.entries(ways).map(([wrong, change]) => [wrong, claim, change] as const),
  )

  test.each(table)('where %s: "%s"', async (_wrong, claim, change) => {
    const found = engineContract(() => make(change), promise).find(({ name }) => name === claim)
    await expect(found?.run()).rejects.toThrow()
  })

  test('at each claim of some table above', () => {
    const untried = sound().filter(({ name }) => !Object.hasOwn(broken, name) && !UNAVAILABLE.test(name))
    expect(untried.map(({ name }) => name)).toEqual([])
  })
})

describe('an engine fails at every claim', () => {
  test.each([
    ['last-write-wins', 'compare-and-set', () => onMemory(() => ({ consistency: 'last-write-wins' }))],
    ['compare-and-set', 'last-write-wins', onMemory],
    ['compare-and-set', 'stateless', onMemory],
    ['stateless', 'compare-and-set', onCookies],
  ] as const)('where it says %s and is held to %s', async (_, promise, start) => {
    for (const { run } of engineContract(() => start(), promise)) {
      await expect(run()).rejects.toThrow('what the engine says it promises')
    }
  })
})

test('each case closes what it began, also where its claim fails', async () => {
  for (const change of [undefined, () => ({ load: () => null })] as const) {
    const closed: string[] = []
    const closing = (name: string): EngineUnderTest => {
      const { clock, engine } = onMemory(change)
      return { clock, engine: Object.assign(engine, { close: () => void closed.push(name) }) }
    }
    const start = (): EngineUnderTest => {
      const other = closing('other').engine
      return { ...closing('engine'), again: () => other }
    }
    const cases = engineContract(start)
    const claim = cases.find(({ name }) => name === 'two processes see what the other one did')
    await expect(claim?.run()).rejects.toThrow()
    expect(closed).toEqual(['engine', 'other'])
    closed.length = 0
    const own = engineContract(() => ({ ...start(), close: () => void closed.push('start') }))
    await own[0]?.run().catch(() => undefined)
    expect(closed).toEqual(['start'])
  }
})
