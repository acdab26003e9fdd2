import { StoreUnavailable, sojourn } from 'sojourn'
import { login, userBackend } from 'sojourn/auth'
import { testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LinkStore } from '../../src/core/link-store.js'
import { chain } from '../../src/core/maybe.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { SessionIndex } from '../../src/core/types.js'
import { visit } from '../auth/site.js'
import { SECRET } from '../support/sites.js'
import { sqliteFile } from '../support/sqlite-file.js'
import { type Browser, type Name, type World, world } from './world.js'

/** The page of devices, where a login is on several sites: it is one device. */
const NAMES: readonly Name[] = ['hub', 'shop', 'news']
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

let file: ReturnType<typeof sqliteFile>
let there: World
let browsers: Browser[]
const clock = testClock()

beforeEach(() => {
  file = sqliteFile()
  browsers = []
})
afterEach(async () => {
  for (const browser of browsers) browser.close()
  await there[Symbol.asyncDispose]()
  file.remove()
})

async function open(settings: SettingsInput = {}): Promise<void> {
  there = await world({ settings: { databases: { default: file.url }, sessionUserIndex: true, clock, ...settings } })
}

const page = (name: Name, path = '/'): string => there.originOf(name) + path
const who = async (browser: Browser): Promise<string[]> =>
  Promise.all(NAMES.map(async (name) => (await browser.ask(page(name))).text.split(' ')[0] ?? ''))
const keyOn = (browser: Browser, name: Name): string => String(browser.at(page(name)).cookies.get('sessionid'))

/** A browser that is logged in on all sites. */
async function device(): Promise<Browser> {
  const browser = there.browser()
  browsers.push(browser)
  await browser.login(await browser.visit(page('hub', '/login')))
  for (const name of ['shop', 'news'] as const) await browser.visit(page(name, '/sso/begin?next=/'))
  return browser
}

test('a login on three sites is one of a user’s, and ends on all of them', async () => {
  await open()
  const [phone, laptop] = [await device(), await device()]
  const { sessions } = there.on('shop').site
  const all = await sessions.forUser(there.user.id)
  expect(all).toHaveLength(2)
  expect(await sessions.count(there.user.id)).toBe(2)
  expect(new Set(all.map(({ id }) => id)).size).toBe(2)
  const [last] = all
  expect(await sessions.revoke(last as (typeof all)[number])).toBe(true)
  expect(await sessions.revoke(last as (typeof all)[number])).toBe(false)
  const left = [await who(phone), await who(laptop)]
  expect(left.sort()).toEqual([
    ['ann', 'ann', 'ann'],
    ['nobody', 'nobody', 'nobody'],
  ])
  expect((await sessions.forUser(there.user.id)).map(({ id }) => id)).toEqual([all[1]?.id])
})

test('a login has one name on the list, also when it comes to its second site', async () => {
  await open()
  const phone = there.browser()
  browsers.push(phone)
  await phone.login(await phone.visit(page('hub', '/login')))
  const ids = async (): Promise<string[]> =>
    (await there.on('shop').site.sessions.forUser(there.user.id)).map(({ id }) => id)
  const before = await ids()
  await phone.visit(page('shop', '/sso/begin?next=/'))
  expect(await ids()).toEqual(before)
})

describe('a login that comes to its second site while it is being ended', () => {
  async function ended(isDjangos: boolean, revoke: (phone: Browser) => Promise<boolean>): Promise<string[]> {
    await open()
    const phone = there.browser()
    browsers.push(phone)
    await phone.login(await phone.visit(page('hub', '/login')))
    if (isDjangos) await withoutLink(keyOn(phone, 'hub'))
    expect(await revoke(phone)).toBe(true)
    return who(phone)
  }

  /** As a login in Django leaves it, which knows nothing of several sites. */
  async function withoutLink(key: string): Promise<void> {
    const session = there.on('hub').site.sessions.open(key)
    await session.load()
    session.delete('_sso')
    await session.save()
  }

  const comeToShop = async (phone: Browser): Promise<void> => {
    await phone.visit(page('shop', '/sso/begin?next=/'))
    expect(await who(phone)).toEqual(['ann', 'ann', 'nobody'])
  }

  test.each([
    ['', false],
    [', if it is one of Django’s', true],
  ])('ends there too, after it was listed%s', async (_, isDjangos) => {
    const revoke = async (phone: Browser): Promise<boolean> => {
      const { sessions } = there.on('shop').site
      const [listed] = await sessions.forUser(there.user.id)
      await comeToShop(phone)
      return sessions.revoke(listed as NonNullable<typeof listed>)
    }
    expect(await ended(isDjangos, revoke)).toEqual(['nobody', 'nobody', 'nobody'])
  })

  test('ends there too, after its session was loaded for that', async () => {
    const revoke = async (phone: Browser): Promise<boolean> => {
      const { sessions, store } = there.on('shop').site
      const key = keyOn(phone, 'hub')
      const before = await store.load(key)
      await comeToShop(phone)
      vi.spyOn(store, 'load').mockResolvedValueOnce(before)
      return sessions.revoke(key)
    }
    expect(await ended(false, revoke)).toEqual(['nobody', 'nobody', 'nobody'])
  })
})

