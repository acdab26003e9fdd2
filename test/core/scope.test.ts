import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { getUser, login, loginRequired } from '../../src/auth/index.js'
import { Scope, scopeOf } from '../../src/core/scope.js'
import type { Session } from '../../src/core/session-types.js'
import type { Site } from '../../src/core/site.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { NoScope, SessionInterrupted, SessionNotLoaded, SessionSealed, StoreUnavailable } from '../../src/errors.js'
import { messages } from '../../src/messages/index.js'
import { testClock } from '../../src/testing/clock.js'
import { type Watching, watched } from '../../src/testing/watched-engine.js'
import { bareSite, type RecordedHead, requestHead, responseHead, SECRET } from '../support/sites.js'

const KEY = 'k'.repeat(32)
const HOUR = 3600

function setUp(settings: Parameters<typeof bareSite>[0] = {}, watching: Watching = {}) {
  const clock = testClock()
  const engine = watched(memoryEngine({ clock }), watching)
  const site = bareSite({ clock, engine, sessionCookieAge: HOUR, ...settings })
  return { clock, engine, site }
}

/** One request from its cookie to its head. */
async function visit(
  site: Site,
  cookie: string | undefined,
  handler: (session: Session) => unknown = () => undefined,
  status = 200,
): Promise<RecordedHead> {
  const scope = Scope.open(site, {}, requestHead(cookie === undefined ? {} : { cookie }))
  const head = responseHead(status)
  await scope.begin()
  await handler(scope.session)
  await scope.finish(head)
  return head
}

async function keep(site: Site): Promise<void> {
  await site.engine.create(KEY, { cells: new Map([['a', '1']]), expires: site.settings.clock() + HOUR * 1000 })
}

const COOKIE = `sessionid=${KEY}`

describe('nothing happens for nothing', () => {
  test('no cookie and no write: no I/O and no header', async () => {
    const { site, engine } = setUp()
    const head = await visit(site, undefined)
    expect([engine.count(), head.cookies, head.headers.size]).toEqual([0, [], 0])
  })

  test('a page that only reads writes nothing', async () => {
    const { site, engine } = setUp()
    await keep(site)
    engine.recount()
    const head = await visit(site, COOKIE, (session) => session['a'])
    expect(engine.asked).toEqual(['load'])
    expect(head.cookies).toEqual([])
    expect(head.get('Vary')).toBe('Cookie')
  })

  test('a write stores first and sends the cookie, privately', async () => {
    const { site, engine } = setUp()
    const head = await visit(site, undefined, (session) => (session['a'] = 1))
    expect(engine.asked).toEqual(['create'])
    expect(head.cookies).toHaveLength(1)
    expect(head.cookies[0]).toMatch(/^sessionid=[a-z0-9]{32}; .*HttpOnly/)
    expect(head.get('Cache-Control')).toBe('private')
  })

  test.each([
    ['navigate', 'a page', true],
    ['no-cors', 'an icon', false],
    ['cors', 'a call of a script', false],
  ])('a cookie that names nothing any more, sent along with (%s) %s', async (mode, _, isDeleted) => {
    const { site } = setUp()
    const ask = async (handler: (session: Session) => void): Promise<readonly string[]> => {
      const head = requestHead({ cookie: `sessionid=${KEY}`, 'sec-fetch-mode': mode })
      const scope = Scope.open(site, {}, head)
      await scope.begin()
      handler(scope.session)
      const response = responseHead()
      await scope.finish(response)
      return response.cookies
    }
    const sent = await ask((session) => session.get('a', null))
    expect(sent).toEqual(isDeleted ? [expect.stringMatching(/^sessionid="";/)] : [])
    // Whoever ends the session means the cookie too, by whatever they ask for that.
    expect(await ask((session) => void session.flush())).toEqual([expect.stringMatching(/^sessionid="";/)])
  })

  test('a cookie that names nothing is deleted', async () => {
    const { site } = setUp()
    const head = await visit(site, COOKIE, (session) => session['a'])
    expect(head.cookies[0]).toMatch(/^sessionid=""?;.*Max-Age=0|^sessionid=;.*Max-Age=0/)
  })

  test.each([{}, { delay: 0 }])(
    'but not by a page that did not ask for the session, on any engine (%j)',
    async (watching) => {
      const { site } = setUp({}, watching)
      const head = await visit(site, COOKIE)
      expect([head.cookies, head.get('Vary')]).toEqual([[], undefined])
      expect((await visit(site, COOKIE, (session) => session['a'])).cookies).toHaveLength(1)
    },
  )

  test('a failed request keeps nothing', async () => {
    const { site, engine } = setUp()
    const head = await visit(site, undefined, (session) => (session['a'] = 1), 500)
    expect([engine.count(), head.cookies]).toEqual([0, []])
  })
})

