import { createSecretKey } from 'node:crypto'
import { RedisStore } from 'connect-redis'
import type session from 'express-session'
import { MemoryStore } from 'express-session'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SettingsInput } from '../../src/core/settings.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { copyValues, type ExpressSessionOptions, importExpressSession, type OldStore } from '../../src/import/index.js'
import { Client, type TestClock, testClock } from '../../src/testing/index.js'
import { memoryDatabase } from '../security/live.js'
import { cookieSignature } from '../support/cookie-signature.js'
import { missingServer, startRedis, type TestServer } from '../support/servers/index.js'
import { movedTo, type NewSite, newSite, OLD_SECRET, type Old, oldSite, type Seen } from './sites.js'

const missing = await missingServer('redis')

describe.skipIf(missing !== undefined)('visitors of express-session with its sessions in Redis', () => {
  let redis: TestServer
  let client: Awaited<ReturnType<typeof connected>>
  const connected = (url: string) => createClient({ url }).connect()

  beforeAll(async () => {
    redis = await startRedis()
    client = await connected(redis.url)
  })
  afterAll(async () => {
    client?.destroy()
    await redis?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => void (await client.flushAll()))

  const users = Array.from({ length: 100 }, (_, at) => `user${at}`)

  test.each<[string, () => SettingsInput]>([
    ['the same Redis', () => ({ sessionEngine: 'cache', caches: { default: redis.url } })],
    ['a database', () => ({ sessionEngine: 'db' })],
  ])(
    'stay logged in, 100 of 100, with all of their carts, in %s: each comes with five requests at once to two processes',
    async (_, settings) => {
      const old = await oldSite(new RedisStore({ client }))
      const database = memoryDatabase()
      const options = { store: new RedisStore({ client }) }
      // A machine that is busy must not look like a store that is down.
      const patient = { ...settings(), clock: testClock(Date.now()), sessionStoreTimeout: 20 } as SettingsInput
      await using first = await newSite(patient, options, database)
      await using second = await newSite(patient, options, database)
      const shoppers: { readonly name: string; readonly id: number; readonly before: Client }[] = []
      for (const name of users) {
        const { id } = await first.addUser(name)
        const before = new Client(old.origin)
        expect((await before.get(`/login?as=${id}`)).status).toBe(200)
        for (const it of ['bread', `${name}'s`]) await before.get(`/add?it=${it}`)
        shoppers.push({ name, id: Number(id), before })
      }
      expect(await oldIds()).toHaveLength(100)
      await old.close()

      const origins = [first.origin, second.origin]
      const after = await Promise.all(
        shoppers.map(async ({ name, id, before }) => {
          const visitors = origins.map((origin) => movedTo(origin, before))
          const requests = [0, 1, 2, 3, 4].map((n) => (visitors[n % 2] as Client).get(`/keep/hit${n}`))
          const answers = (await Promise.all(requests)).map((answer) => ({ ...answer, seen: answer.json<Seen>() }))
          const cart = ['bread', `${name}'s`]
          expect(answers.map(({ seen }) => seen.user)).toEqual([name, name, name, name, name])
          for (const { seen } of answers) expect(seen.data).toMatchObject({ cart })
          // One session in all: every answer leads to it, and none of the five has lost what another one wrote.
          expect(new Set(answers.map(({ setCookies }) => cookieIn(setCookies, 'sessionid'))).size).toBe(1)
          const visitor = visitors[0] as Client
          expect(visitor.cookies.get('connect.sid')).toBeUndefined()
          const hits = Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`hit${n}`, true]))
          expect((await visitor.get('/')).json<Seen>()).toMatchObject({ user: name, data: { cart, ...hits } })
          return String(id)
        }),
      )
      expect(after).toHaveLength(100)
      // Exactly one winner for each.
      expect([...first.mapped, ...second.mapped].sort()).toEqual(after.sort())
      expect(await oldIds()).toEqual([])
      for (const { before } of shoppers) before.close()
    },
    120_000,
  )

  test('get a 503 while their old store is away, keep both cookies, and are logged in when it is back', async () => {
    await using away = await startRedis()
    const oldClient = await createClient({ url: away.url, disableOfflineQueue: false }).connect()
    oldClient.on('error', () => undefined)
    try {
      const old = await oldSite(new RedisStore({ client: oldClient }))
      const clock = testClock(Date.now())
      await using site = await newSite({ clock }, { store: new RedisStore({ client: oldClient }) })
      const { id } = await site.addUser('ann')
      const before = new Client(old.origin)
      await before.get(`/login?as=${id}`)
      await old.close()
      const visitor = movedTo(site.origin, before, clock)
      away.pause()
      const refused = await visitor.get('/')
      expect(refused.status).toBe(503)
      expect(refused.headers['retry-after']).toBe('1')
      expect(refused.setCookies).toEqual([])
      const untouched = await visitor.get('/untouched')
      expect([untouched.status, untouched.setCookies]).toEqual([200, []])
      away.resume()
      await expect.poll(async () => (await visitor.get('/')).status, { timeout: 20_000 }).toBe(200)
      expect((await visitor.get('/')).json<Seen>().user).toBe('ann')
      visitor.close()
      before.close()
    } finally {
      oldClient.destroy()
    }
  }, 60_000)

  async function oldIds(): Promise<readonly string[]> {
    return client.keys('sess:*')
  }
})