test('a job that knows nothing of the sites ends a user’s logins on all of them', async () => {
  await open()
  const phone = await device()
  const job = sojourn({ secretKey: SECRET, databases: { default: file.url }, sessionUserIndex: true, clock })
  await job.store.index.remove(String(there.user.id), [keyOn(phone, 'hub')])
  expect(await job.sessions.revokeUser(there.user.id)).toBe(3)
  await job.close()
  expect(await who(phone)).toEqual(['nobody', 'nobody', 'nobody'])
})

test('one that is ended by the key of one of its sessions is not brought back by a silent visit', async () => {
  await open()
  const phone = await device()
  expect(await there.on('shop').site.sessions.revoke(keyOn(phone, 'shop'))).toBe(true)
  expect((await phone.visit(page('shop', '/silent'), NAVIGATION)).response.text).toMatch(/^nobody/)
  expect(await who(phone)).toEqual(['nobody', 'nobody', 'nobody'])
})

test('a login under a key that Django gave one of its sessions ends too', async () => {
  await open()
  const phone = await device()
  const { engine, sessions } = there.on('shop').site
  const [before, after] = [keyOn(phone, 'shop'), 'k'.repeat(32)]
  const { cells } = (await engine.load(before)) ?? {}
  await engine.create(after, { cells: cells as ReadonlyMap<string, string>, expires: clock() + 3_600_000 })
  phone.at(page('shop')).cookies.set('sessionid', after)
  // A visit tells the list of the new key.
  expect((await phone.ask(page('shop'))).text).toMatch(/^ann/)
  const [login] = await sessions.forUser(there.user.id)
  expect(await sessions.revoke(login as NonNullable<typeof login>)).toBe(true)
  expect(await who(phone)).toEqual(['nobody', 'nobody', 'nobody'])
})

test('"end all others" spares what this login has on other sites', async () => {
  await open()
  const [phone, laptop] = [await device(), await device()]
  const { sessions } = there.on('shop').site
  const all = await sessions.forUser(there.user.id)
  expect(await sessions.revokeUser(there.user.id, { except: all[0] as object })).toBe(3)
  expect([await who(phone), await who(laptop)]).toContainEqual(['ann', 'ann', 'ann'])
  expect([await who(phone), await who(laptop)]).toContainEqual(['nobody', 'nobody', 'nobody'])
})

test('so it does for the request in which a visitor asks for it', async () => {
  await open()
  const [phone, laptop] = [await device(), await device()]
  expect((await phone.ask(page('shop', '/end-others'))).text).toBe('3')
  expect(await who(phone)).toEqual(['ann', 'ann', 'ann'])
  expect(await who(laptop)).toEqual(['nobody', 'nobody', 'nobody'])
})

test('"end all others" ends also what the list knows nothing of: a hub’s session in Django', async () => {
  await open()
  const [laptop, phone] = [await device(), await device()]
  const { sessions, store } = there.on('shop').site
  for (const each of [laptop, phone]) await store.index.remove(String(there.user.id), [keyOn(each, 'hub')])
  const [mine] = await sessions.forUser(there.user.id)
  expect(await sessions.revokeUser(there.user.id, { except: mine as object })).toBe(3)
  expect([await who(laptop), await who(phone)].map(([hub]) => hub).sort()).toEqual(['ann', 'nobody'])
})

