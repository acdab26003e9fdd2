import { randomBytes } from 'node:crypto'
import { ImproperlyConfigured, SessionNotLoaded, type SettingsInput, sojourn } from 'sojourn'
import { login, userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { getSession, sojourn as onFetch } from 'sojourn/fetch'
import { testClock, watched } from 'sojourn/testing'
import { checkUpgrade, watch } from 'sojourn/ws'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LINK_KEY } from '../../src/core/link-mark.js'
import type { Site } from '../../src/core/site.js'
import { visit } from '../auth/site.js'
import { SECRET } from '../support/sites.js'
import { ORIGIN, type World, world } from './world.js'

/** The stores whose sessions end in ways of their own. */
const stores: Readonly<Record<string, (clock: () => number) => SettingsInput>> = {
  'a table': () => ({}),
  memory: () => ({ sessionEngine: 'memory' }),
  'signed cookies': () => ({ sessionEngine: 'signed_cookies' }),
}

describe.each(Object.entries(stores))('a socket whose session is in %s', (name, settings) => {
  const clock = testClock()
  let there: World

  beforeEach(async () => {
    there = await world({ settings: { clock, sessionUserIndex: true, ...settings(clock) } })
  })
  afterEach(async () => {
    expect(there.failures).toEqual([])
    await there[Symbol.asyncDispose]()
  })

  const greeted = async (key: string) => {
    const { socket } = await there.open(key)
    expect(await socket.next()).toBe('ann')
    return socket
  }

  test('is closed with 4401 when the session has come to its end', async () => {
    const socket = await greeted(await there.key())
    clock.turn(there.site.settings.sessionCookieAge + 1)
    expect(await socket.closed).toBe(4401)
  })

  test('is closed when all sessions of its user are ended, and sockets of other users stay', async () => {
    const bob = await userBackend(there.site).createUser('bob', 'a long password')
    const { socket: ofBob } = await there.open(await there.key(bob))
    const [one, other] = [await greeted(await there.key()), await greeted(await there.key())]
    clock.turn(1)
    await there.site.sessions.revokeUser(there.ann.id)
    expect(await Promise.all([one.closed, other.closed])).toEqual([4401, 4401])
    expect(ofBob.ws.readyState).toBe(ofBob.ws.OPEN)
  })

  test('is closed when its login is ended everywhere', async () => {
    const group = randomBytes(16).toString('base64url')
    const { key } = await visit(there.site, {}, async (request, scope) => {
      await login(request, there.ann)
      scope.state.put(LINK_KEY, { g: group, a: clock() })
    })
    const socket = await greeted(key as string)
    await there.site.sessions.endSessions({ group })
    expect(await socket.closed).toBe(4401)
  })

  test('is closed when its user has a new password', async () => {
    const socket = await greeted(await there.key())
    await userBackend(there.site).setPassword(there.ann, 'another password')
    expect(await socket.closed).toBe(4401)
  })

  if (name !== 'signed cookies') {
    test('is closed when the visitor logs out, or logs in anew', async () => {
      const key = await there.key()
      const [one, other] = [await greeted(key), await greeted(key)]
      await visit(there.site, { key }, (request) => login(request, there.ann))
      expect(await Promise.all([one.closed, other.closed])).toEqual([4401, 4401])
      const later = await there.key()
      const socket = await greeted(later)
      await visit(there.site, { key: later }, (_, { session }) => session.flush())
      expect(await socket.closed).toBe(4401)
    })

    test('is closed when somebody else is in the session, though its key has stayed', async () => {
      const key = await there.key()
      const socket = await greeted(key)
      const bob = await userBackend(there.site).createUser('bob', 'a long password')
      const hash = await visit(there.site, {}, async (request, scope) => {
        await login(request, bob)
        return scope.state.get('_auth_user_hash')
      })
      await visit(there.site, { key }, (_, { state }) => {
        state.put('_auth_user_id', String(bob.id))
        state.put('_auth_user_hash', hash.result)
      })
      expect(await socket.closed).toBe(4401)
    })
  }
})