describe('the end of a session that is only read', () => {
  test('sessionSaveEveryRequest moves the end and never the data', async () => {
    const { site, engine, clock } = setUp({ sessionSaveEveryRequest: true })
    await keep(site)
    engine.recount()
    clock.turn(HOUR / 2)
    const head = await visit(site, COOKIE)
    expect(engine.asked).not.toContain('save')
    expect(engine.asked).toContain('touch')
    expect(head.cookies).toHaveLength(1)
    clock.turn(HOUR - 1)
    expect(await engine.load(KEY)).not.toBeNull()
  })

  test('sessionSaveEveryRequest of Django saves', async () => {
    const { site, engine } = setUp({ sessionSaveEveryRequest: 'django' })
    await keep(site)
    engine.recount()
    await visit(site, COOKIE)
    expect(engine.asked).toEqual(['load', 'save'])
  })

  test('sessionTouchAfter moves it at most once in so many seconds', async () => {
    const { site, engine, clock } = setUp({ sessionTouchAfter: 600 })
    await keep(site)
    const read = (session: Session): unknown => session['a']
    await visit(site, COOKIE, read)
    clock.turn(600)
    await visit(site, COOKIE, read)
    expect(engine.count('touch')).toBe(0)
    clock.turn(1)
    await visit(site, COOKIE, read)
    await visit(site, COOKIE, read)
    expect(engine.count('touch')).toBe(1)
    expect(engine.count('save')).toBe(0)
  })

  test('a page that never looks at its session moves nothing with sessionTouchAfter', async () => {
    const { site, engine, clock } = setUp({ sessionTouchAfter: 600 })
    await keep(site)
    engine.recount()
    clock.turn(1800)
    await visit(site, COOKIE)
    expect(engine.count()).toBe(0)
  })
})

describe('a store across a network', () => {
  test('is asked before the handler', async () => {
    const { site } = setUp({}, { delay: 0 })
    await keep(site)
    await visit(site, COOKIE, (session) => expect(session['a']).toBe(1))
  })

  test('with sessionPrefetch false it is not asked, and touching the session says so', async () => {
    const { site, engine } = setUp({ sessionPrefetch: false }, { delay: 0 })
    await keep(site)
    engine.recount()
    await visit(site, COOKIE)
    expect(engine.count()).toBe(0)
    await visit(site, COOKIE, async (session) => {
      expect(() => session['a']).toThrow(SessionNotLoaded)
      await session.load()
      expect(session['a']).toBe(1)
    })
  })

  test('what nobody awaited is stored before the head leaves', async () => {
    const { site, engine } = setUp({}, { delay: 0 })
    await keep(site)
    const head = await visit(site, COOKIE, (session) => void session.cycleKey())
    expect(await engine.exists(KEY)).toBe(false)
    expect(head.cookies[0]).not.toContain(KEY)
  })
})

describe('a store that fails', () => {
  test.each([{}, { delay: 0 }])('is remembered, thrown at each touch, and the cookie stays (%j)', async (watching) => {
    const { site, engine } = setUp({}, watching)
    await keep(site)
    engine.fail = ['load']
    const head = await visit(site, COOKIE, (session) => {
      for (let i = 0; i < 2; i++) expect(() => session['a']).toThrow(StoreUnavailable)
      expect(() => (session['b'] = 1)).toThrow(StoreUnavailable)
    })
    expect(head.cookies).toEqual([])
  })

  test('serves a page that uses no session all the same', async () => {
    const { site, engine } = setUp({}, { delay: 0 })
    await keep(site)
    engine.fail = ['load']
    expect((await visit(site, COOKIE)).cookies).toEqual([])
  })

  test('at the save is an error, never a false success, and no key is in it', async () => {
    const { site, engine } = setUp()
    await keep(site)
    engine.fail = ['save']
    const failing = visit(site, COOKIE, (session) => (session['b'] = 1))
    await expect(failing).rejects.toThrow(StoreUnavailable)
    await expect(failing).rejects.not.toThrow(KEY)
    await expect(failing).rejects.toMatchObject({ status: 503, headers: { 'Retry-After': '1' } })
  })

  test('that hangs is given up after the deadline', async () => {
    const { site, engine } = setUp({ sessionStoreTimeout: 0.02 }, { hang: [] })
    await keep(site)
    engine.hang = ['load']
    await visit(site, COOKIE, (session) => expect(() => session['a']).toThrow(StoreUnavailable))
    engine.hang = ['create']
    await expect(visit(site, undefined, (session) => (session['a'] = 1))).rejects.toThrow(StoreUnavailable)
  })
})

