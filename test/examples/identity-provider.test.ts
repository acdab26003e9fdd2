/** The example of an identity provider: its own login and logout, and those of the two sites that log in by it. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { findDjango } from '../django/home.js'
import { launchChromium } from '../support/chromium.js'
import { environmentOf } from './beside-django/running.js'
import { ada, ben, Person, redeem, userinfo } from './identity-provider/person.js'
import { type Running, startWorld } from './identity-provider/running.js'
import { walkByProvider } from './identity-provider/walk.js'

// Five processes, real hashes of passwords and a real browser, and the machine may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const NOBODY = ['nobody', 'nobody', 'nobody']
const ADA = ['ada', 'id|1', 'id|1']
const BEN = ['ben', 'id|2', 'id|2']

const home = await findDjango()
const none = 'missing' in home ? home.missing : undefined

describe.skipIf(none !== undefined)(`a provider, a shop and a Django${none === undefined ? '' : ` (${none})`}`, () => {
  let world: Running
  const person = (): Person => new Person(world)

  beforeAll(async () => {
    if ('missing' in home) throw new Error(home.missing)
    world = await startWorld(environmentOf(home))
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  test('a first login leads to the provider’s own login page and back, and the Django site then knows the visitor without a page', async () => {
    using visitor = person()
    expect(await visitor.known()).toEqual(NOBODY)
    const asked = await visitor.begin('shop', '?next=/?page=2')
    expect(asked.url).toMatch(new RegExp(`^${world.provider}/login\\?next=`))
    const arrived = await visitor.fill(asked)
    expect([arrived.url, arrived.response.status]).toEqual([`${world.shop}/?page=2`, 200])
    const second = await visitor.begin('guestbook')
    expect([second.url, second.response.status]).toEqual([`${world.guestbook}/`, 200])
    expect(second.hops).toHaveLength(4)
    expect(await visitor.known()).toEqual(ADA)
  })

  test('a page of Django’s own that wants a login leads there too', async () => {
    using visitor = person()
    await visitor.fill(await visitor.begin('shop'))
    const { url, response } = await visitor.browser.visit(`${world.guestbook}/password/`)
    expect([url, response.status]).toEqual([`${world.guestbook}/password/`, 200])
    expect(response.text).toContain('This page is Django\'s. You are <b id="user">id|1</b>')
  })

  test('the shop asks the provider in its visitor’s name', async () => {
    using visitor = person()
    await visitor.fill(await visitor.begin('shop'))
    const { text } = await visitor.browser.ask(`${world.shop}/account`)
    expect(text.replaceAll('&#34;', '"')).toContain('{"sub":"1","preferred_username":"ada"}')
  })

  test('a logout at the provider ends both sites’ sessions, and another device of the same user stays in', async () => {
    using laptop = person()
    using phone = person()
    await laptop.logIn()
    await phone.logIn()
    expect(await laptop.logOut()).toBe(303)
    expect(await laptop.known()).toEqual(NOBODY)
    expect(await phone.known()).toEqual(ADA)
    const { url } = await laptop.begin('guestbook', '?next=/&prompt=none')
    expect([url, await laptop.known()]).toEqual([`${world.guestbook}/`, NOBODY])
  })

  test.each(['shop', 'guestbook'] as const)(
    'a logout that is begun at the %s ends the provider’s own session and the other site’s, once it is confirmed',
    async (site) => {
      using laptop = person()
      using phone = person()
      await laptop.logIn()
      await phone.logIn()
      const asked = await laptop.logOutAt(site)
      expect(asked.url).toContain(`${world.provider}/oidc/session/end`)
      const others = site === 'shop' ? ['ada', 'nobody', 'id|1'] : ['ada', 'id|1', 'nobody']
      expect(await laptop.known()).toEqual(others)
      const back = await laptop.answer(asked, { logout: 'yes' })
      expect(back.url).toBe(`${world[site]}/`)
      expect(await laptop.known()).toEqual(NOBODY)
      expect(await phone.known()).toEqual(ADA)
      await laptop.begin('guestbook', '?next=/&prompt=none')
      expect(await laptop.known()).toEqual(NOBODY)
    },
  )

  test('a logout on a site ends all of it also where the browser was closed meanwhile, and has lost the provider’s cookies', async () => {
    using visitor = person()
    using phone = person()
    await visitor.logIn()
    await phone.logIn()
    visitor.browser.at(world.provider).cookies.clear()
    // There is nobody to ask: the provider's page goes on by itself.
    const back = await visitor.answer(await visitor.logOutAt('shop'), { logout: 'yes' })
    expect(back.url).toBe(`${world.shop}/`)
    expect(await visitor.known()).toEqual(NOBODY)
    expect(await phone.known()).toEqual(ADA)
  })

  test('who does not confirm it stays in, at the provider and at the other site', async () => {
    using visitor = person()
    await visitor.logIn()
    const back = await visitor.answer(await visitor.logOutAt('shop'), {})
    expect(back.url).toBe(`${world.shop}/`)
    expect(await visitor.known()).toEqual(['ada', 'nobody', 'id|1'])
    expect(await visitor.logOut()).toBe(303)
    expect(await visitor.known()).toEqual(NOBODY)
  })

  test('a link to the provider’s logout ends nothing by itself', async () => {
    using visitor = person()
    await visitor.logIn()
    const asked = await visitor.browser.visit(`${world.provider}/oidc/session/end`)
    expect(asked.response.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    const forged = await visitor.answer(asked, { logout: 'yes', xsrf: 'a guess' })
    expect(forged.response.status).toBe(400)
    expect(await visitor.known()).toEqual(ADA)
  })

  test('a logout on all devices ends the other device’s sessions too, and nobody else’s', async () => {
    using laptop = person()
    using phone = person()
    using other = person()
    await laptop.logIn(ben)
    await phone.logIn(ben)
    await other.logIn()
    expect(await laptop.logOut('/logout/everywhere')).toBe(303)
    expect([await laptop.known(), await phone.known()]).toEqual([NOBODY, NOBODY])
    const kept = "SELECT id FROM provider_record WHERE json_extract(payload, '$.accountId') = ?"
    expect(rows(kept, '2')).toEqual([])
    await phone.begin('shop', '?next=/&prompt=none')
    expect(await phone.known()).toEqual(NOBODY)
    expect(await other.known()).toEqual(ADA)
  })

  test('an access token is worth nothing after the logout: 401', async () => {
    using visitor = person()
    await visitor.logIn()
    const token = await visitor.accessToken()
    expect((await userinfo(world, token)).status).toBe(200)
    await visitor.logOut()
    expect((await userinfo(world, token)).status).toBe(401)
    expect(rows("SELECT id FROM provider_record WHERE kind = 'AccessToken' AND id = ?", token)).toEqual([])
  })

  test('an access token of a user who is not active any more is worth nothing: 401', async () => {
    using visitor = person()
    await visitor.logIn(ben)
    const token = await visitor.accessToken()
    expect((await userinfo(world, token)).status).toBe(200)
    const active = (is: number): void => inDatabase('UPDATE auth_user SET is_active = ? WHERE id = 2', is)
    active(0)
    try {
      expect((await userinfo(world, token)).status).toBe(401)
      await visitor.begin('guestbook', '?next=/&prompt=none')
      expect(await visitor.who(`${world.provider}/`)).toBe('nobody')
    } finally {
      active(1)
    }
  })

  test('a code that the provider gave before the logout logs nobody in after it', async () => {
    using visitor = person()
    await visitor.logIn()
    const verifier = randomBytes(32).toString('base64url')
    const [late, early] = [await visitor.code(verifier), await visitor.code(verifier)]
    expect((await redeem(world, String(early.searchParams.get('code')), verifier)).status).toBe(200)
    await visitor.logOut()
    const { status, text } = await redeem(world, String(late.searchParams.get('code')), verifier)
    expect([status, JSON.parse(text).error]).toEqual([400, 'invalid_grant'])
  })

  test('a code that comes a second time takes back what the first one got, and the next login goes on as if nothing had been', async () => {
    using visitor = person()
    await visitor.logIn()
    const verifier = randomBytes(32).toString('base64url')
    const code = String((await visitor.code(verifier)).searchParams.get('code'))
    const first = await redeem(world, code, verifier)
    expect((await redeem(world, code, verifier)).status).toBe(400)
    expect((await userinfo(world, JSON.parse(first.text).access_token)).status).toBe(401)
    expect((await userinfo(world, await visitor.accessToken())).status).toBe(200)
  })

  test('the provider vouches for nobody whose session with it has ended in any other way', async () => {
    using visitor = person()
    await visitor.fill(await visitor.begin('shop'))
    const key = visitor.browser.at(world.provider).cookies.get('sessionid')
    inDatabase('DELETE FROM django_session WHERE session_key = ?', String(key))
    const { url } = await visitor.begin('guestbook', '?next=/&prompt=none')
    expect([url, await visitor.who(`${world.guestbook}/`)]).toEqual([`${world.guestbook}/`, 'nobody'])
    expect((await visitor.begin('guestbook')).url).toContain(`${world.provider}/login?next=`)
  })

  test('a site that wants to see its visitor’s password again is not put off with an older login', async () => {
    using visitor = person()
    await visitor.logIn()
    const asked = await visitor.begin('shop', '?next=/&prompt=login')
    expect(asked.url).toContain(`${world.provider}/login?next=`)
    // Nor is the next question answered by the password that was given for the one before.
    expect((await visitor.fill(asked)).url).toBe(`${world.shop}/`)
    expect((await visitor.begin('shop', '?next=/&prompt=login')).url).toContain(`${world.provider}/login?next=`)
    await visitor.logOut()
    expect(await visitor.known()).toEqual(NOBODY)
  })

  test('a login that is as young as a site wants it to be is enough, and an older one is not', async () => {
    using visitor = person()
    await visitor.browser.ask(`${world.provider}/login`)
    const { username, password } = ada
    await visitor.browser.post(`${world.provider}/login`, { username, password })
    expect((await visitor.ask({ max_age: '3600' })).url).toContain(`${world.shop}/oidc/callback?code=`)
    const asked = async (): Promise<string> => (await visitor.ask({ max_age: '1' })).url
    await expect.poll(asked, { timeout: 20_000 }).toContain(`${world.provider}/login?next=`)
  })

  test('who logs in once more at the provider goes on with the same login, and a logout still ends all of it', async () => {
    using visitor = person()
    await visitor.logIn()
    await visitor.browser.ask(`${world.provider}/login`)
    const { username, password } = ada
    await visitor.browser.post(`${world.provider}/login`, { username, password })
    expect(await visitor.known()).toEqual(ADA)
    await visitor.logOut()
    expect(await visitor.known()).toEqual(NOBODY)
  })

  test('who logs in as somebody else in the same browser leaves nothing of the first behind', async () => {
    using visitor = person()
    await visitor.logIn()
    await visitor.browser.ask(`${world.provider}/login`)
    const { username, password } = ben
    await visitor.browser.post(`${world.provider}/login`, { username, password })
    expect(await visitor.known()).toEqual(['ben', 'nobody', 'nobody'])
    await visitor.begin('shop')
    await visitor.begin('guestbook')
    expect(await visitor.known()).toEqual(BEN)
  })

  test('the provider’s session of somebody who was here before gives way to who is here now', async () => {
    using visitor = person()
    await visitor.logIn()
    const key = visitor.browser.at(world.provider).cookies.get('sessionid')
    inDatabase('DELETE FROM django_session WHERE session_key = ?', String(key))
    const switched = await visitor.fill(await visitor.begin('shop'), ben)
    // The provider ends the first one's session by a form that sends itself.
    const back = await visitor.answer(switched, { logout: 'yes' })
    expect(back.url).toBe(`${world.shop}/`)
    expect(await visitor.known()).toEqual(['ben', 'id|2', 'nobody'])
  })

  test('a logout without its token is refused (403) and ends nothing', async () => {
    using visitor = person()
    await visitor.logIn()
    for (const path of ['/logout', '/logout/everywhere']) {
      const url = `${world.provider}${path}`
      expect((await visitor.browser.post(url, { csrfmiddlewaretoken: '' })).status).toBe(403)
    }
    expect(await visitor.known()).toEqual(ADA)
  })

  test('a login without its token is refused (403)', async () => {
    using visitor = person()
    const { username, password } = ada
    const url = `${world.provider}/login`
    expect((await visitor.browser.post(url, { username, password, csrfmiddlewaretoken: '' })).status).toBe(403)
  })

  test.each(['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)'])(
    'a login for %s stays at home',
    async (next) => {
      using visitor = person()
      const url = `${world.provider}/login?next=${encodeURIComponent(next)}`
      const { text } = await visitor.browser.ask(url)
      expect(text).not.toContain('evil')
      const { username, password } = ada
      const { status, headers } = await visitor.browser.post(url, { username, password })
      expect([status, headers.location]).toEqual([303, '/'])
    },
  )

  test('a wrong password is told on the login page, and logs nobody in', async () => {
    using visitor = person()
    const asked = await visitor.begin('shop')
    const { response } = await visitor.fill(asked, { ...ada, password: 'a guess' } as unknown as typeof ada)
    expect([response.status, response.text]).toEqual([400, expect.stringContaining('Wrong name or password.')])
    expect(await visitor.known()).toEqual(NOBODY)
  })

  test('a question of the provider’s that is over, or another browser’s, is told in words', async () => {
    using visitor = person()
    using thief = person()
    const asked = await visitor.begin('shop')
    const question = String(new URL(asked.url).searchParams.get('next'))
    expect(question).toMatch(/^\/interaction\//)
    await thief.fill(await thief.begin('guestbook'))
    const { status, text } = await thief.browser.ask(world.provider + question)
    expect([status, text]).toEqual([400, expect.stringContaining('This login is over')])
  })

  test('in a browser, one login and one logout serve all three', async (context) => {
    const launched = await launchChromium()
    if ('missing' in launched) return context.skip(launched.missing)
    try {
      await walkByProvider(launched.browser, world, ada)
    } finally {
      await launched.browser.close()
    }
  })

  /** Changes something behind the provider's back. */
  function inDatabase(sql: string, ...values: readonly (string | number)[]): void {
    using database = opened()
    database.handle.prepare(sql).run(...values)
  }

  function rows(sql: string, ...values: readonly (string | number)[]): readonly unknown[] {
    using database = opened()
    return database.handle.prepare(sql).all(...values)
  }

  function opened(): Disposable & { readonly handle: Database.Database } {
    const handle = new Database(world.database)
    return { handle, [Symbol.dispose]: () => handle.close() }
  }

  test('ended by Ctrl+C, nothing of it listens any more', async () => {
    expect(await world.end('SIGINT')).toBe(0)
    for (const origin of [world.provider, world.shop, world.guestbook]) {
      const { port } = new URL(origin)
      await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
    }
  })
})

