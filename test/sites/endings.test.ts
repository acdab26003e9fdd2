import { StoreUnavailable } from 'sojourn'
import { getUser, login, userBackend } from 'sojourn/auth'
import { testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuthPart } from '../../src/auth/part.js'
import type { Joined } from '../../src/core/link-store.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Loaded, SessionEngine } from '../../src/core/types.js'
import { groupOf } from '../../src/wire/link-names.js'
import { visit } from '../auth/site.js'
import { sqliteFile } from '../support/sqlite-file.js'
import { type Browser, type Name, PASSWORD, type World, type WorldOptions, world } from './world.js'

/** When a login over several sites ends, and that it does. */
const DAY = 86_400
let file: ReturnType<typeof sqliteFile>
let there: World
let ann: Browser
const clock = testClock()

async function open(settings: SettingsInput = {}, own: WorldOptions['own'] = {}): Promise<void> {
  there = await world({
    settings: { databases: { default: file.url }, clock, ...settings },
    own,
  })
  ann = there.browser()
}

beforeEach(() => {
  file = sqliteFile()
})
afterEach(async () => {
  ann.close()
  await there[Symbol.asyncDispose]()
  file.remove()
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

/** The next look into the store fails, and no other. */
function failNextLoad(engine: SessionEngine): void {
  vi.spyOn(engine, 'load').mockImplementationOnce(() => {
    throw new Error('away')
  })
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

const linkIn = (cells: ReadonlyMap<string, string>): unknown => JSON.parse(cells.get('_sso') ?? 'null')

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

test('a hub that does not say when they did so leads nobody round for ever', async () => {
  await open({ sessionAuthTime: true })
  await logIn()
  await ann.visit(begin('shop'))
  clock.turn(3600)
  const { url } = await ann.visit(page('shop', '/recent'))
  const { pathname, search } = new URL(url)
  const { headers } = await ann.at(url).post(pathname + search)
  const { engine } = there.on('hub').site
  const loaded = (await engine.load(String(cookieOf('hub')))) as Loaded
  const cells = new Map(loaded.cells)
  cells.delete('_sojourn_auth_time')
  await engine.save(String(cookieOf('hub')), { cells, expires: clock() + DAY * 1000 }, loaded.version)
  expect((await ann.visit(new URL(String(headers.location), url).href)).response.status).toBe(400)
  expect(there.on('shop').events.at(-1)).toMatchObject({ step: 'reject', reason: 'unproved' })
})

test('a new password at the hub, and then a member that asks anew who is there, ends no login', async () => {
  await open()
  await logIn()
  await ann.visit(begin('shop'))
  const { site } = there.on('hub')
  const user = await userBackend(site).setPassword(there.user, PASSWORD)
  // As updateSessionAuthHash does: the hub's session goes on, and belongs to the same login.
  const loaded = (await site.engine.load(String(cookieOf('hub')))) as Loaded
  const hash = site.part<AuthPart>('auth').hashes.of(user)
  const cells = new Map(loaded.cells).set('_auth_user_hash', JSON.stringify(hash))
  await site.engine.save(String(cookieOf('hub')), { cells, expires: clock() + DAY * 1000 }, loaded.version)
  await ann.login(await ann.visit(`${begin('shop')}&prompt=login`))
  expect([await who('hub'), await who('shop')]).toEqual(['ann', 'ann'])
})

test('somebody else who logs in at the hub ends the login before theirs, on all sites', async () => {
  await open()
  await userBackend(there.on('hub').site).createUser('bob', PASSWORD)
  await logIn()
  await ann.visit(begin('shop'))
  await ann.login(await ann.visit(page('hub', '/login?as=bob')))
  expect([await who('hub'), await who('shop')]).toEqual(['bob', 'nobody'])
})

test('also where another tab has come for the first ticket of the one before meanwhile', async () => {
  await open()
  const { site } = there.on('hub')
  const bob = await userBackend(site).createUser('bob', PASSWORD)
  await logIn()
  await visit(site, { key: cookieOf('hub') }, async (request) => {
    await getUser(request)
    await ann.visit(begin('shop'))
    expect(await who('shop')).toBe('ann')
    await login(request, bob)
  })
  expect(await who('shop')).toBe('nobody')
})

test('where that fails the one before is still here, and the login can be tried again', async () => {
  await open()
  await userBackend(there.on('hub').site).createUser('bob', PASSWORD)
  await logIn()
  await ann.visit(begin('shop'))
  const login = await ann.visit(page('hub', '/login?as=bob'))
  const isBack = withoutDeleting(String(cookieOf('shop')))
  await ann.login(login)
  expect([await who('hub'), await who('shop')]).toEqual(['ann', 'ann'])
  isBack()
  await ann.login(await ann.visit(page('hub', '/login?as=bob')))
  expect([await who('hub'), await who('shop')]).toEqual(['bob', 'nobody'])
})

describe('endSessions of a user', () => {
  test('ends a login by a machine whose clock is ahead', async () => {
    await open()
    clock.turn(300)
    await logIn()
    await ann.visit(begin('shop'))
    clock.turn(-300)
    expect(await there.on('shop').site.sessions.endSessions({ user: there.user.id })).toBe(2)
    expect([await who('hub'), await who('shop')]).toEqual(['nobody', 'nobody'])
  })

  test.each<[string, object]>([
    ['nothing', {}],
    ['a word that is none', { userId: 7 }],
    ['a user who is undefined', { user: undefined }],
    ['a group that is undefined, beside a user', { group: undefined, user: 7 }],
    ['a user without a name', { user: '' }],
    ['a session of no issuer', { iss: '', clientId: 'shop', sid: '1' }],
    ['a subject, and not until when', { iss: 'https://id.example.com', clientId: 'shop', sub: '1' }],
    ['milliseconds', { iss: 'https://id.example.com', clientId: 'shop', sub: '1', before: Date.now() }],
  ])('and what names nobody is an error: %s', async (_, whom) => {
    await open()
    await expect(there.on('shop').site.sessions.endSessions(whom as { group: string })).rejects.toThrow(
      /takes \{ group \}/,
    )
  })

  test.each<[string, string, SettingsInput]>([
    ['endSessions', 'in a table', {}],
    ['endSessions', 'in signed cookies', { sessionEngine: 'signed_cookies' }],
    ['revokeUser', 'in signed cookies', { sessionEngine: 'signed_cookies' }],
  ])(
    '(%s, sessions %s) ends who logged in before it, and nobody after it, also in one millisecond',
    async (how, _, settings) => {
      await open({ sessionUserIndex: true, ...settings })
      const { site } = there.on('hub')
      const { id } = there.user
      const end = () => (how === 'endSessions' ? site.sessions.endSessions({ user: id }) : site.sessions.revokeUser(id))
      const enter = async (): Promise<string | undefined> => {
        const { key } = await visit(site, {}, (request) => login(request, there.user))
        return key
      }
      const isIn = async (key: string | undefined): Promise<boolean> =>
        (await visit(site, { key }, (request) => getUser(request))).result !== null
      const before = await enter()
      await end()
      const between = await enter()
      expect([await isIn(before), await isIn(between)]).toEqual([false, true])
      await end()
      expect([await isIn(between), await isIn(await enter())]).toEqual([false, true])
    },
  )

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
  test('is known for as long as the longest session would have lasted, under whatever key that is by then', async () => {
    await open()
    await logIn()
    await ann.visit(begin('shop'))
    const { engine, sessions } = there.on('hub').site
    const session = sessions.open(String(cookieOf('hub')))
    await session.load()
    session.setExpiry(100 * DAY)
    await session.save()
    // As Django does, which tells nobody.
    const loaded = await engine.load(String(cookieOf('hub')))
    await engine.create('k'.repeat(32), { cells: loaded?.cells ?? new Map(), expires: clock() + 100_000 * DAY })
    ann.at(page('hub')).cookies.set('sessionid', 'k'.repeat(32))
    expect(await logOut('shop')).toBe(303)
    // A second end of the same must not make it shorter.
    await sessions.endSessions({ group: String((linkIn(loaded?.cells ?? new Map()) as { g: string }).g) })
    clock.turn(60 * DAY)
    expect(await who('hub')).toBe('nobody')
  })

  test('refuses a ticket of it that comes back to a session under another key', async () => {
    await open()
    await logIn()
    const [first, second] = [await ticketFor('shop'), await ticketFor('shop')]
    await ann.ask(first)
    const { engine } = there.on('shop').site
    const loaded = await engine.load(String(cookieOf('shop')))
    await engine.create('k'.repeat(32), { cells: loaded?.cells ?? new Map(), expires: clock() + 1000 * DAY })
    expect(await logOut('hub')).toBe(303)
    ann.at(page('shop')).cookies.set('sessionid', 'k'.repeat(32))
    expect((await ann.ask(second)).status).toBe(400)
    expect(await who('shop')).toBe('nobody')
  })

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

  test('that cannot know what to end is told, though pages go on without a store', async () => {
    await open({ sessionOnStoreError: 'read-only' })
    await logIn()
    await ann.visit(begin('shop'))
    await ann.ask(page('hub', '/token'))
    failNextLoad(there.on('hub').site.engine)
    expect((await ann.at(page('hub')).post('/sso/logout')).status).toBe(503)
    expect([await who('hub'), await who('shop')]).toEqual(['ann', 'ann'])
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

describe('signed cookies on sites where they last for different times', () => {
  const cookies = { sessionEngine: 'signed_cookies', sessionUserIndex: true } as const
  const shops = { ...cookies, sessionCookieAge: 30 * DAY, sessionSaveEveryRequest: true }

  /** Who has a copy of a cookie is there with it, for a moment. */
  async function whoHas(name: Name, cookie: string): Promise<string> {
    const thief = there.browser()
    thief.at(page(name)).cookies.set('sessionid', cookie)
    const found = await who(name, thief)
    thief.close()
    return found
  }

  /** What the groups of a user know of sessions in cookies. */
  async function known(): Promise<readonly Joined[]> {
    const members = await there.on('hub').site.store.links.members(groupOf('user', String(there.user.id)))
    return members.filter(({ key }) => key.startsWith('-'))
  }

  async function loginOf(name: Name): Promise<string> {
    const session = there.on(name).site.sessions.open(String(cookieOf(name)))
    await session.load()
    return (session.get('_sso' as never) as { readonly g: string }).g
  }

  test.each<[string, SettingsInput, 'group' | 'user', number]>([
    ['in cookies', cookies, 'group', 0],
    ['in cookies', cookies, 'user', 0],
    ['in the database', {}, 'group', 1],
    ['in the database', {}, 'user', 1],
  ])(
    'a copy does not come back to life, however short those of the site that logs out are: %s, by %s',
    async (_, hub, by, count) => {
      await open({ sessionCookieAge: 3600 }, { hub, shop: shops })
      await logIn()
      await ann.visit(begin('shop'))
      clock.turn(20 * DAY)
      expect(await who('shop')).toBe('ann')
      const copy = String(cookieOf('shop'))
      const { sessions } = there.on('hub').site
      await ann.login(await ann.visit(page('hub', '/login')))
      const whom = by === 'group' ? { group: await loginOf('shop') } : { user: there.user.id }
      // Nobody knows how many cookies there are, and the hub’s session is of another login by now.
      expect(await sessions.endSessions(whom)).toBe(by === 'group' ? 0 : count)
      if (by === 'user') expect(await known()).toEqual([])
      for (const hours of [0, 1, 1, 1, 24, 28 * 24, 24]) {
        clock.turn(hours * 3600)
        await sessions.clearExpired()
        expect([hours, await whoHas('shop', copy)]).toEqual([hours, 'nobody'])
      }
    },
  )

  test('the groups hear of a login, and of a cookie that is renewed no more than once in the time that it lasts', async () => {
    await open({ sessionCookieAge: 3600 }, { hub: cookies, shop: shops })
    await logIn()
    await ann.visit(begin('shop'))
    const first = (await known()).map(({ key }) => key)
    for (let day = 0; day < 89; day++) {
      clock.turn(DAY)
      expect(await who('shop')).toBe('ann')
      const ends = (await known()).map(({ expires }) => expires)
      expect(Math.max(...ends)).toBeGreaterThanOrEqual(clock() + 30 * DAY * 1000)
    }
    const later = (await known()).filter(({ key }) => !first.includes(key))
    expect(later.length).toBeLessThanOrEqual(2)
  })

  test('a copy that lasts longer than another of the same login is over for as long', async () => {
    await open({}, { hub: { ...cookies, sessionCookieAge: 3600 }, shop: shops })
    const renewed = async (cookie: string, days?: number): Promise<string> => {
      const session = there.on('shop').site.sessions.open(cookie)
      await session.load()
      if (days !== undefined) session.setExpiry(days * DAY)
      await session.save()
      return String(session.sessionKey)
    }
    await logIn()
    await ann.visit(begin('shop'))
    const login = await loginOf('shop')
    clock.turn(29 * DAY)
    const copied = await renewed(String(cookieOf('shop')))
    clock.turn(20 * DAY)
    const long = await renewed(copied)
    clock.turn(9 * DAY)
    expect(await whoHas('shop', await renewed(copied, 3))).toBe('ann')
    await there.on('hub').site.sessions.endSessions({ group: login })
    clock.turn(20 * DAY)
    await there.on('hub').site.sessions.clearExpired()
    expect(await whoHas('shop', long)).toBe('nobody')
  })

  test('one that is taken to a site where they last longer is over when its own site would have it over', async () => {
    await open({}, { hub: { ...cookies, sessionCookieAge: 3600 }, shop: shops })
    await logIn()
    await ann.visit(begin('shop'))
    const copy = String(cookieOf('hub'))
    expect(await whoHas('shop', copy)).toBe('ann')
    clock.turn(2 * 3600 + 1)
    expect(await whoHas('shop', copy)).toBe('nobody')
    expect(await who('shop')).toBe('ann')
  })

  test('nothing is stored for whoever is nobody, and pages that only look ask the groups alone', async () => {
    const { default: Database } = await import('better-sqlite3')
    const asked: string[] = []
    const handle = new Database(file.url.replace('sqlite:', ''), { verbose: (sql) => asked.push(String(sql)) })
    await open({ ...cookies, databases: { default: handle } })
    const about = (): readonly string[] => asked.splice(0).filter((sql) => sql.includes('sojourn_'))
    about()
    await ann.ask(page('shop', '/cart'))
    await ann.ask(page('shop', '/cycle'))
    expect(about()).toEqual([])
    await logIn()
    await ann.visit(begin('shop'))
    expect(about().filter((sql) => /^INSERT.*sojourn_member/.test(sql)).length).toBeGreaterThan(0)
    await ann.ask(page('shop', '/look'))
    expect(about()).toEqual([])
    expect(await who('shop')).toBe('ann')
    // The mark of its login and that of its user, as before, and what is from before revokeUser.
    expect(about().map((sql) => sql.replace(/ WHERE.*/, ''))).toEqual([
      expect.stringMatching(/cutoff/),
      'SELECT value FROM sojourn_record',
      'SELECT value FROM sojourn_record',
    ])
    handle.close()
  })
})

describe('a logout everywhere, where one site keeps its sessions otherwise than the others', () => {
  const names = ['hub', 'shop', 'news'] as const
  const engines = { signed_cookies: {}, cached_db: { caches: { default: 'locmem:' } } } as const
  const cases = (['signed_cookies', 'cached_db'] as const).flatMap((engine) =>
    names.flatMap((odd) => names.map((from) => [engine, odd, from] as const)),
  )

  test.each(cases)('(%s on %s) ends all, from %s', async (sessionEngine, odd, from) => {
    const settings = { databases: { default: file.url }, clock }
    there = await world({ settings, own: { [odd]: { sessionEngine, ...engines[sessionEngine] } } })
    ann = there.browser()
    await logIn()
    for (const name of ['shop', 'news'] as const) await ann.visit(begin(name))
    const all = async (): Promise<string[]> => Promise.all(names.map((name) => who(name)))
    expect(await all()).toEqual(['ann', 'ann', 'ann'])
    expect(await logOut(from)).toBe(303)
    expect(await all()).toEqual(['nobody', 'nobody', 'nobody'])
  })
})
