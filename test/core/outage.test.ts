import { expect, test } from 'vitest'
import { isSessionUnavailable } from '../../src/core/get-session.js'
import { Scope } from '../../src/core/scope.js'
import type { Cells, SessionEngine } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { SessionTooLarge, StoreUnavailable } from '../../src/errors.js'
import { type Watching, watched } from '../../src/testing/watched-engine.js'
import { bareSite, requestHead, responseHead } from '../support/sites.js'

const KEY = 'a'.repeat(32)

/** A site whose engine holds one session. */
async function setUp(watching: Watching, settings: object = {}, more: Partial<SessionEngine> = {}) {
  const engine = watched(memoryEngine())
  const site = bareSite({ engine: Object.assign(engine, more), sessionStoreTimeout: 0.02, ...settings })
  await engine.create(KEY, { cells: new Map([['cart', '[1]']]), expires: Date.now() + 60_000 })
  Object.assign(engine, watching)
  engine.recount()
  const visit = (): Scope => Scope.open(site, {}, requestHead({ cookie: `sessionid=${KEY}` }))
  return { site, engine, visit }
}

test('a store that fails is a 503 that says when to come again, and the cookie is left as it is', async () => {
  const { visit } = await setUp({ fail: ['load'] })
  const scope = visit()
  await scope.begin()
  const failure = (() => {
    try {
      scope.session.get('cart')
    } catch (error) {
      return error
    }
    throw new Error('nothing was thrown')
  })()
  expect(failure).toBeInstanceOf(StoreUnavailable)
  expect(failure).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } })
  const response = responseHead(503)
  await scope.finish(response)
  expect(response.cookies).toEqual([])
})

test('one that hangs is waited for once; whoever comes next is answered at once', async () => {
  const { engine, visit } = await setUp({ hang: ['load'], delay: 0 })
  Object.assign(engine, { synchronous: false })
  await visit().begin()
  expect(engine.count('load')).toBe(1)
  const scopes = Array.from({ length: 20 }, visit)
  await Promise.all(scopes.map((scope) => scope.begin()))
  expect(engine.count('load')).toBe(1)
  for (const scope of scopes) expect(() => scope.session.get('cart')).toThrow(StoreUnavailable)
})

test('an error about the session itself is no fault of the store', async () => {
  const { site, engine } = await setUp({}, { sessionMaxBytes: 100 })
  Object.assign(engine, {
    save: () => {
      throw new SessionTooLarge('too large')
    },
  })
  const heard: unknown[] = []
  site.on('store_failed', (event) => heard.push(event))
  for (let i = 0; i < 10; i++) {
    const session = site.sessions.open(KEY)
    session.set('a', i)
    await expect(Promise.resolve().then(() => session.save())).rejects.toThrow('too large')
  }
  expect(heard).toEqual([])
})

test("with 'read-only' a page gets an empty session that says so, and no cookie is touched", async () => {
  const { visit } = await setUp({ fail: ['load'] }, { sessionOnStoreError: 'read-only' })
  const scope = visit()
  await scope.begin()
  expect(scope.session.get('cart', 'none')).toBe('none')
  expect(isSessionUnavailable(scope.request)).toBe(true)
  const response = responseHead()
  await scope.finish(response)
  expect([response.cookies, response.get('Vary')]).toEqual([[], 'Cookie'])
})

test("with 'read-only' nothing is written over what could not be read, though the store is back meanwhile", async () => {
  const changes: Record<string, (scope: Scope) => unknown> = {
    set: ({ session }) => session.set('a', 1),
    delete: ({ session }) => {
      session.clear()
    },
    modified: ({ session }) => {
      session.modified = true
    },
    save: ({ session }) => session.save(),
    cycleKey: ({ session }) => session.cycleKey(),
  }
  for (const [name, change] of Object.entries(changes)) {
    const { engine, visit } = await setUp({ fail: ['load'] }, { sessionOnStoreError: 'read-only' })
    const scope = visit()
    await scope.begin()
    scope.session.get('cart')
    engine.fail = []
    await expect(
      Promise.resolve().then(() => change(scope)),
      name,
    ).rejects.toBeInstanceOf(StoreUnavailable)
    expect([...((await engine.load(KEY))?.cells ?? [])], name).toEqual([['cart', '[1]']])
  }
})

test("with 'read-only' a logout is a logout as soon as the store is back", async () => {
  const { engine, visit } = await setUp({ fail: ['load'] }, { sessionOnStoreError: 'read-only' })
  const scope = visit()
  await scope.begin()
  scope.session.get('cart')
  engine.fail = []
  await scope.session.flush()
  expect(await engine.exists(KEY)).toBe(false)
})

test("with 'read-only' the end of a session that could not be read is not moved", async () => {
  const settings = { sessionOnStoreError: 'read-only', sessionSaveEveryRequest: true }
  const { engine, visit } = await setUp({ fail: ['load', 'touch', 'save'] }, settings)
  const scope = visit()
  await scope.begin()
  const response = responseHead()
  await scope.finish(response)
  expect([engine.asked, response.cookies]).toEqual([['load'], []])
})

test("with 'read-only' a copy in a cache is read, and still not written", async () => {
  const loadCopy = (): { cells: Cells } => ({ cells: new Map([['cart', '[7]']]) })
  const { visit } = await setUp({ fail: ['load'] }, { sessionOnStoreError: 'read-only' }, { loadCopy })
  const scope = visit()
  await scope.begin()
  const { session, request } = scope
  expect(session.get('cart')).toEqual([7])
  expect(isSessionUnavailable(request)).toBe(true)
  expect(() => session.set('cart', [])).toThrow(StoreUnavailable)
})
