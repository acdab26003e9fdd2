import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { ImproperlyConfigured, type SettingsInput, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { testClock, watched } from 'sojourn/testing'
import { issueSessionToken } from 'sojourn/tokens'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LinkStore } from '../../src/core/link-store.js'
import { nameOf } from '../../src/tokens/record.js'
import { visit } from '../auth/site.js'
import { SECRET } from '../support/sites.js'
import { type Ask, bearer, type TokenSite, tokenSite } from './site.js'

const clock = testClock()
let there: TokenSite
let ask: Ask

beforeEach(async () => {
  there = await tokenSite({ clock, sessionUserIndex: true })
  ask = there.ask
})
afterEach(() => there.site.close())

const text = async (response: Promise<Response>): Promise<string> => (await response).text()
const recordOf = async (token: string): Promise<string | null> => there.site.store.links.get(nameOf(token))
/** The key of the session that a token names. */
const keyOf = async (token: string): Promise<string> => JSON.parse((await recordOf(token)) as string).key

test('a program with a token is its user, and its session keeps what it writes', async () => {
  const token = await there.token()
  expect(token).toMatch(/^sjt_[\w-]{43}$/)
  expect(await text(ask('GET', '/', bearer(token)))).toBe('ann 0')
  expect(await text(ask('POST', '/write', bearer(token)))).toBe('ann 1')
  expect(await text(ask('POST', '/write', { authorization: `bearer   ${token}` }))).toBe('ann 2')
  expect(await text(ask('GET', '/'))).toBe('nobody 0')
})

test('a token of a login over several sites ends with that login, whatever site ends it', async () => {
  const { result } = await visit(there.site, {}, (request) =>
    issueSessionToken(request, { user: there.ann, aud: 'app', link: { g: 'the-login', a: clock() } }),
  )
  expect(await text(ask('GET', '/', bearer(result.token)))).toBe('ann 0')
  expect(await there.site.sessions.endSessions({ group: 'the-login' })).toBe(1)
  expect((await ask('GET', '/', bearer(result.token))).status).toBe(401)
})

test('a session of a token is listed with the program that asked for it', async () => {
  await ask('POST', '/token', { 'user-agent': 'app/1.0' })
  const [session] = await there.site.sessions.forUser(there.ann.id)
  expect(session?.userAgent).toBe('app/1.0')
})

