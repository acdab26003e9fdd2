import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines, type RunningStore } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { Application } from './application.js'
import { Tally } from './outcomes.js'
import { Visitor } from './visitor.js'

const missing = await missingServer('redis')

describe.skipIf(missing !== undefined)("sessionOnStoreError: 'read-only' on a Redis that was killed", () => {
  let store: RunningStore
  let application: Application
  let visitor: Visitor
  beforeAll(async () => {
    store = await engines.redis.start()
    application = await Application.start({ address: store.address, onStoreError: 'read-only' })
    visitor = new Visitor(application, new Tally())
    await visitor.arrive('alice')
    await visitor.send('/write?key=k&n=7')
    await store.servers[0]?.kill()
  })
  afterAll(async () => {
    visitor?.leave()
    await application?.[Symbol.asyncDispose]()
    await store?.[Symbol.asyncDispose]()
  })

  test('pages are served, with an empty session that says so, and no cookie is touched', async () => {
    const page = { owner: null, n: 0, unavailable: true }
    expect(await visitor.send('/read?key=k')).toEqual({ status: 200, page, retryAfter: undefined, cookie: undefined })
    expect(await visitor.send('/plain')).toMatchObject({ status: 200, cookie: undefined })
  })

  test('a write, a login and a logout are a 503, and no cookie is touched', async () => {
    for (const path of ['/write?key=k&n=8&anyway', '/login?owner=mallory', '/logout']) {
      expect(await visitor.send(path), path).toMatchObject({ status: 503, retryAfter: '1', cookie: undefined })
    }
  })

  test('once it is back the session is as it was', async () => {
    await store.servers[0]?.start()
    const page = { owner: 'alice', n: 7, unavailable: false }
    await expect.poll(() => visitor.send('/read?key=k'), { timeout: 2000 }).toMatchObject({ status: 200, page })
    expect([application.hasCrashed, application.complaints]).toEqual([false, ''])
  })
})