describe('an old session', () => {
  let clock: TestClock
  let store: session.MemoryStore
  beforeEach(() => {
    clock = testClock(Date.now())
    store = new MemoryStore()
  })

  /** Ann, who has logged in at the old application and put bread into her cart, comes to the new one. */
  async function ann(
    options: Omit<Partial<ExpressSessionOptions<Old>>, 'store'> = {},
    settings: SettingsInput = {},
    oldOptions: Partial<session.SessionOptions> = {},
  ): Promise<Ann> {
    const site = await newSite({ clock, ...settings } as SettingsInput, { store, ...options })
    const { id } = await site.addUser('ann')
    const old = await oldSite(store, oldOptions)
    const before = new Client(old.origin)
    await before.get(`/login?as=${id}`)
    await before.get('/add?it=bread')
    const visitor = movedTo(site.origin, before, clock)
    const thief = movedTo(site.origin, before, clock)
    return {
      site,
      before,
      visitor,
      thief,
      id: String(id),
      async [Symbol.asyncDispose]() {
        for (const each of [before, visitor, thief]) each.close()
        await old.close()
        await site[Symbol.asyncDispose]()
      },
    }
  }

  interface Ann extends AsyncDisposable {
    readonly site: NewSite
    /** At the old application, which goes on. */
    readonly before: Client
    readonly visitor: Client
    /** With a copy of her old cookie. */
    readonly thief: Client
    readonly id: string
  }

  const see = async (visitor: Client): Promise<Seen> => (await visitor.get('/')).json<Seen>()
  const nobody = { user: null, data: {}, key: null }
  const inOldStore = (): number => Object.keys((store as unknown as { sessions: object }).sessions).length

  test('is moved under a key of its own, and its cookie and record are deleted', async () => {
    await using her = await ann()
    const answer = await her.visitor.get('/')
    const seen = answer.json<Seen>()
    expect(seen).toMatchObject({ user: 'ann', data: { cart: ['bread'] } })
    expect(seen.key).toMatch(/^[a-z0-9]{32}$/)
    expect(decodeURIComponent(String(her.before.cookies.get('connect.sid')))).not.toContain(String(seen.key))
    expect(answer.setCookies).toContain('connect.sid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/')
    expect(answer.headers['cache-control']).toContain('private')
    expect(answer.headers.vary).toContain('Cookie')
    expect(inOldStore()).toBe(0)
  })

  test('that was moved gives nobody a second one: a stolen copy of its cookie is worth nothing after a minute', async () => {
    await using her = await ann()
    const { key } = await see(her.visitor)
    clock.turn(61)
    const answer = await her.thief.get('/')
    expect(answer.json<Seen>()).toEqual(nobody)
    expect(answer.setCookies.map((line) => line.split('=')[0])).toEqual(['connect.sid'])
    expect([answer.headers['cache-control'], answer.headers.vary]).toEqual(['private', 'Cookie'])
    expect(await see(her.visitor)).toMatchObject({ user: 'ann', key })
    expect(her.site.mapped).toEqual([her.id])
  })

  test('that was moved gives nobody a second one, also where the old store still has it', async () => {
    await using her = await ann({ keep: true })
    await see(her.visitor)
    expect(inOldStore()).toBe(1)
    clock.turn(61)
    expect(await see(her.thief)).toEqual(nobody)
    expect(her.site.mapped).toEqual([her.id])
  })

  test('is found by late requests for as long as `grace` says, as the one session it is now', async () => {
    await using her = await ann({ grace: 5 })
    const { key } = await see(her.visitor)
    clock.turn(5)
    expect(await see(movedTo(her.site.origin, her.before, clock))).toMatchObject({ user: 'ann', key })
    clock.turn(1)
    expect(await see(her.thief)).toEqual(nobody)
  })

  test('whose new one was given another key by a login is no session for late requests, which leave its cookie alone', async () => {
    await using her = await ann()
    const { key } = await see(her.visitor)
    await her.site.site.sessions.open(key).cycleKey()
    her.thief.cookies.set('sessionid', 'x'.repeat(32))
    const late = await her.thief.get('/')
    expect(late.json<Seen>()).toEqual(nobody)
    expect(late.setCookies.filter((line) => line.startsWith('sessionid='))).toEqual([])
  })

  test('is not forgotten to be moved when the site gets another secret', async () => {
    await using her = await ann({ keep: true })
    await see(her.visitor)
    await using renewed = await newSite(
      {
        clock,
        secretKey: 'another secret of the tests, of more than fifty characters',
        secretKeyFallbacks: [String(her.site.site.settings.secretKey)],
        sessionEngine: her.site.site.engine,
      } as SettingsInput,
      { store, keep: true },
    )
    clock.turn(61)
    expect(await see(movedTo(renewed.origin, her.before, clock))).toEqual(nobody)
    expect(renewed.mapped).toEqual([])
  })

  test('is not brought back by a page that fails: the visitor hears of the new key with the error', async () => {
    await using her = await ann()
    const failed = await her.visitor.get('/fail')
    expect(failed.status).toBe(500)
    expect(her.visitor.cookies.get('connect.sid')).toBeUndefined()
    clock.turn(61)
    const seen = await see(her.visitor)
    expect(seen).toMatchObject({ user: 'ann', data: { cart: ['bread'] } })
    expect(seen.data).not.toHaveProperty('lost')
  })

  describe('is ignored, and nothing is sent,', () => {
    const signed = (id: string, secret: string): string => `s%3A${encodeURIComponent(cookieSignature.sign(id, secret))}`
    const cases: readonly [string, (cookie: string) => string][] = [
      ['without a signature', (cookie) => idIn(cookie)],
      ['with `s:` and no signature', (cookie) => `s%3A${idIn(cookie)}`],
      ['with an empty signature', (cookie) => `s%3A${idIn(cookie)}.`],
      ['with a signature of somebody else', (cookie) => signed(idIn(cookie), 'a guess')],
      ['with a signature that lacks a character', (cookie) => cookie.slice(0, -1)],
      ['with a signature of another id', (cookie) => cookie.replace(idIn(cookie), 'x'.repeat(32))],
      ['whose id is unknown', () => signed('x'.repeat(32), OLD_SECRET)],
      ['whose id is empty', () => signed('', OLD_SECRET)],
      ['whose id is a name that objects have', () => signed('__proto__', OLD_SECRET)],
      ['that cannot be decoded', () => 's%3A%E0%A4%A'],
      ['that is there twice with different ids', (cookie) => `${cookie}; connect.sid=${signed('y', OLD_SECRET)}`],
      ['that is there twice, the true one last', (cookie) => `${signed('y', OLD_SECRET)}; connect.sid=${cookie}`],
    ]
    test.each(cases)('%s', async (_, forged) => {
      await using her = await ann()
      const cookie = forged(String(her.before.cookies.get('connect.sid')))
      const answer = await new Client(her.site.origin).get('/', { headers: { Cookie: `connect.sid=${cookie}` } })
      expect([answer.status, answer.json<Seen>(), answer.setCookies]).toEqual([200, nobody, []])
      expect(her.site.mapped).toEqual([])
      // The control: the true one is moved all the same.
      expect((await see(her.visitor)).user).toBe('ann')
    })

    test('that is past its end, though its store still has it', async () => {
      await using her = await ann({}, {}, { cookie: { maxAge: 60_000 } })
      clock.turn(61)
      expect(await see(her.visitor)).toEqual(nobody)
      expect(her.site.mapped).toEqual([])
    })

    test('of a visitor who has a session already', async () => {
      await using her = await ann()
      const fresh = new Client(her.site.origin, { clock })
      await fresh.get('/keep/mine')
      fresh.cookies.set('connect.sid', String(her.before.cookies.get('connect.sid')))
      expect(await see(fresh)).toMatchObject({ user: null, data: { mine: true } })
      expect([her.site.mapped, inOldStore()]).toEqual([[], 1])
    })
  })

  test('is moved where the session cookie beside it leads nowhere', async () => {
    await using her = await ann()
    her.visitor.cookies.set('sessionid', 'x'.repeat(32))
    expect((await see(her.visitor)).user).toBe('ann')
    expect(her.visitor.cookies.get('sessionid')).not.toBe('x'.repeat(32))
  })

  test('is opened by each of several secrets', async () => {
    await using her = await ann({ secret: ['the newest one', OLD_SECRET] })
    expect((await see(her.visitor)).user).toBe('ann')
  })

  test.each<[string, ExpressSessionOptions<Old>['secret']]>([
    ['bytes', Buffer.from(OLD_SECRET)],
    ['a part of other bytes', Buffer.from(`--${OLD_SECRET}--`).subarray(2, -2)],
    ['a view of bytes', new DataView(new Uint8Array(Buffer.from(OLD_SECRET)).buffer)],
    ['a KeyObject', createSecretKey(Buffer.from(OLD_SECRET))],
    ['one of each', ['another', createSecretKey(Buffer.from(OLD_SECRET))]],
  ])('is opened by a secret that is %s', async (_, secret) => {
    await using her = await ann({ secret })
    expect((await see(her.visitor)).user).toBe('ann')
  })

  test.each<[string, object, string]>([
    ['no secret', { secret: undefined }, 'needs the secret'],
    ['an empty secret', { secret: '' }, 'needs the secret'],
    ['an empty list of secrets', { secret: [] }, 'needs the secret'],
    ['empty bytes', { secret: new Uint8Array() }, 'needs the secret'],
    ['a number', { secret: 5 }, 'needs the secret'],
    ['a public key', { secret: { type: 'public', export: () => 'x' } }, 'needs the secret'],
    ['no store', { store: undefined }, 'needs the store'],
    ['a store that forgets nothing', { store: { get: () => undefined } }, 'needs the store'],
    ['a cookie by request', { cookie: () => ({ path: '/' }) }, 'needs the attributes'],
  ])('is refused at start: %s', (_, options, message) => {
    const make = (): unknown =>
      importExpressSession({ secret: OLD_SECRET, store, ...options } as ExpressSessionOptions<Old>)
    expect(make).toThrow(ImproperlyConfigured)
    expect(make).toThrow(message)
  })

  test('whose store fails by a promise and calls nobody back is a 503', async () => {
    await using her = await ann()
    const failing = { get: () => Promise.reject(new Error('away')), destroy: () => undefined }
    await using site = await newSite({ clock, sessionStoreTimeout: 30 } as SettingsInput, { store: failing })
    expect((await movedTo(site.origin, her.before, clock).get('/')).status).toBe(503)
  })

  test('whose record is no JSON is none: its visitor is a guest, and no error follows it', async () => {
    await using her = await ann()
    const records = (store as unknown as { sessions: Record<string, string> }).sessions
    for (const id of Object.keys(records)) records[id] = '{"cookie":'
    const broken: OldStore = {
      get: (id, done) => {
        try {
          done(null, JSON.parse(String(records[id])))
        } catch (error) {
          done(error)
        }
      },
      destroy: () => undefined,
    }
    await using site = await newSite({ clock } as SettingsInput, { store: broken })
    const answer = await movedTo(site.origin, her.before, clock).get('/')
    expect([answer.status, answer.json<Seen>(), answer.setCookies]).toEqual([200, nobody, []])
  })

  test('with keys that are login’s keeps the rest, where `map` copies it', async () => {
    await using her = await ann({
      map: ({ user: _, ...rest }, session, request) => copyValues(rest, session, request),
    })
    const own = { _auth_user_id: her.id, _session_expiry: 5, theme: 'dark' }
    await her.before.get(`/put?json=${encodeURIComponent(JSON.stringify(own))}`)
    expect(await see(her.visitor)).toMatchObject({ user: null, data: { cart: ['bread'], theme: 'dark' } })
  })

  test('under another name, domain and path is found and deleted there', async () => {
    const cookie = { domain: 'example.com', path: '/', sameSite: 'none' as const, secure: false }
    await using her = await ann({ name: 'shop', cookie }, {}, { name: 'shop' })
    her.visitor.cookies.set('shop', String(her.before.cookies.get('shop')))
    const answer = await her.visitor.get('/')
    expect(answer.json<Seen>().user).toBe('ann')
    expect(answer.setCookies).toContain(
      'shop=""; Domain=example.com; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=None; Secure',
    )
  })

  test('without a `map` keeps its values under their keys, but for those that are login’s (T25)', async () => {
    await using her = await ann({ map: undefined })
    const own = { _auth_user_id: her.id, _auth_user_hash: 'x', _csrftoken: 'x', get: 'a method', theme: 'dark' }
    await her.before.get(`/put?json=${encodeURIComponent(JSON.stringify(own))}`)
    const seen = await see(her.visitor)
    expect(seen).toMatchObject({ user: null, data: { user: her.id, cart: ['bread'], get: 'a method', theme: 'dark' } })
    const stored = her.site.site.sessions.open(seen.key)
    await stored.load()
    expect([...stored].map(([key]) => key).filter((key) => key.startsWith('_auth') || key === '_csrftoken')).toEqual([])
  })

  test('stays where it is if `map` keeps nothing of it', async () => {
    await using her = await ann({ map: (_old, session) => session.setExpiry(60) })
    const answer = await her.visitor.get('/')
    expect([answer.json<Seen>(), answer.setCookies, inOldStore()]).toEqual([nobody, [], 1])
  })

  test('stays where it is if `map` fails, and the next request tries again', async () => {
    let fails = true
    await using her = await ann({
      map(old, session) {
        session.set('half', true)
        if (fails) throw new Error('the user table is gone')
        session.update({ cart: old.cart })
      },
    })
    const failed = await her.visitor.get('/')
    expect([failed.status, failed.setCookies, inOldStore()]).toEqual([500, [], 1])
    fails = false
    expect((await see(her.visitor)).data).toEqual({ half: true, cart: ['bread'] })
  })

  test('is over when its visitor logs out, also the copy that the old application could have come back to', async () => {
    await using her = await ann({ keep: true })
    expect((await see(her.visitor)).user).toBe('ann')
    expect(her.visitor.cookies.get('connect.sid')).toBeDefined()
    await her.visitor.get('/logout')
    expect(her.visitor.cookies.get('connect.sid')).toBeUndefined()
    expect(inOldStore()).toBe(0)
    expect(await see(her.thief)).toEqual(nobody)
  })

  test('that was never moved is over as well when its visitor logs out of the session that came after it', async () => {
    await using her = await ann()
    const fresh = new Client(her.site.origin, { clock })
    await fresh.get('/keep/mine')
    fresh.cookies.set('connect.sid', String(her.before.cookies.get('connect.sid')))
    await fresh.get('/logout')
    expect([fresh.cookies.get('connect.sid'), inOldStore()]).toEqual([undefined, 0])
    expect(await see(her.thief)).toEqual(nobody)
  })

  test('that is kept is what the old application finds when it comes back', async () => {
    await using her = await ann({ keep: true })
    await her.visitor.get('/keep/since')
    expect(her.visitor.cookies.get('connect.sid')).toBe(her.before.cookies.get('connect.sid'))
    expect((await her.before.get('/')).json()).toEqual({ user: her.id, cart: ['bread'] })
  })

  describe('ends when it was to end:', () => {
    const expiry = async (
      maxAge: number | null,
      settings: SettingsInput = {},
    ): Promise<{ age: number; closes: boolean; cookie: string }> => {
      await using her = await ann({}, settings, { cookie: maxAge === null ? {} : { maxAge } })
      const answer = await her.visitor.get('/')
      const opened = her.site.site.sessions.open(answer.json<Seen>().key)
      await opened.load()
      return {
        age: opened.getExpiryAge(),
        closes: opened.getExpireAtBrowserClose(),
        cookie: answer.setCookies.find((line) => line.startsWith('sessionid=')) ?? '',
      }
    }

    test('sooner than the site’s sessions do, if its maxAge says so', async () => {
      const { age, cookie } = await expiry(1_800_000)
      expect(age).toBe(1800)
      expect(cookie).toContain('Max-Age=1800')
    })

    test('with the browser, if it had no maxAge', async () => {
      const { closes, cookie } = await expiry(null)
      expect(closes).toBe(true)
      expect(cookie).not.toMatch(/max-age|expires/i)
    })

    test('and no later than the site’s sessions do', async () => {
      const { age, cookie } = await expiry(86_400_000, { sessionCookieAge: 3600 } as SettingsInput)
      expect(age).toBe(3600)
      expect(cookie).toContain('Max-Age=3600')
    })
  })

  function idIn(cookie: string): string {
    return decodeURIComponent(cookie).slice(2).split('.')[0] as string
  }
})

function cookieIn(lines: readonly string[], name: string): string | undefined {
  return lines.find((line) => line.startsWith(`${name}=`))?.split(';')[0]
}
