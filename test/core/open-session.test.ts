import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { H3, type H3Event } from 'h3'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { ImproperlyConfigured, type Session, type Site, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onFetch } from 'sojourn/fetch'
import { sojourn as onH3 } from 'sojourn/h3'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onKoa } from 'sojourn/koa'
import { sojourn as onSvelteKit } from 'sojourn/sveltekit'
import { testClient, watched } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Scope } from '../../src/core/scope.js'

let site: Site
let key: string

beforeEach(async () => {
  site = sojourn({ secretKey: 'a secret of the tests, of more than fifty characters', sessionEngine: slow() })
  const session = site.sessions.open()
  session.set('username', 'alice')
  await session.save()
  key = session.sessionKey as string
})
afterEach(() => site.close())

function slow(): ReturnType<typeof watched> {
  return watched(memoryEngine(), { delay: 1 })
}

async function loaded(session: Session): Promise<Session> {
  await session.load()
  return session
}

describe('the session of a request is opened by its cookie', () => {
  test('of the request that upgrades to a WebSocket', async () => {
    const server = createServer()
    const opened = new Promise<unknown>((resolve, reject) => {
      server.on('upgrade', (request, socket) => {
        loaded(site.sessions.open(request)).then((session) => {
          socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
          resolve(session.get('username'))
        }, reject)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', Cookie: `other=1; sessionid=${key}` }
    const { port } = server.address() as AddressInfo
    const answered = once(send({ port, headers }).end(), 'response')
    expect(await opened).toBe('alice')
    const [response] = (await answered) as [IncomingMessage]
    expect(response.resume().statusCode).toBe(401)
    await new Promise((resolve) => server.close(resolve))
  })

  test('of a Fetch request', async () => {
    const request = new Request('http://localhost/', { headers: { Cookie: `sessionid=${key}` } })
    expect((await loaded(site.sessions.open(request))).get('username')).toBe('alice')
  })

  test('of what a framework wraps around a request', async () => {
    const raw = { headers: { cookie: `sessionid=${key}` } }
    for (const context of [{ raw }, { req: raw }, { request: raw }]) {
      expect((await loaded(site.sessions.open(context))).get('username')).toBe('alice')
    }
  })

  test('and beside the one that the middleware opened, of which it knows nothing', async () => {
    const handler = onFetch(site)(async (request) => {
      const beside = await loaded(site.sessions.open(request))
      beside.set('seen', true)
      await beside.save()
      return new Response(String(beside.get('username')))
    })
    const response = await handler(new Request('http://localhost/', { headers: { Cookie: `sessionid=${key}` } }))
    expect([await response.text(), response.headers.get('set-cookie')]).toEqual(['alice', null])
    expect((await loaded(site.sessions.open(key))).get('seen')).toBe(true)
  })
})

type Framework = (isBehind: boolean, page: (context: object) => Promise<string>) => Parameters<typeof testClient>[0]

/** What each framework hands over, before the middleware or behind it. */
const frameworks: Readonly<Record<string, Framework>> = {
  Hono: (isBehind, page) => {
    const app = new Hono()
    if (isBehind) app.use(onHono(site))
    return app.get('/', async (c: Context) => c.text(await page(c)))
  },
  h3: (isBehind, page) => {
    const app = new H3()
    if (isBehind) app.use(onH3(site))
    return app.get('/', (event: H3Event) => page(event))
  },
  Koa: (isBehind, page) => {
    const app = new Koa()
    if (isBehind) app.use(onKoa(site))
    app.use(async (ctx) => {
      ctx.body = await page(ctx)
    })
    return app.callback()
  },
  SvelteKit: (isBehind, page) => {
    const resolve = async (event: object): Promise<Response> => new Response(await page(event))
    const handle = onSvelteKit(site)
    return {
      fetch: async (request) => {
        const event = { request, url: new URL(request.url), locals: {}, getClientAddress: () => '127.0.0.1' }
        return isBehind ? await handle({ event, resolve } as never) : resolve(event)
      },
    }
  },
}

describe.each(Object.entries(frameworks))('what %s hands over is a request', (_, framework) => {
  test.each([false, true])('with a cookie and without one (behind the middleware: %s)', async (isBehind) => {
    const page = async (context: object): Promise<string> =>
      String((await loaded(site.sessions.open(context))).get('username', 'nobody'))
    await using visitor = await testClient(framework(isBehind, page))
    expect((await visitor.get('/')).text).toBe('nobody')
    visitor.cookies.set('other', '1')
    expect((await visitor.get('/')).text).toBe('nobody')
    visitor.cookies.set('sessionid', key)
    expect((await visitor.get('/')).text).toBe('alice')
  })
})

test('a request without headers of its own, as Next has it, is one by its scope, with a cookie and without', async () => {
  const head = { method: 'GET', url: '/', encrypted: false, formField: () => undefined }
  for (const [cookie, name] of [
    [undefined, 'nobody'],
    [`sessionid=${key}`, 'alice'],
  ] as const) {
    const { request } = Scope.open(site, {}, { ...head, header: (each) => (each === 'cookie' ? cookie : undefined) })
    expect((await loaded(site.sessions.open(request))).get('username', 'nobody')).toBe(name)
  }
})

test('headers are read in any form and case that requests have', async () => {
  const line = (): string => `sessionid=${key}`
  const forms: readonly object[] = [
    { Cookie: line() },
    { COOKIE: ['other=1', line()] },
    new Map([['Cookie', line()]]),
    new Map([['cookie', line()]]),
    new Headers({ Cookie: line() }),
    [
      ['Host', 'localhost'],
      ['Cookie', line()],
    ],
  ]
  for (const headers of forms) {
    expect((await loaded(site.sessions.open({ headers }))).get('username')).toBe('alice')
  }
})

test('cookies are read where an event of AWS Lambda has them', async () => {
  const line = `sessionid=${key}`
  const events: readonly object[] = [
    { version: '2.0', headers: { host: 'localhost' }, cookies: ['other=1', line] },
    { headers: { Cookie: 'other=1' }, multiValueHeaders: { Cookie: [line, 'other=1'] } },
    { headers: null, multiValueHeaders: { cookie: [line] } },
    { headers: { Cookie: line }, multiValueHeaders: null },
  ]
  for (const event of events) {
    expect((await loaded(site.sessions.open(event))).get('username')).toBe('alice')
  }
  expect([...(await loaded(site.sessions.open({ headers: {}, cookies: [] })))]).toEqual([])
})

test('what it changes is stored by save, and not before', async () => {
  const request = { headers: { cookie: `sessionid=${key}` } } as IncomingMessage
  const session = await loaded(site.sessions.open(request))
  session.set('room', 'lobby')
  expect((await loaded(site.sessions.open(key))).has('room')).toBe(false)
  await session.save()
  expect((await loaded(site.sessions.open(key))).get('room')).toBe('lobby')
})

test('a request without a cookie, and one whose key nobody has, are new sessions: no key is adopted', async () => {
  for (const cookie of [undefined, 'sessionid=chosenbytheattacker0000000000000', 'sessionid=../../etc']) {
    const session = await loaded(site.sessions.open({ headers: { cookie } }))
    expect([...session]).toEqual([])
    session.set('a', 1)
    await session.save()
    expect(cookie ?? '').not.toContain(session.sessionKey)
  }
})

test('of two cookies with different keys none is trusted, and the site hears of it (cookie tossing)', async () => {
  const heard: object[] = []
  site.on('session_cookie_conflict', ({ request }) => heard.push(request))
  const request = { headers: { cookie: `sessionid=${'x'.repeat(32)}; sessionid=${key}` } }
  const strict = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters',
    sessionEngine: site.engine,
    sessionCookieConflict: 'anonymous',
  })
  expect([...(await loaded(strict.sessions.open(request)))]).toEqual([])
  site.sessions.open(request)
  expect(heard).toEqual([request])
})

test('of an event of AWS Lambda, which has a list of cookies beside its headers', async () => {
  const event = { version: '2.0', headers: { host: 'localhost' }, cookies: ['other=1', `sessionid=${key}`] }
  expect((await loaded(site.sessions.open(event))).get('username')).toBe('alice')
  expect(site.sessions.open({ ...event, cookies: [] }).sessionKey).toBe(null)
})

test('what has no headers is no request, and is an error instead of a visitor without a session', () => {
  for (const wrong of [
    {},
    [],
    new Map(),
    { headers: null },
    { headers: 'Cookie: a=1' },
    { headers: ['Cookie', 'a=1'] },
  ]) {
    expect(() => site.sessions.open(wrong)).toThrow(ImproperlyConfigured)
  }
})