test('where a user has room for no more sessions no token is given, and nothing is left behind', async () => {
  const limit = { maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' } as const
  const other = await tokenSite({ clock, sessionUserIndex: true, ...limit })
  const first = await other.token()
  expect((await other.ask('POST', '/token')).status).toBe(403)
  expect(await other.site.sessions.count(other.ann.id)).toBe(1)
  expect(await text(other.ask('GET', '/', bearer(first)))).toBe('ann 0')
  await other.site.close()
})

test('the session of whoever asks for a token stays as it is, and is told nothing', async () => {
  const { key } = await visit(there.site, {}, (_, { session }) => session.set('written', 5))
  const cookie = { cookie: `sessionid=${key}` }
  expect((await ask('POST', '/token', cookie)).headers.getSetCookie()).toEqual([])
  expect(await text(ask('GET', '/', cookie))).toBe('nobody 5')
})

test('each token has a session of its own, as a page of devices shows', async () => {
  const [one, other] = [await there.token(), await there.token()]
  await ask('POST', '/write', bearer(one))
  expect(await text(ask('GET', '/', bearer(other)))).toBe('ann 0')
  expect(await there.site.sessions.count(there.ann.id)).toBe(2)
})

test('no answer to a token sets a cookie, and none may be kept for others', async () => {
  const token = await there.token()
  for (const [method, path] of [
    ['GET', '/'],
    ['POST', '/write'],
    ['POST', '/message'],
    ['POST', '/cycle'],
    ['POST', '/logout'],
  ] as const) {
    const response = await ask(method, path, bearer(token))
    expect([path, response.status, response.headers.getSetCookie()]).toEqual([path, 200, []])
    expect(response.headers.get('cache-control')).toBe('private')
    // The key is nobody's business but the store's.
    expect(response.headers.get('x-session-token')).toBeNull()
  }
})

test('a token and a session cookie in one request are refused, and nobody is logged in by either', async () => {
  const token = await there.token()
  const response = await ask('GET', '/', { ...bearer(token), cookie: `sessionid=${await keyOf(token)}` })
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([400, 'Bearer error="invalid_request"'])
  expect((await ask('GET', '/', { ...bearer(token), cookie: 'other=1' })).status).toBe(200)
})

test('a token in a cookie, in the query or in a body counts for nothing', async () => {
  const token = await there.token()
  expect(await text(ask('GET', '/', { cookie: `sessionid=${token}` }))).toBe('nobody 0')
  expect(await text(ask('GET', `/?access_token=${token}&token=${token}`))).toBe('nobody 0')
  expect(await text(ask('GET', '/', { 'x-session-token': token }))).toBe('nobody 0')
})

test('a form needs its token with a cookie, and with a session token it does not: no other page can send that header', async () => {
  const token = await there.token()
  const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  expect((await ask('POST', '/write', { cookie: `sessionid=${await keyOf(token)}` })).status).toBe(403)
  expect((await ask('POST', '/write', { authorization: 'Bearer somebody-elses' })).status).toBe(403)
  expect((await ask('POST', '/write', { ...bearer(token), ...foreign })).status).toBe(200)
})

test.each([
  ['unknown', `sjt_${'a'.repeat(43)}`],
  ['empty', 'sjt_'],
  ['a session key', 'sjt_../../etc/passwd'],
])('a token that is %s is 401, not a visitor without a session', async (_, token) => {
  const response = await ask('POST', '/write', bearer(token))
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"'])
})

test('a token for another audience is no token here', async () => {
  expect((await ask('GET', '/', bearer(await there.token('tv')))).status).toBe(401)
})

test('no Authorization header is more than a refusal (T29: malformed Bearer)', async () => {
  const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) })
  const begin = fc.constantFrom('', 'Bearer', 'Bearer ', 'bearer sjt_', 'Bearer sjt_', 'Basic ')
  await fc.assert(
    fc.asyncProperty(begin, text, async (start, rest) => {
      const { status } = await ask('GET', '/', { authorization: start + rest })
      expect([200, 401]).toContain(status)
    }),
    { numRuns: 500 },
  )
})

