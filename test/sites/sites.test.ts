import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { userBackend } from 'sojourn/auth'
import { type ClientResponse, testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LinkStore } from '../../src/core/link-store.js'
import type { Loaded } from '../../src/core/types.js'
import { sqliteFile } from '../support/sqlite-file.js'
import { type Browser, type Visited, type World, type WorldOptions, world } from './world.js'

let file: ReturnType<typeof sqliteFile>
let there: World
let ann: Browser
const clock = testClock()

const open = (more: WorldOptions = {}): Promise<World> =>
  world({ settings: { databases: { default: file.url }, clock }, ...more })

beforeEach(async () => {
  file = sqliteFile()
  there = await open()
  ann = there.browser()
})
afterEach(async () => {
  ann.close()
  await there[Symbol.asyncDispose]()
  file.remove()
})

const begin = (name: 'shop' | 'news', path = '/'): string =>
  `${there.originOf(name)}/sso/begin?next=${encodeURIComponent(path)}`
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

/** Logs in at the hub on the way to the shop. */
async function logIn(browser: Browser, path = '/'): Promise<Visited> {
  const asked = await browser.visit(begin('shop', path))
  expect(new URL(asked.url).pathname).toBe('/login')
  return browser.login(asked)
}

/** The address by which the hub sends a logged-in browser back to a member, not opened yet. */
async function ticketFor(browser: Browser, name: 'shop' | 'news' = 'shop'): Promise<string> {
  const { headers } = await browser.ask(begin(name))
  const granted = await browser.ask(String(headers.location))
  return String(granted.headers.location)
}

const who = async (browser: Browser, name: 'hub' | 'shop' | 'news'): Promise<string> =>
  (await browser.ask(`${there.originOf(name)}/`)).text

test('a first login leads by the hub to the page that was asked for, and a second site knows the visitor without a page', async () => {
  const first = await logIn(ann, '/cart?a=1')
  expect(first.url).toBe(`${there.originOf('shop')}/cart?a=1`)
  expect(first.response.text).toBe('ann ["apple"]')
  const second = await ann.visit(begin('news', '/x'))
  expect(second.url).toBe(`${there.originOf('news')}/x`)
  expect(second.response.text).toBe('ann null')
  expect(second.hops).toHaveLength(4)
})

test('a silent visit asks the hub by redirects alone, and rests where it knew nobody', async () => {
  const stranger = there.browser()
  const nobody = await stranger.visit(`${there.originOf('news')}/silent?a=1`, NAVIGATION)
  expect([nobody.url, nobody.response.text]).toEqual([`${there.originOf('news')}/silent?a=1`, 'nobody null'])
  expect(nobody.hops).toHaveLength(4)
  expect((await stranger.visit(`${there.originOf('news')}/silent`, NAVIGATION)).hops).toHaveLength(1)
  await logIn(ann)
  const known = await ann.visit(`${there.originOf('news')}/silent`, NAVIGATION)
  expect(known.response.text).toBe('ann null')
  expect((await ann.visit(`${there.originOf('news')}/silent`, NAVIGATION)).hops).toHaveLength(1)
  stranger.close()
})

