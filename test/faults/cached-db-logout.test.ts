import { setTimeout as sleep } from 'node:timers/promises'
import { cacheKeys } from 'sojourn/engines/cache'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines, type RunningStore } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { redisCommands } from '../support/servers/redis.js'
import { Application } from './application.js'
import { Tally } from './outcomes.js'
import { firstAnswer } from './probe.js'
import { Visitor } from './visitor.js'

const missing = (await missingServer('postgres')) ?? (await missingServer('redis'))
/** Milliseconds after the cache's return: a second, and a moment. */
const SOON = 2000

describe.skipIf(missing !== undefined)('cached_db, a logout while the cache is down', () => {
  let store: RunningStore
  let application: Application
  beforeAll(async () => {
    store = await engines.cached_db.start()
    application = await Application.start({ address: store.address })
  })
  afterAll(async () => {
    await application?.[Symbol.asyncDispose]()
    await store?.[Symbol.asyncDispose]()
  })

  test('is final for a Django, too, that reads the cache after its return: the copy is gone', async () => {
    const url = store.address.cache ?? ''
    const [, cache] = store.servers
    const visitor = new Visitor(application, new Tally())
    await visitor.arrive('alice')
    const copy = cacheKeys('cached_db')(visitor.cookie.replace('sessionid=', ''))
    const copies = (): Promise<unknown> => redisCommands(url, (command) => command('EXISTS', copy))
    await redisCommands(url, (command) => command('SET', copy, 'what Django put there'))
    expect(await copies()).toBe(1)

    await cache?.kill()
    expect((await visitor.send('/logout')).status).toBe(200)
    expect((await visitor.send('/read')).page.owner).toBe(null)
    // The copy waits for longer than one try.
    await sleep(1500)
    const [returned] = await Promise.all([firstAnswer(url), cache?.start()])

    while ((await copies()) === 1 && performance.now() - returned < 5000) await sleep(10)
    const took = performance.now() - returned
    console.log(`The copy of a session was gone ${took.toFixed(0)} ms after the return of the cache.`)
    expect(took).toBeLessThan(SOON)
    visitor.leave()
  })
})
