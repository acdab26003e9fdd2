import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreUnavailable } from 'sojourn'
import { testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SettingsInput } from '../../src/core/settings.js'
import type { SessionEngine } from '../../src/core/types.js'
import { type Browser, type Name, type World, world } from './world.js'

/** When a login over several sites ends, and that it does. */
const DAY = 86_400
let folder: string
let there: World
let ann: Browser
const clock = testClock()

async function open(settings: SettingsInput = {}): Promise<void> {
  there = await world({
    settings: { databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` }, clock, ...settings },
  })
  ann = there.browser()
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-sites-'))
})
afterEach(async () => {
  ann.close()
  await there[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const page = (name: Name, path = '/'): string => there.originOf(name) + path
const begin = (name: Name): string => page(name, '/sso/begin?next=/')
const cookieOf = (name: Name): string | undefined => ann.at(page(name)).cookies.get('sessionid')
const who = async (name: Name, browser = ann): Promise<string> =>
  ((await browser.ask(page(name))).text.split(' ')[0] ?? '') as string
/** The header of the answer to a login that sets the session cookie. */
const sent = (setCookies: readonly string[]): string =>
  setCookies.find((each) => each.startsWith('sessionid=')) ?? 'no session cookie'

async function logIn(): Promise<void> {
  await ann.login(await ann.visit(page('hub', '/login')))
}

async function logOut(from: Name): Promise<number> {
  await ann.ask(page(from, '/token'))
  return (await ann.at(page(from)).post('/sso/logout')).status
}

/** The hub's store does not delete this one session, until what is given back is called. */
function withoutDeleting(refused: string): () => void {
  const engine = there.on('hub').site.engine as { delete: SessionEngine['delete'] }
  const { delete: remove } = engine
  engine.delete = (key, expected) => {
    if (key === refused) throw new Error('the disk is gone')
    return remove.call(engine, key, expected)
  }
  return () => {
    engine.delete = remove
  }
}

/** The address by which the hub sends the browser back to a member, not opened yet. */
async function ticketFor(name: Name): Promise<string> {
  const { headers } = await ann.ask(begin(name))
  return String((await ann.ask(String(headers.location))).headers.location)
}

describe('a login on a member', () => {
  test('ends when the hub’s own is over by its absolute age', async () => {
    await open({ sessionAbsoluteAge: 2 * DAY })
    await logIn()
    clock.turn(DAY)
    await ann.visit(begin('shop'))
    clock.turn(DAY - 1)
    expect(await who('shop')).toBe('ann')
    clock.turn(2)
    expect(await who('shop')).toBe('nobody')
  })

  test('ends with the browser where the hub’s does', async () => {
    await open()
    await logIn()
    const { headers } = await ann.ask(begin('shop'))
    const lasting = await ann.ask(String((await ann.ask(String(headers.location))).headers.location))
    expect(sent(lasting.setCookies)).toMatch(/Max-Age=/)
    const session = there.on('hub').site.sessions.open(String(cookieOf('hub')))
    await session.load()
    session.setExpiry(0)
    await session.save()
    const short = await ann.ask(await ticketFor('news'))
    expect(sent(short.setCookies)).toMatch(/^sessionid=/)
    expect(sent(short.setCookies)).not.toMatch(/Max-Age=/)
  })
})

test('whoever is to prove anew who they are is shown the hub’s login page, though they are logged in there', async () => {
  await open({ sessionAuthTime: true })
  await logIn()
  await ann.visit(begin('shop'))
  clock.turn(3600)
  const asked = await ann.visit(page('shop', '/recent'))
  expect(asked.url).toMatch(/^http:\/\/hub\.localhost:\d+\/login\?next=/)
  expect((await ann.login(asked)).response.text).toBe('proved')
})

test('whoever is nobody at the hub any more sees its login page once', async () => {
  await open({ sessionAuthTime: true })
  await logIn()
  await ann.visit(begin('shop'))
  clock.turn(3600)
  ann.at(page('hub')).cookies.delete('sessionid')
  expect((await ann.login(await ann.visit(page('shop', '/recent')))).response.text).toBe('proved')
})

describe('endSessions of a user', () => {
  test('ends a login at the hub that has given out no ticket yet', async () => {
    await open()
    await logIn()
    clock.turn(60)
    expect(await there.on('shop').site.sessions.endSessions({ user: there.user.id })).toBe(1)
    expect(await who('hub')).toBe('nobody')
  })

  test('spares who logged in after it, also where the first ticket of that login comes later', async () => {
    await open()
    await there.on('shop').site.sessions.endSessions({ user: there.user.id })
    clock.turn(60)
    await logIn()
    clock.turn(60)
    await ann.visit(begin('shop'))
    expect([await who('hub'), await who('shop')]).toEqual(['ann', 'ann'])
    expect(await logOut('shop')).toBe(303)
    expect([await who('hub'), await who('shop')]).toEqual(['nobody', 'nobody'])
  })
})

describe('a logout', () => {
  test('ends a login whose first ticket was made while the logout was on its way', async () => {
    await open()
    await logIn()
    const key = String(cookieOf('hub'))
    await ann.visit(begin('shop'))
    expect(await who('shop')).toBe('ann')
    // As the logout loaded it, a moment before.
    const session = there.on('hub').site.sessions.open(key)
    await session.load()
    session.delete('_sso')
    await session.save()
    expect(await logOut('hub')).toBe(303)
    expect(await who('shop')).toBe('nobody')
  })

  test('that the store does not carry out is told, and tried again by itself', async () => {
    await open()
    await logIn()
    await ann.visit(begin('shop'))
    const { site } = there.on('hub')
    const isBack = withoutDeleting(String(cookieOf('shop')))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      await expect(site.sessions.endSessions({ user: there.user.id })).rejects.toThrow(StoreUnavailable)
      isBack()
      await vi.advanceTimersByTimeAsync(1100)
    } finally {
      vi.useRealTimers()
    }
    expect([await who('hub'), await who('shop')]).toEqual(['nobody', 'nobody'])
  })

  test('that the store carries out in part leaves the visitor where they are, to try again', async () => {
    await open()
    await logIn()
    await ann.visit(begin('shop'))
    const isBack = withoutDeleting(String(cookieOf('shop')))
    expect([await logOut('hub'), await who('hub'), await who('shop')]).toEqual([503, 'ann', 'ann'])
    isBack()
    expect([await logOut('hub'), await who('hub'), await who('shop')]).toEqual([303, 'nobody', 'nobody'])
  })

  test('needs its token also where forms are only reported', async () => {
    await open({ csrfMode: 'report-only' })
    await logIn()
    await ann.visit(begin('shop'))
    const elsewhere = await ann
      .at(page('shop'))
      .post('/sso/logout', {}, { headers: { origin: 'https://evil.example' } })
    expect([elsewhere.status, await who('shop')]).toEqual([403, 'ann'])
    expect(await logOut('shop')).toBe(303)
  })
})

describe('with signed cookies', () => {
  test('a user whose sessions were ended logs in again, in the same browser', async () => {
    await open({ sessionEngine: 'signed_cookies' })
    await logIn()
    await ann.visit(begin('shop'))
    await there.on('hub').site.sessions.endSessions({ user: there.user.id })
    clock.turn(1)
    await logIn()
    expect(await who('hub')).toBe('ann')
  })

  test('a copy of one that is over gets no later end by pages that do not look who is there', async () => {
    await open({ sessionEngine: 'signed_cookies', sessionSaveEveryRequest: true })
    await logIn()
    await ann.visit(begin('shop'))
    const thief = there.browser()
    const { cookies } = thief.at(page('shop'))
    cookies.set('sessionid', String(cookieOf('shop')))
    expect(await logOut('hub')).toBe(303)
    // The mark of the logout is kept for twice as long as a session lasts.
    for (let week = 0; week <= 5; week++) {
      await thief.ask(page('shop', '/look'))
      clock.turn(7 * DAY)
    }
    expect([await who('shop', thief), cookies.get('sessionid')]).toEqual(['nobody', undefined])
    thief.close()
  })

  test('what is written into one that is over is refused once, and the cookie goes', async () => {
    await open({ sessionEngine: 'signed_cookies' })
    await logIn()
    await ann.visit(begin('shop'))
    const thief = there.browser()
    thief.at(page('shop')).cookies.set('sessionid', String(cookieOf('shop')))
    expect(await logOut('hub')).toBe(303)
    const { status, headers } = await thief.ask(page('shop', '/write'))
    expect([status, headers.vary]).toEqual([400, expect.stringContaining('Cookie')])
    expect(thief.at(page('shop')).cookies.get('sessionid')).toBeUndefined()
    expect((await thief.ask(page('shop', '/write'))).status).toBe(200)
    thief.close()
  })
})