test.each([
  ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
  ['a picture', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
  ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
  ['a crawler', {}],
  ['a browser that loads ahead', { ...NAVIGATION, 'sec-purpose': 'prefetch;prerender' }],
])('%s is never led to the hub', async (_, headers) => {
  expect((await ann.visit(`${there.originOf('news')}/silent`, headers)).hops).toHaveLength(1)
})

test('a silent visit comes back to this site, also to a path that reads as another host', async () => {
  const asked = request(`http://127.0.0.1:${there.port}//evil.example/x?silent=1`, {
    path: '//evil.example/x?silent=1',
    headers: { host: new URL(there.originOf('news')).host, ...NAVIGATION },
  }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.resume()
  expect([answer.statusCode, answer.headers.location]).toEqual([200, undefined])
  const long = `${there.originOf('news')}/silent?${'a'.repeat(3000)}`
  expect((await ann.ask(long, NAVIGATION)).status).toBe(200)
})

test('nothing of a login happens in a frame, and what was begun can be gone on with in a page of its own', async () => {
  await logIn(ann)
  const frame = { 'sec-fetch-dest': 'iframe' }
  expect((await ann.ask(begin('news'), frame)).status).toBe(400)
  const { headers } = await ann.ask(begin('news'))
  expect((await ann.ask(String(headers.location), frame)).status).toBe(400)
  const callback = await ticketFor(ann, 'news')
  expect((await ann.ask(callback, frame)).status).toBe(400)
  expect((await ann.visit(callback)).response.text).toBe('ann null')
})

test('a path that no cookie could keep gives way to the usual one', async () => {
  await logIn(ann)
  const { url, response } = await ann.visit(begin('news', `/${'寿'.repeat(600)}`))
  expect([new URL(url).pathname, response.text]).toEqual(['/accounts/profile/', 'ann null'])
})

test('nothing is loaded ahead: no ticket is made and none is used up', async () => {
  await logIn(ann)
  const callback = await ticketFor(ann, 'news')
  const ahead = await ann.ask(callback, { 'sec-purpose': 'prefetch' })
  expect([ahead.status, ahead.setCookies]).toEqual([503, []])
  expect((await ann.visit(callback)).response.text).toBe('ann null')
})

test('a second tab that comes back from the same login leaves the first one its key, and ends with it', async () => {
  await logIn(ann)
  const [first, second] = [await ticketFor(ann, 'news'), await ticketFor(ann, 'news')]
  await ann.ask(first)
  await ann.ask(`${there.originOf('news')}/token`)
  const { cookies } = ann.at(first)
  const before = [cookies.get('sessionid'), cookies.get('csrftoken')]
  expect((await ann.visit(second)).response.text).toBe('ann null')
  expect([cookies.get('sessionid'), cookies.get('csrftoken')]).toEqual(before)
  await logOut(ann, 'shop')
  expect(await who(ann, 'news')).toMatch(/^nobody/)
})

test('what a visitor did before login stays, under a new key', async () => {
  await ann.ask(`${there.originOf('shop')}/cart`)
  const before = ann.at(there.originOf('shop')).cookies.get('sessionid')
  expect((await logIn(ann)).response.text).toBe('ann ["apple"]')
  expect(ann.at(there.originOf('shop')).cookies.get('sessionid')).not.toBe(before)
})

describe('one session for all sites', () => {
  beforeEach(async () => {
    ann.close()
    await there[Symbol.asyncDispose]()
    file.remove()
    file = sqliteFile()
    there = await open({ mode: 'shared' })
    ann = there.browser()
  })
  const keyOn = (browser: Browser, name: 'hub' | 'shop' | 'news'): string | undefined =>
    browser.at(there.originOf(name)).cookies.get('sessionid')

  test('the hub’s session is not shared with who has a ticket of the user that it was of before', async () => {
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    const bob = await userBackend(there.on('hub').site).createUser('bob', 'another long password')
    const { engine } = there.on('hub').site
    const key = String(keyOn(ann, 'hub'))
    const loaded = (await engine.load(key)) as Loaded
    const cells = new Map(loaded.cells).set('_auth_user_id', JSON.stringify(String(bob.id)))
    await engine.save(key, { cells, expires: clock() + 3_600_000 }, loaded.version)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(there.on('news').events.at(-1)).toMatchObject({ step: 'reject', reason: 'session' })
  })

  test('a login gives each site the hub’s own session, and what one site writes the others read', async () => {
    await ann.ask(`${there.originOf('shop')}/cart`)
    const before = keyOn(ann, 'shop')
    await logIn(ann)
    expect(keyOn(ann, 'shop')).toBe(keyOn(ann, 'hub'))
    expect(keyOn(ann, 'shop')).not.toBe(before)
    await ann.visit(begin('news', '/cart'))
    expect(await who(ann, 'shop')).toBe('ann ["apple"]')
    // The visitor's own session is over, and its key worth nothing.
    const old = there.browser()
    old.at(there.originOf('shop')).cookies.set('sessionid', before as string)
    expect(await who(old, 'shop')).toBe('nobody null')
    old.close()
  })

  test('whoever comes a second time stays logged in', async () => {
    await logIn(ann)
    await ann.visit(begin('shop'))
    for (const name of ['hub', 'shop'] as const) expect(await who(ann, name)).toMatch(/^ann/)
  })

  test('a logout on one site is one on all', async () => {
    await logIn(ann)
    await ann.visit(begin('news'))
    await logOut(ann, 'news')
    for (const name of ['hub', 'shop', 'news'] as const) expect(await who(ann, name)).toMatch(/^nobody/)
  })

  test('a session that ended before its ticket was used is not brought back', async () => {
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    await there.on('hub').site.store.delete(keyOn(ann, 'hub') as string)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(await who(ann, 'news')).toBe('nobody null')
  })
})

describe('logout everywhere', () => {
  test.each(['hub', 'shop', 'news'] as const)('from %s ends all sessions of the login, and no other', async (from) => {
    await logIn(ann)
    await ann.visit(begin('news'))
    const other = there.browser()
    await logIn(other)
    const answer = await logOut(ann, from)
    expect(answer.status).toBe(303)
    for (const name of ['hub', 'shop', 'news'] as const) expect(await who(ann, name)).toMatch(/^nobody/)
    expect(await who(other, 'shop')).toMatch(/^ann/)
    other.close()
  })

  test('by GET is refused, and by a form of another site too', async () => {
    await logIn(ann)
    expect((await ann.ask(`${there.originOf('shop')}/sso/logout`)).status).toBe(405)
    expect((await ann.at(there.originOf('shop')).post('/sso/logout', { csrfmiddlewaretoken: 'x' })).status).toBe(403)
    expect(await who(ann, 'shop')).toMatch(/^ann/)
  })

  test('that fails leaves the visitor logged in, and can be tried again', async () => {
    await logIn(ann)
    await ann.visit(begin('news'))
    const { links } = there.on('shop').site.engine as { links: LinkStore }
    const { add } = links
    links.add = () => {
      throw new Error('away')
    }
    expect((await logOut(ann, 'shop')).status).toBe(503)
    links.add = add
    expect(await who(ann, 'shop')).toMatch(/^ann/)
    expect((await logOut(ann, 'shop')).status).toBe(303)
    for (const name of ['hub', 'shop', 'news'] as const) expect(await who(ann, name)).toMatch(/^nobody/)
  })

  test('by endSessions of a user ends all of theirs', async () => {
    await logIn(ann)
    await ann.visit(begin('news'))
    expect(await there.on('news').site.sessions.endSessions({ user: there.user.id })).toBe(3)
    for (const name of ['hub', 'shop', 'news'] as const) expect(await who(ann, name)).toMatch(/^nobody/)
    clock.turn(1)
    expect((await logIn(ann)).response.text).toMatch(/^ann/)
  })
})

/** Submits the form that logs out everywhere, of a page of this site. */
async function logOut(browser: Browser, from: 'hub' | 'shop' | 'news'): Promise<ClientResponse> {
  await browser.ask(`${there.originOf(from)}/token`)
  return browser.at(there.originOf(from)).post('/sso/logout')
}

test('a member knows when the user proved who they are, and a login after an ended one holds', async () => {
  ann.close()
  await there[Symbol.asyncDispose]()
  file.remove()
  file = sqliteFile()
  there = await world({ settings: { databases: { default: file.url }, clock, sessionAuthTime: true } })
  ann = there.browser()
  await ann.login(await ann.visit(`${there.originOf('hub')}/login`))
  const proved = Math.floor(clock() / 1000)
  clock.turn(3600)
  await ann.visit(begin('shop'))
  const key = ann.at(there.originOf('shop')).cookies.get('sessionid') as string
  const session = there.on('shop').site.sessions.open(key)
  await session.load()
  expect(session.get('_sojourn_auth_time')).toBe(proved)
})

describe('attacks', () => {
  test('a ticket works once: of five who redeem it at once one is logged in, and a reload is refused', async () => {
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    const statuses = (await Promise.all([1, 2, 3, 4, 5].map(() => ann.ask(callback)))).map(({ status }) => status)
    expect(statuses.sort()).toEqual([303, 400, 400, 400, 400])
    expect((await ann.ask(callback)).status).toBe(400)
  })

  test('a callback that an attacker has begun is refused to the victim, and worth nothing afterwards', async () => {
    const mallory = there.browser()
    await logIn(mallory)
    const callback = await ticketFor(mallory, 'news')
    expect((await ann.ask(callback)).status).toBe(400)
    expect(await who(ann, 'news')).toMatch(/^nobody/)
    // Burnt: the attacker finds it in a log, with the right cookie.
    expect((await mallory.ask(callback)).status).toBe(400)
    mallory.close()
  })

  test('a ticket of one site is refused at another', async () => {
    await logIn(ann)
    const ticket = new URL(await ticketFor(ann, 'shop')).searchParams.get('ticket') as string
    const callback = new URL(await ticketFor(ann, 'news'))
    callback.searchParams.set('ticket', ticket)
    expect((await ann.ask(callback.href)).status).toBe(400)
    expect(there.on('news').events.at(-1)).toMatchObject({ step: 'reject', reason: 'audience' })
  })

  test('a stolen ticket in a transaction of the thief’s own is refused', async () => {
    await logIn(ann)
    const ticket = new URL(await ticketFor(ann, 'shop')).searchParams.get('ticket') as string
    const mallory = there.browser()
    await logIn(mallory)
    const callback = new URL(await ticketFor(mallory, 'shop'))
    callback.searchParams.set('ticket', ticket)
    expect((await mallory.ask(callback.href)).status).toBe(400)
    expect(there.on('shop').events.at(-1)).toMatchObject({ step: 'reject', reason: 'verifier' })
    mallory.close()
  })

  test.each<[string, (url: URL) => void]>([
    ['another issuer', (url) => url.searchParams.set('iss', 'https://evil.example/sso/')],
    ['no issuer', (url) => url.searchParams.delete('iss')],
    ['another state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url) => url.searchParams.delete('state')],
    ['two states', (url) => url.searchParams.append('state', 'x'.repeat(43))],
    ['two tickets', (url) => url.searchParams.append('ticket', 'x'.repeat(43))],
    ['no ticket', (url) => url.searchParams.delete('ticket')],
    ['an error beside the ticket', (url) => url.searchParams.set('error', 'login_required')],
  ])('a callback with %s is refused', async (name, change) => {
    await logIn(ann)
    const callback = new URL(await ticketFor(ann, 'news'))
    change(callback)
    const { status } = await ann.ask(callback.href)
    if (name === 'an error beside the ticket') return expect(status).toBe(303)
    expect(status).toBe(400)
    expect(await who(ann, 'news')).toMatch(/^nobody/)
  })

  test('a cookie under the name of another login that was begun here is not that one', async () => {
    await logIn(ann)
    const [first, second] = [await ticketFor(ann, 'news'), await ticketFor(ann, 'news')]
    const { cookies } = ann.at(first)
    const begun = [...cookies.header().matchAll(/(__Host-sso-[^=]+)=([^;]+)/g)].map(([, name, value]) => ({
      name,
      value,
    }))
    cookies.set(String(begun[0]?.name), String(begun[1]?.value))
    cookies.set(String(begun[1]?.name), String(begun[0]?.value))
    for (const callback of [first, second]) {
      expect((await ann.ask(callback)).status).toBe(400)
      expect(there.on('news').events.at(-1)).toMatchObject({ step: 'reject', reason: 'transaction' })
    }
  })

  test('a cookie that was changed is refused', async () => {
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    const { cookies } = ann.at(callback)
    const [name, value = ''] = (/__Host-sso-[^=]+=[^;]+/.exec(cookies.header())?.[0] ?? '').split('=')
    cookies.set(name as string, `${value.slice(0, -2)}AA`)
    expect((await ann.ask(callback)).status).toBe(400)
  })

  test('a login takes ten minutes at most, and a ticket half a minute', async () => {
    await logIn(ann)
    const late = await ticketFor(ann, 'news')
    clock.turn(31)
    expect((await ann.ask(late)).status).toBe(400)
    const { headers } = await ann.ask(begin('news'))
    clock.turn(601)
    const granted = await ann.ask(String(headers.location))
    expect((await ann.ask(String(granted.headers.location))).status).toBe(400)
  })

  test.each(['nobody', '', 'hub', 'https://evil.example/'])('the hub sends no ticket to the site %j', async (name) => {
    await logIn(ann)
    const grant = new URL(String((await ann.ask(begin('news'))).headers.location))
    grant.searchParams.set('site', name)
    expect((await ann.ask(grant.href)).status).toBe(400)
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    '///evil.example',
    '%2f%2fevil.example',
  ])('a login leads to a page of this site, whatever next says: %j', async (next) => {
    const { url } = await logIn(ann, next)
    expect(new URL(url).origin).toBe(there.originOf('shop'))
  })

  test('nothing of a login may be framed, kept or told to the next page', async () => {
    const begun = await ann.ask(begin('news'))
    const sentToLogIn = await ann.ask(String(begun.headers.location))
    expect(sentToLogIn.status).toBe(302)
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    vi.spyOn(there.on('news').site.engine.links as LinkStore, 'take').mockImplementationOnce(() => {
      throw new Error('away')
    })
    const failed = await ann.ask(callback)
    expect(failed.status).toBe(503)
    const redeemed = await ann.ask(callback)
    expect(redeemed.status).toBe(303)
    for (const { headers } of [begun, sentToLogIn, failed, redeemed]) {
      expect(headers).toMatchObject({
        'cache-control': expect.stringMatching(/no-store/),
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      })
    }
  })

  test('two tabs at once both arrive, and a sixth takes the place of the first', async () => {
    await logIn(ann)
    const callbacks: string[] = []
    for (let tab = 0; tab < 6; tab++) {
      clock.turn(0.001)
      callbacks.push(await ticketFor(ann, 'news'))
    }
    const answers = []
    for (const callback of callbacks) answers.push((await ann.ask(callback)).status)
    expect(answers).toEqual([400, 303, 303, 303, 303, 303])
  })

  test('what five tabs have begun fits into the headers of a request', async () => {
    for (let tab = 0; tab < 5; tab++) await ann.ask(begin('news', `/${'a'.repeat(766)}${tab}`))
    const { length } = ann.at(there.originOf('news')).cookies.header()
    expect(length).toBeGreaterThan(5 * 1000)
    expect(length).toBeLessThan(8000)
    expect((await ann.ask(`${there.originOf('news')}/`)).status).toBe(200)
  })

  test('a password that changed between the ticket and its use logs nobody in', async () => {
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    await userBackend(there.on('hub').site).setPassword(there.user, 'another long password')
    expect((await ann.ask(callback)).status).toBe(400)
  })

  test('of a session no more than thirty tickets are under way', async () => {
    await logIn(ann)
    const statuses: number[] = []
    for (let i = 0; i < 32; i++) {
      const { headers } = await ann.ask(begin('news'))
      statuses.push((await ann.ask(String(headers.location))).status)
    }
    expect(statuses.filter((status) => status === 303)).toHaveLength(29)
    expect(statuses.at(-1)).toBe(429)
  })
})
