import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ImproperlyConfigured,
  type SessionEngine,
  SessionSealed,
  type Settings,
  type Site,
  StoreUnavailable,
  TooManySessions,
} from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { csrfInput, getSession, getUser, logout, sojourn, type User, userBackend } from 'sojourn/fetch'
import { Client, type TestClock, testClient, testClock, watched } from 'sojourn/testing'
import { afterAll, afterEach, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-visitor-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Shop {
  readonly site: Site
  readonly clock: TestClock
  readonly client: Client
  readonly ann: User
  another(): Client
}

/** A shop of a few pages, and its first visitor. */
async function shop(settings: Settings = {}, headers: Readonly<Record<string, string>> = {}): Promise<Shop> {
  const clock = testClock()
  const databases = { default: 'sqlite::memory:' }
  const sessions = sojourn({ secretKey: 'a secret of tests', databases, clock, ...settings })
  const { site } = sessions
  const pages: Readonly<Record<string, (request: Request) => Promise<string>>> = {
    '/': async (request) => (await getUser(request))?.username ?? 'nobody',
    '/cart': async (request) => JSON.stringify((await getSession(request)).cart ?? null),
    '/form': async (request) => csrfInput(request),
    '/buy': async (request) => await request.text(),
    '/leave': async (request) => String(await logout(request)),
  }
  const handler = sessions(async (request) => new Response(await pages[new URL(request.url).pathname]?.(request)))
  const client = await testClient({ fetch: handler }, { site, headers })
  closing.push(
    () => site.close(),
    () => client.close(),
  )
  const another = (): Client => {
    const other = new Client(client.origin, { site, headers })
    closing.push(() => other.close())
    return other
  }
  return { site, clock, client, another, ann: await userBackend(site).createUser('ann') }
}

const engines: Readonly<Record<string, Settings>> = {
  memory: { sessionEngine: 'memory' },
  db: { sessionEngine: 'db' },
  cache: { sessionEngine: 'cache', caches: { default: 'locmem:' } },
  file: { sessionEngine: 'file', sessionFilePath: folder },
  signed_cookies: { sessionEngine: 'signed_cookies' },
}

describe.each(Object.entries(engines))('on %s', (_, settings) => {
  test('a visitor is logged in without a password, and keeps what it had', async () => {
    const { client, ann } = await shop(settings)
    await client.editSession((session) => {
      session.cart = ['book']
    })
    const before = client.cookies.get('sessionid')
    await client.forceLogin(ann)
    expect(client.cookies.get('sessionid')).not.toBe(before)
    expect((await client.get('/')).text).toBe('ann')
    expect((await client.get('/cart')).text).toBe('["book"]')
  })

  test('a session is looked at, changed and ended', async () => {
    const { client } = await shop(settings)
    expect({ ...(await client.session()) }).toEqual({})
    expect(client.cookies.header()).toBe('')
    const count = await client.editSession((session) => {
      session.cart = ['book']
      return 1
    })
    expect(count).toBe(1)
    expect((await client.get('/cart')).text).toBe('["book"]')
    expect((await client.session()).cart).toEqual(['book'])
    await client.editSession(async (session) => {
      ;(session.cart as string[]).push('pen')
      await Promise.resolve()
    })
    expect((await client.session()).cart).toEqual(['book', 'pen'])
    await client.editSession((session) => session.flush())
    expect(client.cookies.get('sessionid')).toBeUndefined()
    expect((await client.get('/cart')).text).toBe('null')
  })

  test('an edit that throws keeps nothing', async () => {
    const { client } = await shop(settings)
    const failed = client.editSession((session) => {
      session.cart = ['book']
      throw new Error('on purpose')
    })
    await expect(failed).rejects.toThrow('on purpose')
    expect(client.cookies.header()).toBe('')
    expect({ ...(await client.session()) }).toEqual({})
  })

  test('an edit that cannot be stored leaves the visitor the key that the session has by then', async () => {
    const { client } = await shop(settings)
    await client.editSession((session) => session.set('cart', ['book']))
    const failed = client.editSession(async (session) => {
      await session.cycleKey()
      session.cart = [() => 'a function']
    })
    await expect(failed).rejects.toThrow('cannot be kept')
    expect((await client.get('/cart')).text).toBe('["book"]')
  })

  test('a logout ends the session and forgets all cookies', async () => {
    const { client, ann, another } = await shop(settings)
    await client.forceLogin(ann)
    const copy = another()
    copy.cookies.set('sessionid', client.cookies.get('sessionid') ?? '')
    await client.logout()
    expect(client.cookies.header()).toBe('')
    expect((await client.get('/')).text).toBe('nobody')
    // A signed cookie that somebody copied is good until its age is over: nothing is stored that could be ended.
    expect((await copy.get('/')).text).toBe(settings.sessionEngine === 'signed_cookies' ? 'ann' : 'nobody')
  })

  test('one clock ends the session for the site and for the browser', async () => {
    const { client, ann, clock, another } = await shop({ ...settings, sessionCookieAge: 3600 })
    await client.forceLogin(ann)
    const copy = another()
    copy.cookies.set('sessionid', client.cookies.get('sessionid') ?? '')
    clock.turn(3599)
    expect((await client.session()).get('_auth_user_id')).toBe('1')
    expect((await copy.get('/')).text).toBe('ann')
    clock.turn(2)
    expect(client.cookies.get('sessionid')).toBeUndefined()
    expect({ ...(await client.session()) }).toEqual({})
    expect((await copy.get('/')).text).toBe('nobody')
  })
})

describe('a session that is looked at', () => {
  test('cannot be changed by mistake', async () => {
    const { client } = await shop()
    await client.editSession((session) => session.set('visits', 1))
    const session = await client.session()
    expect(() => session.set('visits', 2)).toThrow(SessionSealed)
    expect(() => {
      session.visits = 2
    }).toThrow(SessionSealed)
    expect((await client.session()).visits).toBe(1)
  })

  test.each(Object.entries(engines))(
    'can neither be ended nor saved, nor changed in a transaction, on %s',
    async (_, settings) => {
      const { client } = await shop(settings)
      for (const isThere of [false, true]) {
        if (isThere) await client.editSession((session) => session.set('cart', ['book']))
        const before = client.cookies.header()
        const session = await client.session()
        const ways: Readonly<Record<string, () => unknown>> = {
          flush: () => session.flush(),
          cycleKey: () => session.cycleKey(),
          save: () => session.save(),
          transact: () => session.transact((own) => own.set('cart', [])),
          clear: () => session.clear(),
          modified: () => {
            session.modified = true
          },
        }
        for (const [way, run] of Object.entries(ways)) {
          await expect(async () => run(), way).rejects.toThrow(SessionSealed)
          await expect(async () => run(), way).rejects.toThrow('editSession')
        }
        expect(client.cookies.header()).toBe(before)
        expect((await client.get('/cart')).text).toBe(isThere ? '["book"]' : 'null')
      }
    },
  )

  test('has lists and objects that refuse a change, and leaves those alone that are not its own', async () => {
    const { client } = await shop()
    await client.editSession((session) => session.set('cart', [{ tags: ['new'] }]))
    const session = await client.session()
    const cart = session.cart as { tags: string[] }[]
    expect(() => cart.push({ tags: [] })).toThrow(TypeError)
    expect(() => cart[0]?.tags.push('old')).toThrow(TypeError)
    expect(session.cart).toEqual([{ tags: ['new'] }])
    const fallback = session.get('none', [] as string[]) as string[]
    fallback.push('mine')
    expect(fallback).toEqual(['mine'])
  })

  test('is not visited: its end stays where it is', async () => {
    const memory = memoryEngine()
    // As Redis does, which moves an end in the same step in which it loads.
    const moved: number[] = []
    const sessionEngine: SessionEngine = {
      name: 'moving',
      synchronous: true,
      load(key, slide) {
        if (slide !== undefined) moved.push(slide.expires)
        return memory.load(key)
      },
      create: (key, record) => memory.create(key, record),
      save: (key, record, expected) => memory.save(key, record, expected),
      delete: (key, expected) => memory.delete(key, expected),
      exists: (key) => memory.exists(key),
    }
    const { client } = await shop({ sessionEngine, sessionSaveEveryRequest: true, clock: Date.now })
    await client.editSession((session) => session.set('visits', 1))
    expect((await client.session()).visits).toBe(1)
    expect(moved).toEqual([])
    await client.get('/cart')
    expect(moved.length).toBe(1)
  })
})

describe('a login by force', () => {
  test('tells as any login, and counts as one', async () => {
    const { client, another, ann, site } = await shop({
      sessionUserIndex: true,
      maxSessionsPerUser: 1,
      maxSessionsPerUserPolicy: 'reject',
    })
    const heard: unknown[] = []
    site.on('user_logged_in', ({ user }) => heard.push(user))
    await client.forceLogin(ann)
    expect(heard).toEqual([ann])
    expect(await site.sessions.count(ann.id)).toBe(1)
    const second = another()
    await expect(second.forceLogin(ann)).rejects.toThrow(TooManySessions)
    expect((await second.get('/')).text).toBe('nobody')
    expect((await client.get('/')).text).toBe('ann')
  })

  test('is by the first backend, or by the one that is named', async () => {
    const bob: User = { id: 'b', username: 'bob', password: 'hash', isActive: true }
    const bobs = { path: 'shop.Bobs', authenticate: () => null, getUser: (id: string) => (id === 'b' ? bob : null) }
    const model = 'django.contrib.auth.backends.ModelBackend'
    const { client, ann, another } = await shop({ authenticationBackends: [model, bobs] })
    await client.forceLogin(ann)
    expect((await client.session()).get('_auth_user_backend')).toBe(model)
    const other = another()
    await other.forceLogin(bob, 'shop.Bobs')
    expect((await other.get('/')).text).toBe('bob')
    await expect(other.forceLogin(bob, 'shop.Bob')).rejects.toThrow(ImproperlyConfigured)
  })

  test('ends the forms of before, and a form after it passes', async () => {
    const { client, ann } = await shop()
    await client.get('/form')
    const { token = '' } = client
    await client.forceLogin(ann)
    expect((await client.post('/buy', { item: 'book' })).status).toBe(200)
    expect((await client.post('/buy', { csrfmiddlewaretoken: token })).status).toBe(403)
  })
})

describe('a form', () => {
  test('of a page that the visitor has not seen passes where the site is known, and only there', async () => {
    const { client } = await shop()
    const answer = await client.post('/buy', { item: 'book' })
    expect(answer.text).toMatch(/^item=book&csrfmiddlewaretoken=\w{64}$/)
    const stranger = new Client(client.origin)
    closing.push(() => stranger.close())
    expect((await stranger.post('/buy', { item: 'book' })).status).toBe(403)
  })

  test('goes with the token of the page that it is on', async () => {
    const { client } = await shop()
    await client.get('/form')
    const { token } = client
    expect((await client.post('/buy')).text).toBe(`csrfmiddlewaretoken=${token}`)
    expect((await client.post('/buy')).text).not.toBe(`csrfmiddlewaretoken=${token}`)
  })

  test('is refused with a wrong token, as a browser would find', async () => {
    const { client } = await shop()
    await client.get('/form')
    expect((await client.post('/buy', { csrfmiddlewaretoken: 'x'.repeat(64) })).status).toBe(403)
  })

  test('passes after a page has ended the session and changed the token', async () => {
    const { client, ann } = await shop({ csrfUseSessions: true })
    await client.forceLogin(ann)
    expect((await client.post('/leave')).status).toBe(200)
    expect((await client.post('/buy')).status).toBe(200)
  })

  test('passes with a token in the session, also where nothing fetches that ahead', async () => {
    const sessionEngine = watched(memoryEngine({ clock: Date.now }), { delay: 1 })
    const settings = { sessionEngine, csrfUseSessions: true, sessionPrefetch: false, clock: Date.now }
    const { client } = await shop(settings)
    await client.editSession((session) => session.set('cart', []))
    expect((await client.post('/buy')).text).toMatch(/^csrfmiddlewaretoken=\w{64}$/)
  })

  test.each([false, true])(
    'of a store that fails is for the page to answer (csrfUseSessions: %s)',
    async (csrfUseSessions) => {
      const sessionEngine = watched(memoryEngine({ clock: Date.now }), { delay: 1 })
      const { client, site } = await shop({ sessionEngine, csrfUseSessions, clock: Date.now })
      site.on('request_failed', () => undefined)
      await client.editSession((session) => session.set('cart', []))
      sessionEngine.fail = ['load']
      expect((await client.post('/buy')).status).toBe(csrfUseSessions ? 503 : 200)
      await expect(client.session()).rejects.toThrow(StoreUnavailable)
    },
  )

  test('or a value is sent as scripts send it, with the token in a header', async () => {
    const { client } = await shop()
    const answer = await client.send('PUT', '/buy', { item: 'book' })
    expect([answer.status, answer.json()]).toEqual([200, { item: 'book' }])
    const refused = await client.send('PUT', '/buy', {}, { headers: { 'X-CSRFToken': 'x' } })
    expect(refused.status).toBe(403)
  })
})

test('what goes with every request goes with those that no server sees', async () => {
  const { client, ann, another } = await shop(
    {
      allowedHosts: ['shop.example'],
      secureProxySslHeader: ['x-forwarded-proto', 'https'],
      sessionCookieName: '__Host-s',
      sessionCookieSecure: true,
    },
    { Host: 'shop.example', 'X-Forwarded-Proto': 'https', Origin: 'https://shop.example' },
  )
  await client.forceLogin(ann)
  expect((await client.get('/')).text).toBe('ann')
  expect((await client.post('/buy')).status).toBe(200)
  expect((await another().get('/', { headers: { Host: 'other.example' } })).status).toBe(400)
})

test('a session whose cookie is for a part of the site is that of a visitor there', async () => {
  const { client } = await shop({ sessionCookiePath: '/cart' })
  await client.editSession((session) => session.set('cart', ['book']))
  expect((await client.session()).get('cart')).toEqual(['book'])
  expect((await client.get('/cart')).json()).toEqual(['book'])
})

test('a client that knows no site says so', async () => {
  const client = new Client('http://127.0.0.1:1')
  await expect(client.session()).rejects.toThrow('knows no site')
  const ways = [() => client.editSession(() => 1), () => client.logout()]
  for (const way of ways) await expect(async () => way()).rejects.toThrow(ImproperlyConfigured)
})