test('what is changed after the head has left is an error, except by transact', async () => {
  const { site } = setUp()
  let late: Session | undefined
  await visit(site, undefined, (session) => {
    session['a'] = 1
    late = session
  })
  expect(() => (late as Session).set('b', 2)).toThrow(SessionSealed)
  expect(() => (late as Session).cycleKey()).toThrow(SessionSealed)
  await late?.transact((session) => session.set('b', 2))
  expect({ ...site.sessions.open(late?.sessionKey ?? null) }).toEqual({ a: 1, b: 2 })
})

test('a transaction that begins while the session is being stored gives it no key that nobody would hear of', async () => {
  const { site } = setUp()
  await keep(site)
  const scope = Scope.open(site, {}, requestHead({ cookie: COOKIE }))
  await scope.begin()
  scope.state.held = true
  await expect(scope.session.transact((session) => session.cycleKey())).rejects.toBeInstanceOf(SessionSealed)
  await scope.session.transact((session) => session.set('b', 2))
  expect({ ...site.sessions.open(KEY) }).toEqual({ a: 1, b: 2 })
})

test('a request without a middleware has no scope, and says so', () => {
  expect(() => scopeOf({})).toThrow(NoScope)
  const { site } = setUp()
  const raw = {}
  const scope = Scope.open(site, raw, requestHead())
  for (const wrapped of [raw, { raw }, { req: raw }, { request: raw }]) expect(scopeOf(wrapped)).toBe(scope)
  expect(Scope.of(bareSite(), raw)).toBeUndefined()
})