test('the word of another API in Authorization is left alone', async () => {
  const key = await keyOf(await there.token())
  const cookie = { cookie: `sessionid=${key}` }
  expect(await text(ask('GET', '/', { ...cookie, authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' }))).toBe('ann 0')
  expect(await text(ask('GET', '/', { ...cookie, authorization: 'Basic c2p0Xzp4' }))).toBe('ann 0')
})

describe('a token ends', () => {
  const isOver = async (token: string): Promise<boolean> => (await ask('GET', '/', bearer(token))).status === 401

  test('with logout, and its session and its record are gone', async () => {
    const token = await there.token()
    const key = await keyOf(token)
    expect(await text(ask('POST', '/logout', bearer(token)))).toBe('nobody 0')
    expect(await there.site.store.load(key)).toBeNull()
    expect(await recordOf(token)).toBeNull()
    expect(await isOver(token)).toBe(true)
  })

  test('with revokeUser and endSessions', async () => {
    const [one, other] = [await there.token(), await there.token()]
    await there.site.sessions.revokeUser(there.ann.id)
    expect([await isOver(one), await isOver(other)]).toEqual([true, true])
    const later = await there.token()
    await there.site.sessions.endSessions({ user: there.ann.id })
    expect(await isOver(later)).toBe(true)
  })

  test('with a new password, but for the one that changed it', async () => {
    const [one, other] = [await there.token(), await there.token()]
    const key = await keyOf(one)
    expect((await ask('POST', '/password', bearer(one))).status).toBe(200)
    expect(await keyOf(one)).not.toBe(key)
    expect(await text(ask('GET', '/', bearer(one)))).toBe('ann 0')
    expect(await text(ask('GET', '/', bearer(other)))).toBe('nobody 0')
    expect(await isOver(other)).toBe(true)
  })

  test('at the moment that it was issued for, however busy it is', async () => {
    const { token, expires } = (await (await ask('POST', '/token?age=3600')).json()) as Record<string, string>
    expect(new Date(expires as string).getTime()).toBe(clock() + 3_600_000)
    clock.turn(3599)
    expect(await text(ask('POST', '/write', bearer(token as string)))).toBe('ann 1')
    clock.turn(1)
    expect(await isOver(token as string)).toBe(true)
  })
})

test('a session that is given another key goes on by the same token, and the old key is worth nothing', async () => {
  const token = await there.token()
  const key = await keyOf(token)
  await ask('POST', '/write', bearer(token))
  await ask('POST', '/cycle', bearer(token))
  expect(await keyOf(token)).not.toBe(key)
  expect(await there.site.store.load(key)).toBeNull()
  expect(await text(ask('GET', '/', bearer(token)))).toBe('ann 1')
})

test('of requests that change the key at once one does, and the token goes on: none of its requests is told that the session is over', async () => {
  const engine = watched(memoryEngine({ clock }), { delay: 0 })
  const other = await tokenSite({ clock, sessionEngine: engine })
  const token = await other.token()
  for (let round = 0; round < 10; round++) {
    const paths = ['/cycle', '/cycle', '/', '/', '/cycle', '/', '/', '/cycle', '/', '/']
    const answers = await Promise.all(paths.map((path) => other.ask('POST', path, bearer(token))))
    const statuses = answers.map(({ status }) => status)
    expect(statuses).toContain(200)
    expect(statuses).not.toContain(401)
    expect(await text(other.ask('GET', '/', bearer(token)))).toBe('ann 0')
  }
  await other.site.close()
})

test('a request that comes before the one is answered that changed the key is of the same session', async () => {
  const answers: string[] = []
  let token = ''
  const other = await tokenSite({ clock }, async () => {
    answers.push(await text(other.ask('POST', '/write', bearer(token))))
  })
  token = await other.token()
  expect((await other.ask('POST', '/slow', bearer(token))).status).toBe(200)
  expect(answers).toEqual(['ann 1'])
  await other.site.close()
})

test('a request that comes while the key changes looks once more', async () => {
  const engine = watched(memoryEngine({ clock }))
  const other = await tokenSite({ clock, sessionEngine: engine })
  const token = await other.token()
  const { links } = other.site.store
  const name = nameOf(token)
  const record = String(await links.get(name))
  // The new key is not told yet: the store has a key that is gone.
  await links.put(name, JSON.stringify({ ...JSON.parse(record), key: 'x'.repeat(32) }), clock() + 1e6)
  const asked = other.ask('GET', '/', bearer(token))
  await vi.waitUntil(() => engine.count('load') > 0, { interval: 1 })
  await links.put(name, record, clock() + 1e6)
  expect(await text(asked)).toBe('ann 0')
  await other.site.close()
})

test('the store has no token, and a reader of it can make none', async () => {
  const token = await there.token()
  const stored = String(await recordOf(token))
  expect(stored).toContain('"aud":"app"')
  expect(nameOf(token) + stored).not.toContain(token.slice(4))
  expect((await ask('GET', '/', bearer(nameOf(token)))).status).toBe(200)
  expect(await text(ask('GET', '/', bearer(nameOf(token))))).toBe('nobody 0')
  expect((await ask('GET', '/', bearer(`sjt_${nameOf(token).slice(3)}`))).status).toBe(401)
})

test('no event, error or printed site holds a token', async () => {
  const heard: unknown[] = []
  for (const type of ['decided', 'user_logged_in', 'csrf_failed', 'request_failed', 'sessions_ended'] as const) {
    there.site.on(type, (event: object) => heard.push({ ...event, request: null }))
  }
  const token = await there.token()
  await ask('POST', '/write', bearer(token))
  await ask('GET', '/', { ...bearer(token), cookie: 'sessionid=xxxxxxxxxxxxxxxx' })
  const refused = await text(ask('GET', '/', bearer(`${token}x`)))
  const printed = inspect({ heard, site: there.site }, { depth: 12, showHidden: true, maxArrayLength: null })
  expect(heard.length).toBeGreaterThan(2)
  expect(printed + refused).not.toContain(token.slice(4))
})

describe("django-allauth's X-Session-Token", () => {
  test('is the session key itself, and is taken only where the setting says so', async () => {
    const key = await keyOf(await there.token())
    expect(await text(ask('GET', '/', { 'x-session-token': key }))).toBe('nobody 0')
    await using other = await opened({ sessionTokenAllauth: true, sessionTokenAudiences: ['app'] })
    const named = JSON.parse((await other.site.store.links.get(nameOf(await other.token()))) as string).key
    expect(await text(other.ask('POST', '/write', { 'x-session-token': named }))).toBe('ann 1')
    expect((await other.ask('GET', '/', { 'x-session-token': randomBytes(16).toString('hex') })).status).toBe(401)
    expect((await other.ask('GET', '/', { 'x-session-token': named, cookie: 'sessionid=xxxxxxxx' })).status).toBe(400)
  })

  test('is told to the program when it changes', async () => {
    await using other = await opened({ sessionTokenAllauth: true })
    const issued = await other.ask('POST', '/token')
    const { token } = (await issued.json()) as { token: string }
    const { key } = JSON.parse((await other.site.store.links.get(nameOf(token))) as string)
    const response = await other.ask('POST', '/cycle', { 'x-session-token': key })
    const next = String(response.headers.get('x-session-token'))
    expect(next).not.toBe(key)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await text(other.ask('GET', '/', { 'x-session-token': next }))).toBe('ann 0')
    expect((await other.ask('POST', '/logout', { 'x-session-token': next })).headers.get('x-session-token')).toBeNull()
  })

  async function opened(settings: SettingsInput): Promise<TokenSite & AsyncDisposable> {
    const made = await tokenSite({ clock, ...settings })
    return { ...made, [Symbol.asyncDispose]: async () => made.site.close() }
  }
})

test.each([{ sessionTokenAudiences: ['app'] }, { sessionTokenAllauth: true }])(
  'signed cookies, which no token can name, are refused with %o',
  (settings) => {
    const make = (): unknown => sojourn({ secretKey: SECRET, sessionEngine: 'signed_cookies', ...settings })
    expect(make).toThrow(ImproperlyConfigured)
    expect(make).toThrow(Object.keys(settings)[0])
  },
)

test('a store that fails is a 503, and never a visitor without a session', async () => {
  const token = await there.token()
  await using other = await failing(token)
  expect((await other.ask('GET', '/', bearer(token))).status).toBe(503)
})

test('also where pages go on without a store', async () => {
  const other = await tokenSite({ clock, sessionOnStoreError: 'read-only' })
  const token = await other.token()
  vi.spyOn(other.site.engine, 'load').mockImplementationOnce(() => {
    throw new Error('away')
  })
  expect((await other.ask('GET', '/', bearer(token))).status).toBe(503)
  expect(await text(other.ask('GET', '/', bearer(token)))).toBe('ann 0')
  await other.site.close()
})

test('a session whose token cannot be kept goes again: it is nobody’s, and counts as one of the user’s', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const limit = { maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' } as const
    const other = await tokenSite({ clock, sessionUserIndex: true, ...limit })
    vi.spyOn(other.site.engine.links as LinkStore, 'put').mockImplementationOnce(() => {
      throw new Error('away')
    })
    expect((await other.ask('POST', '/token')).status).toBe(503)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await other.site.sessions.count(other.ann.id)).toBe(0)
    expect((await other.ask('POST', '/token')).status).toBe(200)
    await other.site.close()
  } finally {
    vi.useRealTimers()
  }
})

/** A site whose tables are not there. */
async function failing(token: string): Promise<TokenSite & AsyncDisposable> {
  const made = await tokenSite({ clock })
  expect((await made.ask('GET', '/', bearer(token))).status).toBe(401)
  await made.site.close()
  return { ...made, [Symbol.asyncDispose]: async () => undefined }
}