describe('looking', () => {
  const clock = testClock()
  const engine = watched(memoryEngine({ clock }))
  let site: Site
  const ended = vi.fn()

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    ended.mockReset()
    engine.fail = []
    site = sojourn({
      secretKey: SECRET,
      databases: { default: 'sqlite::memory:' },
      pbkdf2Iterations: 10,
      sessionEngine: engine,
      sessionSaveEveryRequest: true,
      clock,
    })
    await site.migrate()
  })
  afterEach(async () => {
    vi.useRealTimers()
    await site.close()
  })

  /** A request of an anonymous session, checked. */
  async function checked(): Promise<{ readonly request: Request; readonly key: string }> {
    const session = site.sessions.open()
    session.set('room', 'lobby')
    await session.save()
    const key = session.sessionKey as string
    return { request: await checkedFor(key), key }
  }

  async function checkedFor(key: string): Promise<Request> {
    const request = new Request('http://x/', { headers: { origin: ORIGIN, cookie: `sessionid=${key}` } })
    expect(await checkUpgrade(request, { site, origins: [ORIGIN], anonymous: true })).toBeNull()
    return request
  }

  /** Lets the looks of so many seconds happen. */
  const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000)

  test('happens every 30 seconds unless told otherwise, and tells once', async () => {
    const { request, key } = await checked()
    watch(request, ended)
    await site.sessions.revoke(key)
    await pass(29)
    expect(ended).not.toHaveBeenCalled()
    await pass(2)
    expect(ended).toHaveBeenCalledTimes(1)
    await pass(300)
    expect(ended).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('does not move the end of the session, though each request does', async () => {
    const load = vi.spyOn(engine, 'load')
    const { request } = await checked()
    // Stores that can do so move the end while they load, where they are asked to.
    expect(load.mock.calls.map(([, slide]) => slide !== undefined)).toEqual([true])
    load.mockClear()
    watch(request, ended)
    const age = site.settings.sessionCookieAge
    for (let seconds = 0; seconds < age; seconds += age / 4) {
      clock.turn(age / 4)
      await pass(31)
    }
    expect(load.mock.calls.map(([, slide]) => slide)).toEqual([undefined, undefined, undefined, undefined])
    load.mockRestore()
    expect(ended).toHaveBeenCalledTimes(1)
  })

  test('costs one load for all sockets of a session, and one timer for all of a site', async () => {
    const { request, key } = await checked()
    const { request: other } = await checked()
    watch(request, ended)
    watch(await checkedFor(key), ended)
    watch(other, ended)
    expect(vi.getTimerCount()).toBe(1)
    engine.recount()
    await pass(31)
    expect(engine.asked).toEqual(['load', 'load'])
    expect(vi.getTimerCount()).toBe(1)
  })

  test('ends with what stops it', async () => {
    const { request, key } = await checked()
    const stop = watch(request, ended)
    stop()
    stop()
    expect(vi.getTimerCount()).toBe(0)
    await site.sessions.revoke(key)
    await pass(60)
    expect(ended).not.toHaveBeenCalled()
  })

  test('goes on where one that is told throws, and where the store fails for a while, which ends nothing', async () => {
    const failed = vi.fn()
    site.on('request_failed', failed)
    const { request, key } = await checked()
    watch(request, () => {
      throw new Error('on purpose')
    })
    watch(await checkedFor(key), ended)
    engine.fail = ['load']
    await pass(95)
    expect([ended.mock.calls.length, failed.mock.calls.length]).toEqual([0, 0])
    engine.fail = []
    await site.sessions.revoke(key)
    await pass(31)
    expect([ended.mock.calls.length, failed.mock.calls.length]).toEqual([1, 1])
  })

  test('keeps no process alive', async () => {
    const { request } = await checked()
    const unref = vi.fn()
    const { setTimeout: fake } = globalThis
    vi.stubGlobal('setTimeout', (...given: Parameters<typeof fake>) => Object.assign(fake(...given), { unref }))
    watch(request, ended)
    vi.unstubAllGlobals()
    expect(unref).toHaveBeenCalledTimes(1)
  })

  test('is of a page behind a middleware too', async () => {
    const { key } = await checked()
    const handler = onFetch(site)(async (request) => {
      expect(() => watch(request, ended, { every: 0 })).toThrow(ImproperlyConfigured)
      await getSession(request)
      watch(request, ended, { every: 5 })
      return new Response('')
    })
    await handler(new Request('http://x/', { headers: { cookie: `sessionid=${key}` } }))
    await site.sessions.revoke(key)
    await pass(6)
    expect(ended).toHaveBeenCalledTimes(1)
  })

  test('is for nothing where the visitor has no session', async () => {
    const request = new Request('http://x/', { headers: { origin: ORIGIN } })
    await checkUpgrade(request, { site, origins: [ORIGIN], anonymous: true })
    watch(request, ended)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('needs a session that somebody has looked at', async () => {
    const lazy = onFetch(sojourn({ secretKey: SECRET, sessionEngine: engine, sessionPrefetch: false }))
    const handler = lazy((request) => {
      expect(() => watch(request, ended)).toThrow(SessionNotLoaded)
      return new Response('')
    })
    await handler(new Request('http://x/', { headers: { cookie: `sessionid=${'x'.repeat(32)}` } }))
    expect.assertions(1)
  })
})
