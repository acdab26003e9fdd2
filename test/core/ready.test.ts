import { expect, test } from 'vitest'
import { memoryEngine } from '../../src/engines/memory.js'
import { StoreUnavailable } from '../../src/errors.js'
import { watched } from '../../src/testing/watched-engine.js'
import { bareSite } from '../support/sites.js'

test('a site is ready when its store answers, however often it did not', async () => {
  let asked = 0
  const engine = watched(memoryEngine(), { delay: 0 })
  engine.delay = () => {
    if (++asked < 4) throw new Error('not yet')
    return undefined
  }
  await bareSite({ engine }).ready()
  expect(engine.count('exists')).toBe(4)
})

test('or says why not, after its time', async () => {
  const engine = watched(memoryEngine(), { fail: ['exists'] })
  await expect(bareSite({ engine }).ready({ timeout: 0.2 })).rejects.toBeInstanceOf(StoreUnavailable)
  expect(engine.count('exists')).toBeGreaterThan(1)
})

test('the cache beside a table is asked too, so that no save has to wait for its connection; without it the site is ready', async () => {
  for (const fails of [false, true]) {
    const engine = memoryEngine()
    let asked = 0
    engine.loadCopy = async () => {
      asked++
      if (fails) throw new Error('the cache is down')
      return null
    }
    await bareSite({ engine }).ready()
    expect(asked).toBe(1)
  }
})