test('what is no request is told so, by what it is, and no middleware is blamed', () => {
  const { site } = setUp()
  const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${KEY}` }))
  const user = { id: 1, username: 'ann', password: 'tiger', isActive: true }
  const wrong: readonly (readonly [() => unknown, string])[] = [
    [() => loginRequired(undefined as never), 'it was undefined. If this is a guard, pass it itself'],
    [() => loginRequired({ loginUrl: '/login' }), 'it was a plain object. If this is a guard, pass it itself'],
    [() => messages.success('hello' as never, 'x'), 'it was a text.'],
    [() => getUser(undefined as never), 'it was undefined.'],
    [() => getUser(scope.session), 'it was a session.'],
    [() => login(user, user), 'it was a user.'],
    [() => scopeOf(5 as never), 'it was a number.'],
    [() => scopeOf((() => undefined) as never), 'it was a function.'],
  ]
  for (const [call, words] of wrong) {
    expect(call).toThrow(NoScope)
    expect(call).toThrow(`The first argument is the request; ${words}`)
    expect(call).not.toThrow(/tiger|ann|hello/)
  }
  expect(scope.state.accessed).toBe(false)
  for (const request of [new Request('http://x/'), { headers: {} }, { req: {} }]) {
    expect(() => scopeOf(request)).toThrow('This request has no sojourn scope')
  }
})

test('T27 a log that prints a request prints no secret and no session key', async () => {
  const site = bareSite()
  const request = {}
  const scope = Scope.open(site, request, requestHead())
  await scope.begin()
  scope.session.set('a', 1)
  await scope.finish(responseHead())
  const printed = inspect(request, { depth: 99, showHidden: true })
  expect(printed).not.toContain(SECRET)
  expect(scope.session.sessionKey).toHaveLength(32)
  expect(printed).not.toContain(scope.session.sessionKey as string)
})

describe('a request that failed', () => {
  test('is told to whoever listens; otherwise it is printed, the stack of an error that is not ours with it', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    try {
      const { site } = setUp()
      const bug = new RangeError('a bug of the page')
      const down = new StoreUnavailable('The store failed.', { cause: new Error('refused') })
      for (const error of [bug, down, new NoScope(), new SessionInterrupted()]) site.failed(error, {})
      expect(printed.mock.calls.map(([, error]) => error)).toEqual([
        bug.stack,
        'The store failed. (refused)',
        new NoScope().message,
      ])
      printed.mockClear()
      const heard: unknown[] = []
      site.on('request_failed', ({ error }) => heard.push(error))
      for (const error of [bug, new SessionInterrupted()]) site.failed(error, {})
      expect(heard).toEqual([bug])
      expect(printed).not.toHaveBeenCalled()
    } finally {
      printed.mockRestore()
    }
  })
})

describe('the attributes of the session cookie', () => {
  const write = async (settings: Parameters<typeof bareSite>[0], encrypted: boolean): Promise<string> => {
    const { site } = setUp(settings)
    const scope = Scope.open(site, {}, requestHead({}, { encrypted }))
    await scope.begin()
    scope.session['a'] = 1
    const response = responseHead()
    await scope.finish(response)
    return response.cookies[0] ?? ''
  }

  test.each([
    [{}, true, true],
    [{}, false, false],
    [{ sessionCookieSecure: true }, false, true],
    [{ sessionCookieSecure: false }, true, false],
  ])('%o over HTTPS (%s): Secure is %s', async (settings, encrypted, secure) => {
    expect(/; Secure/.test(await write(settings, encrypted))).toBe(secure)
  })

  test('Partitioned is there where it is set, and nowhere else', async () => {
    expect(await write({ sessionCookiePartitioned: true }, true)).toMatch(/; Partitioned/)
    expect(await write({}, true)).not.toMatch(/Partitioned/)
  })
})

describe('sessionSaveEveryRequest on a page that never looks at its session', () => {
  test.each([{}, { delay: 0 }])("keeps the session's own expiry (%o)", async (watching) => {
    const { site, clock } = setUp({ sessionSaveEveryRequest: true, sessionPrefetch: false }, watching)
    const session = site.sessions.open()
    session.setExpiry(60)
    await session.save()
    const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${session.sessionKey}` }))
    await scope.begin()
    const response = responseHead()
    await scope.finish(response)
    expect(response.cookies[0]).toContain('Max-Age=60')
    clock.turn(61)
    expect(await site.engine.load(session.sessionKey as string)).toBeNull()
  })

  test.each([{}, { delay: 0 }])('never passes the absolute limit (%o)', async (watching) => {
    const { site, clock } = setUp(
      { sessionSaveEveryRequest: true, sessionPrefetch: false, sessionAbsoluteAge: 2 * HOUR },
      watching,
    )
    const session = site.sessions.open()
    session.set('a', 1)
    await session.save()
    for (let minute = 0; minute < 119; minute += 17) {
      clock.turn(17 * 60)
      const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${session.sessionKey}` }))
      await scope.begin()
      await scope.finish(responseHead())
    }
    clock.turn(3 * 60)
    expect(await site.engine.load(session.sessionKey as string)).toBeNull()
  })

  test('begins to count for a session from before there was a limit', async () => {
    const { site, engine, clock } = setUp()
    const session = site.sessions.open()
    session.set('a', 1)
    await session.save()
    const limited = bareSite({
      clock,
      engine,
      sessionSaveEveryRequest: true,
      sessionCookieAge: HOUR,
      sessionAbsoluteAge: HOUR,
    })
    for (let visit = 0; visit < 3; visit++) {
      const scope = Scope.open(limited, {}, requestHead({ cookie: `sessionid=${session.sessionKey}` }))
      await scope.begin()
      await scope.finish(responseHead())
      clock.turn(HOUR / 2)
    }
    expect(await engine.load(session.sessionKey as string)).toBeNull()
  })

  test('a cookie that names no session gets none, and is left alone (T11)', async () => {
    const { site, engine } = setUp({ sessionSaveEveryRequest: true })
    const scope = Scope.open(site, {}, requestHead({ cookie: `sessionid=${KEY}` }))
    await scope.begin()
    const response = responseHead()
    await scope.finish(response)
    expect(response.cookies).toEqual([])
    expect(engine.asked).toEqual(['load'])
  })
})
