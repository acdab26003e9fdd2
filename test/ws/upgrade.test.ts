import { once } from 'node:events'
import { connect } from 'node:net'
import { ImproperlyConfigured, NoScope, SessionReadOnly, type SettingsInput } from 'sojourn'
import { getUser, requireLogin, userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { getSession, sojourn } from 'sojourn/fetch'
import { watched } from 'sojourn/testing'
import { issueSessionToken } from 'sojourn/tokens'
import { checkUpgrade } from 'sojourn/ws'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { visit } from '../auth/site.js'
import { ORIGIN, type World, world } from './world.js'

let there: World

beforeEach(async () => {
  there = await world({ settings: { sessionTokenAudiences: ['app'] } })
})
afterEach(async () => {
  expect(there.failures).toEqual([])
  await there[Symbol.asyncDispose]()
})

test('a page of the list opens a socket as its user, and no cookie is set on 101', async () => {
  const { status, headers, socket } = await there.open(await there.key())
  expect([status, headers['set-cookie'], await socket.next()]).toEqual([101, undefined, 'ann'])
})

test.each([
  ['of another site', 'https://evil.example'],
  ['of a sibling host', 'https://www.chat.example'],
  ['of another scheme', 'http://chat.example'],
  ['of another port', 'https://chat.example:8443'],
  ['that only begins alike', 'https://chat.example.evil.example'],
  ['in capitals', 'HTTPS://CHAT.EXAMPLE'],
  ['of a sandbox', 'null'],
  ['that is two', `${ORIGIN}, https://evil.example`],
  ['that is missing', null],
])('a socket from an origin %s is refused (cross-site WebSocket hijacking)', async (_, origin) => {
  const key = await there.key()
  const { status, body, headers } = await there.open(key, { origin })
  expect([status, body]).toEqual([403, 'Pages of this origin may open no socket here.'])
  expect([headers['set-cookie'], headers.connection]).toEqual([undefined, 'close'])
})

test('the origin is looked at before the session is', async () => {
  const engine = watched(memoryEngine())
  await using other = await world({ settings: { sessionEngine: engine } })
  const key = await other.key()
  engine.recount()
  expect((await other.open(key, { origin: 'https://evil.example' })).status).toBe(403)
  expect(engine.count()).toBe(0)
  expect((await other.open(key)).status).toBe(101)
  expect(engine.count('load')).toBeGreaterThan(0)
})

test('nobody, an unknown key and a session that was ended are refused', async () => {
  const key = await there.key()
  for (const unknown of [null, 'x'.repeat(32)]) {
    expect(await there.open(unknown)).toMatchObject({ status: 403, body: 'Nobody is logged in.' })
  }
  expect((await there.open(key)).status).toBe(101)
  await there.site.sessions.revoke(key)
  expect((await there.open(key)).status).toBe(403)
})

test('visitors whom nobody is logged in as pass where the server says so, and from foreign origins not even then', async () => {
  await using other = await world({ anonymous: true })
  const { socket } = await other.open(null)
  expect(await socket.next()).toBe('nobody')
  expect((await other.open(null, { origin: 'https://evil.example' })).status).toBe(403)
})

test('a host that the site has not is refused, whatever the origin (DNS rebinding)', async () => {
  await using other = await world({ settings: { allowedHosts: ['example.com', 'chat.example'] } })
  const key = await other.key()
  expect((await other.open(key)).status).toBe(400)
  expect((await other.open(key, { headers: { host: 'chat.example' } })).status).toBe(101)
})

test('a store that fails is a 503, and ends neither the session nor the server', async () => {
  const engine = watched(memoryEngine())
  await using other = await world({ settings: { sessionEngine: engine } })
  const key = await other.key()
  engine.fail = ['load']
  expect((await other.open(key)).status).toBe(503)
  engine.fail = []
  expect((await other.open(key)).status).toBe(101)
})

test('with read-only pages a store that fails is a 503 too where somebody has to be logged in, and where nobody has to they pass', async () => {
  const engine = watched(memoryEngine())
  const settings: SettingsInput = { sessionEngine: engine, sessionOnStoreError: 'read-only' }
  await using strict = await world({ settings })
  await using open = await world({ settings, anonymous: true })
  const failed = vi.fn()
  strict.site.on('request_failed', failed)
  const key = await strict.key()
  engine.fail = ['load']
  expect((await strict.open(key)).status).toBe(503)
  expect(failed).toHaveBeenCalledTimes(1)
  expect((await strict.open(null)).status).toBe(403)
  expect(await (await open.open(key)).socket.next()).toBe('nobody')
  engine.fail = []
  expect((await strict.open(key)).status).toBe(101)
  expect([strict.failures, open.failures]).toEqual([[], []])
})

test('a copy that a cache has of a session opens no socket while the store fails', async () => {
  const engine = Object.assign(watched(memoryEngine()), { loadCopy: (key: string) => copied.load(key) })
  const copied = memoryEngine()
  await using other = await world({ settings: { sessionEngine: engine, sessionOnStoreError: 'read-only' } })
  const key = await other.key()
  const { cells = new Map() } = (await engine.load(key)) ?? {}
  await copied.create(key, { cells, expires: Date.now() + 60_000 })
  engine.fail = ['load']
  expect((await other.open(key)).status).toBe(503)
})

test('a program with a session token opens a socket by it, and not beside a cookie', async () => {
  const { result } = await visit(there.site, {}, (request) =>
    issueSessionToken(request, { user: there.ann, aud: 'app' }),
  )
  const headers = { authorization: `Bearer ${result.token}` }
  const { socket } = await there.open(null, { headers })
  expect(await socket.next()).toBe('ann')
  expect((await there.open(null, { headers, origin: 'https://evil.example' })).status).toBe(403)
  expect((await there.open(await there.key(), { headers })).status).toBe(400)
  expect((await there.open(null, { headers: { authorization: `${headers.authorization}x` } })).status).toBe(401)
})

test('a client that resets its connection while the session is looked up does not end the process', async () => {
  let arrived = (): void => undefined
  let answer = (): void => undefined
  const loading = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const engine = watched(memoryEngine(), { delay: 0 })
  await using other = await world({ settings: { sessionEngine: engine, sessionStoreTimeout: 30 } })
  const key = await other.key()
  engine.delay = (operation) => {
    if (operation !== 'load') return undefined
    arrived()
    return new Promise<void>((resolve) => {
      answer = resolve
    })
  }
  const broke = new Promise<void>((resolve) => {
    other.served.server.on('upgrade', (_, socket) => void socket.on('close', () => resolve()))
  })
  const client = connect(Number(new URL(other.served.origin).port), '127.0.0.1')
  await once(client, 'connect')
  client.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nOrigin: ${ORIGIN}\r\nCookie: sessionid=${key}\r\n\r\n`,
  )
  await loading
  client.resetAndDestroy()
  await broke
  answer()
  engine.delay = undefined
  expect((await other.open(key)).status).toBe(101)
})

describe('of a Fetch request', () => {
  const request = (key: string | null, headers: Record<string, string> = { origin: ORIGIN }): Request =>
    new Request('http://chat.example/', {
      headers: key === null ? headers : { ...headers, cookie: `sessionid=${key}` },
    })
  const check = (upgrade: Request) => checkUpgrade(upgrade, { site: there.site, origins: [ORIGIN] })

  test('the same is said, as an answer to give back', async () => {
    const key = await there.key()
    const good = request(key)
    expect(await check(good)).toBeNull()
    expect((await getUser(good))?.username).toBe('ann')
    expect(await requireLogin(good)).toBeNull()
    for (const [bad, text] of [
      [request(key, {}), 'Pages of this origin may open no socket here.'],
      [request(null), 'Nobody is logged in.'],
    ] as const) {
      const refused = await check(bad)
      const response = new Response(refused?.body, refused ?? {})
      expect([response.status, await response.text()]).toEqual([403, text])
    }
  })

  test('the session can be read, and what would change it is an error', async () => {
    const good = request(await there.key())
    await check(good)
    const session = await getSession(good)
    expect(session.get('room', null)).toBeNull()
    expect(() => session.set('room', 'lobby')).toThrow(SessionReadOnly)
  })

  test('a request that was not checked is still nobody knows whose', () => {
    expect(() => getUser(request(null))).toThrow(NoScope)
  })

  test('behind a middleware no cookie is set, and what that changed before is an error instead of being lost', async () => {
    const key = await there.key()
    const { site } = there
    const behind = sojourn(site)
    const handler = behind(async (upgrade) => {
      if (new URL(upgrade.url).searchParams.has('change')) (await getSession(upgrade)).set('a', 1)
      const refused = await check(upgrade)
      if (refused !== null) return new Response(refused.body, refused)
      return new Response((await getUser(upgrade))?.username)
    })
    const response = await handler(request(key))
    expect([response.status, await response.text(), response.headers.getSetCookie()]).toEqual([200, 'ann', []])
    const url = 'http://chat.example/?change'
    const changing = await handler(new Request(url, { headers: { origin: ORIGIN, cookie: `sessionid=${key}` } }))
    expect(changing.status).toBe(500)
  })

  test('a site that moves the end of sessions at each request sets no cookie either', async () => {
    await using other = await world({ settings: { sessionSaveEveryRequest: true } })
    const key = await other.key()
    const handler = sojourn(other.site)(async (upgrade) => {
      await checkUpgrade(upgrade, { site: other.site, origins: [ORIGIN] })
      return new Response((await getUser(upgrade))?.username)
    })
    const response = await handler(request(key))
    expect([await response.text(), response.headers.getSetCookie()]).toEqual(['ann', []])
  })
})

test.each([
  [[]],
  [['*']],
  [['https://*.example']],
  [['https://chat.example/']],
  [['chat.example']],
  [['null']],
  [['https://Chat.example']],
  [['https://chat.example:443']],
  [['wss://chat.example']],
])('origins %o are an error, not a list in which nothing can match', async (origins) => {
  const asked = checkUpgrade({ headers: {} }, { site: there.site, origins })
  await expect(asked).rejects.toThrow(ImproperlyConfigured)
})

test.each([['http://localhost:3000'], ['capacitor://localhost'], ['https://chat.example:8443']])(
  'the origin %s is one',
  async (origin) => {
    const refused = await checkUpgrade(
      { headers: { origin } },
      { site: there.site, origins: [origin], anonymous: true },
    )
    expect(refused).toBeNull()
  },
)

test('what a user may see is looked up as behind a middleware', async () => {
  const bob = await userBackend(there.site).createUser('bob', 'a long password')
  const { socket } = await there.open(await there.key(bob))
  expect(await socket.next()).toBe('bob')
})