test('a login that is refused for the limit leaves nothing of itself in the session of whoever tried', async () => {
  await open({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' })
  await device()
  const other = there.browser()
  browsers.push(other)
  await other.ask(page('hub', '/cart'))
  await other.ask(page('hub', '/token'))
  expect((await other.at(page('hub')).post('/login')).status).toBe(403)
  const { cells } = (await there.on('hub').site.engine.load(keyOn(other, 'hub'))) ?? {}
  expect([...(cells ?? new Map()).keys()]).toEqual(['cart'])
})

test('a login of an hour ago does not keep its own visitor out of the next site while somebody else tries to get in', async () => {
  await open({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' })
  const phone = there.browser()
  browsers.push(phone)
  await phone.login(await phone.visit(page('hub', '/login')))
  clock.turn(3600)
  // Somebody who is in by now, and out again before the visitor tries for the second time.
  const { engine, store } = there.on('shop').site
  const key = 'k'.repeat(32)
  const { cells = new Map<string, string>() } = (await engine.load(keyOn(phone, 'hub'))) ?? {}
  const apart = new Map([...cells].filter(([name]) => !/^_s(so|ojourn)/.test(name)))
  await engine.create(key, { cells: apart, expires: clock() + 3_600_000 })
  const [user, created, seen] = [String(there.user.id), clock(), clock()]
  await store.index.put({ user, key, created, seen, expires: clock() + 3_600_000, userAgent: '', address: '' })
  const own = engine.delete.bind(engine)
  const taken = vi
    .spyOn(engine, 'delete')
    .mockImplementationOnce((mine, ...rest) => chain(own(key), () => own(mine, ...rest)))
  expect((await phone.visit(page('shop', '/sso/begin?next=/'))).response.text).toMatch(/^ann/)
  expect(taken).toHaveBeenCalled()
})

test('a login under a new password is the same login: what it has on other sites does not count against it', async () => {
  await open({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' })
  const phone = await device()
  const { site } = there.on('hub')
  const ann = await userBackend(site).setPassword(there.user, 'another password')
  const { key } = await visit(site, { key: keyOn(phone, 'hub') }, (request) => login(request, ann))
  phone.at(page('hub')).cookies.set('sessionid', String(key))
  expect(await who(phone)).toEqual(['ann', 'nobody', 'nobody'])
  expect((await phone.visit(page('shop', '/sso/begin?next=/'))).response.text).toMatch(/^ann/)
  expect(await site.sessions.count(ann.id)).toBe(1)
})

test('a login that nobody could ask about is nobody’s, and counts for nothing', async () => {
  await open({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy: 'reject' })
  const { site } = there.on('hub')
  const links = site.engine.links as LinkStore
  const asked = vi.spyOn(links, 'get').mockImplementationOnce(() => {
    throw new Error('gone')
  })
  const refused = async (request: object): Promise<void> => {
    await expect(async () => login(request, there.user)).rejects.toBeInstanceOf(StoreUnavailable)
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    await expect(visit(site, {}, refused)).rejects.toBeInstanceOf(StoreUnavailable)
    expect(asked).toHaveBeenCalled()
    expect(await site.sessions.count(there.user.id)).toBe(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await site.sessions.count(there.user.id)).toBe(0)
  } finally {
    vi.useRealTimers()
  }
  const { key } = await visit(site, {}, (request) => login(request, there.user))
  expect(await site.engine.exists(String(key))).toBe(true)
})

test('a login of somebody else that cannot be counted ends nothing', async () => {
  await open({ maxSessionsPerUser: 2 })
  const phone = await device()
  const { site } = there.on('hub')
  const bob = await userBackend(site).createUser('bob')
  vi.spyOn(site.engine.users as SessionIndex, 'of').mockImplementationOnce(() => {
    throw new Error('gone')
  })
  const refused = (request: object) => login(request, bob)
  await expect(visit(site, { key: keyOn(phone, 'hub') }, refused)).rejects.toBeInstanceOf(StoreUnavailable)
  expect(await who(phone)).toEqual(['ann', 'ann', 'ann'])
})

test('a limit counts logins: the one that was seen longest ago ends on all sites, and this one on none', async () => {
  await open({ maxSessionsPerUser: 2 })
  const devices: Browser[] = []
  for (let n = 0; n < 3; n++) {
    devices.push(await device())
    clock.turn(60)
  }
  expect(await Promise.all(devices.map(who))).toEqual([
    ['nobody', 'nobody', 'nobody'],
    ['ann', 'ann', 'ann'],
    ['ann', 'ann', 'ann'],
  ])
})