test('without a Django it says so in one line, and the second site is in Node', async () => {
  await using world = await startWorld({
    PATH: process.env['PATH'],
    PYTHON: join(repositoryRoot, 'nowhere/python3'),
  })
  expect(world.printed).toHaveLength(3)
  expect(world.printed[2]).toContain('there is no Django here (apt-get install python3-django')
  using visitor = new Person(world)
  await visitor.logIn()
  expect(await visitor.known()).toEqual(ADA)
  await visitor.logOut()
  expect(await visitor.known()).toEqual(NOBODY)
})

test('what was begun before a restart goes on after it, and ends with a logout', async () => {
  const env = {
    PATH: process.env['PATH'],
    PYTHON: join(repositoryRoot, 'nowhere/python3'),
    PORT: String(await portOfThree()),
  }
  await using before = await startWorld(env)
  using visitor = new Person(before)
  await visitor.logIn()
  const token = await visitor.accessToken()
  const keys = await signingKeys(before)
  expect(await before.end('SIGTERM')).toBe(0)

  await using after = await startWorld({ ...env, DATABASE: before.database })
  expect(await visitor.known()).toEqual(ADA)
  expect(await signingKeys(after)).toEqual(keys)
  expect((await userinfo(after, token)).status).toBe(200)
  await visitor.logOut()
  expect([await visitor.known(), (await userinfo(after, token)).status]).toEqual([NOBODY, 401])
})

async function signingKeys({ provider }: Running): Promise<unknown> {
  return (await fetch(`${provider}/oidc/jwks`)).json()
}

/** The first of three ports in a row that are free. */
async function portOfThree(): Promise<number> {
  for (;;) {
    const first = await listening(0)
    const row = [first, await listening(portOf(first) + 1), await listening(portOf(first) + 2)]
    const port = portOf(first)
    const isFree = row.every((server) => server.listening)
    for (const server of row) server.close()
    if (isFree) return port
  }
}

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening').catch(() => undefined)
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
