import { expect, test } from 'vitest'
import { groupOf, recordOf } from '../../src/wire/link-names.js'
import type { Browser } from '../sites/world.js'
import type { Django } from './server.js'
import type { DjangoSites, Name } from './sites-world.js'

const NAMES: readonly Name[] = ['hub', 'shop', 'news']
type World = () => DjangoSites
/** In seconds. */
const DAY = 86_400

/** That one login is good for all sites, and one logout ends it on all. */
export function loginClaims(world: World): void {
  test.each(['shop', 'news'] as const)('a first login at %s is known to all, without another page', async (first) => {
    const { browser, logIn, originOf, who } = world()
    const ann = browser()
    expect((await logIn(ann, first)).url).toBe(`${originOf(first)}/`)
    const other = first === 'shop' ? 'news' : 'shop'
    expect((await ann.visit(`${originOf(other)}/sso/begin?next=/x`)).hops).toHaveLength(4)
    for (const name of NAMES) expect([name, await who(ann, name)]).toEqual([name, 'ann'])
  })

  test.each(NAMES)('a logout at %s ends the login everywhere, and no other', async (from) => {
    const { browser, logOut, who } = world()
    const [ann, sameOnOtherMachine] = [browser(), browser()]
    await everywhere(world(), ann)
    await everywhere(world(), sameOnOtherMachine)
    expect((await logOut(ann, from)).status).toBe(303)
    for (const name of NAMES) expect([name, await who(ann, name)]).toEqual([name, 'nobody'])
    for (const name of NAMES) expect([name, await who(sameOnOtherMachine, name)]).toEqual([name, 'ann'])
  })

  test('all sessions of a user end on all sites', async () => {
    const { browser, site, userId, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    await site('shop').sessions.endSessions({ user: userId })
    for (const name of NAMES) expect([name, await who(ann, name)]).toEqual([name, 'nobody'])
  })

  test('a ticket of a login that was ended meanwhile logs nobody in', async () => {
    const { browser, logIn, logOut, ticketFor, who } = world()
    for (const member of ['shop', 'news'] as const) {
      const ann = browser()
      await logIn(ann, 'shop')
      const callback = await ticketFor(ann, member)
      await logOut(ann, 'hub')
      expect((await ann.ask(callback.href)).status).toBe(400)
      expect(await who(ann, member)).toBe('nobody')
    }
  })

  test('a second tab that comes back from the same login leaves the first one its key', async () => {
    const { browser, logIn, logOut, ticketFor, who } = world()
    for (const member of ['shop', 'news'] as const) {
      const ann = browser()
      await logIn(ann, 'shop')
      const [first, second] = [(await ticketFor(ann, member)).href, (await ticketFor(ann, member)).href]
      await ann.ask(first)
      // A signed cookie has none.
      const key = (): string | undefined => /^\w{32}$/.exec(String(ann.at(first).cookies.get('sessionid')))?.[0]
      const before = key()
      expect((await ann.ask(second)).status).toBe(303)
      expect(key()).toBe(before)
      expect(await who(ann, member)).toBe('ann')
      await logOut(ann, 'hub')
      expect(await who(ann, member)).toBe('nobody')
    }
  })

  test('a ticket works once, even if five come with it at once', async () => {
    const { browser, logIn, ticketFor } = world()
    for (const member of ['shop', 'news'] as const) {
      const ann = browser()
      await logIn(ann, 'shop')
      const callback = (await ticketFor(ann, member)).href
      const statuses = (await Promise.all([1, 2, 3, 4, 5].map(() => ann.ask(callback)))).map(({ status }) => status)
      expect(statuses.sort()).toEqual([303, 400, 400, 400, 400])
      expect((await ann.ask(callback)).status).toBe(400)
    }
  })
}

/** What stands in the database: tried on each. */
export function storeClaims(world: World, django: 'hub' | 'news'): void {
  test('the groups know Django’s session as they know Node’s', async () => {
    const { browser, django: server, originOf, userId } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const key = ann.at(originOf(django)).cookies.get('sessionid') as string
    const { link, groups } = JSON.parse(await server.python(READ_LINK, key)) as Linked
    expect(link).toEqual({ g: expect.any(String), a: expect.any(Number), k: expect.any(String), e: expect.any(Number) })
    const named = {
      [groupOf('gid', link.g)]: [0, link.e * 1000],
      [groupOf('user', String(userId))]: [link.a, link.e * 1000],
    }
    expect(groups).toEqual(named)
    // What Node would write of it is what it says already, so that Node's sites need not.
    const { sessions } = world().site('shop')
    expect(await sessionIn(sessions.open(key), '_sso')).toEqual(link)
  })

  test('a session that ends with the browser at the hub does so on a member, and says when the user proved who they are', async () => {
    const { browser, django: server, logIn, originOf, site, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    const keyOn = (name: Name) => ann.at(originOf(name)).cookies.get('sessionid') as string
    const member = django === 'hub' ? 'shop' : 'news'
    const cookie = async () =>
      (await ann.ask((await ticketFor(ann, member)).href)).setCookies.find((each) => each.startsWith('sessionid='))
    expect(await cookie()).toMatch(/Max-Age=/i)
    await server.python(SAY_MORE, keyOn('hub'))
    expect(await cookie()).not.toMatch(/Max-Age=|undefined/i)
    const session = site('shop').sessions.open(keyOn(member))
    await session.load()
    expect([session.getExpireAtBrowserClose(), session.get('_sojourn_auth_time')]).toEqual([true, 1000])
  })

  test.each(['cycle_key', 'password'] as const)(
    'a key that Django changed (%s) does not outlive the logout',
    async (how) => {
      const { browser, django: server, logIn, logOut, originOf, site, who } = world()
      const ann = browser()
      await everywhere(world(), ann)
      const { cookies } = ann.at(originOf(django))
      const before = cookies.get('sessionid')
      // The password stays what it is; its hash has a new salt.
      if (how === 'password') await post(ann, `${originOf(django)}/django/password`, { password: 'a long password' })
      else await post(ann, `${originOf(django)}/django/ops`, [['cycle_key']])
      const key = cookies.get('sessionid') as string
      expect([key === before, await who(ann, django)]).toEqual([false, 'ann'])
      const from = django === 'hub' ? 'shop' : 'hub'
      await logOut(ann, from)
      expect(await server.python(IS_STORED, key)).toBe('True')
      expect(await who(ann, django)).toBe('nobody')
      // The browser still has it, as a thief might.
      cookies.set('sessionid', key)
      expect(await who(ann, django)).toBe('nobody')
      expect(await sessionIn(site('shop').sessions.open(key), '_auth_user_id')).toBeUndefined()
      await logIn(ann)
    },
  )

  test('a login that may last until a moment is over then', async () => {
    const { browser, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const second = Math.floor(Date.now() / 1000)
    await post(ann, `${originOf(django)}/django/ops`, [['set', '_sojourn_end', second + 3600]])
    expect(await who(ann, django)).toBe('ann')
    await post(ann, `${originOf(django)}/django/ops`, [['set', '_sojourn_end', second - 1]])
    expect(await who(ann, django)).toBe('nobody')
  })

  test('a mark that somebody else makes later meanwhile stays so', async () => {
    const { django: server, site } = world()
    const marks = await server.python(MARK_MEANWHILE)
    expect(JSON.parse(marks)).toEqual([true, true, true])
    expect(await site('shop').store.links.get(`tomb.${groupOf('gid', 'meanwhile')}`)).toBe(
      '4000000000000 5000000000000',
    )
  })

  test('a session that Django makes longer is told to its groups, and its logout is known for as long', async () => {
    const { browser, django: server, logOut, originOf, site } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const key = ann.at(originOf(django)).cookies.get('sessionid') as string
    const ends = async () =>
      Object.values((JSON.parse(await server.python(READ_LINK, key)) as Linked).groups).map(([, end]) => end)
    const before = Math.max(...(await ends()))
    await post(ann, `${originOf(django)}/django/ops`, [['set', 'some', 'thing']])
    expect(await ends()).toEqual([before, before])
    await post(ann, `${originOf(django)}/django/ops`, [['set_expiry', 100 * DAY]])
    expect(Math.min(...(await ends()))).toBeGreaterThan(Date.now() + 199 * DAY * 1000)
    const { link } = JSON.parse(await server.python(READ_LINK, key)) as Linked
    await logOut(ann, django)
    const mark = await site('shop').store.links.get(`tomb.${groupOf('gid', link.g)}`)
    expect(Number(mark?.split(' ')[1])).toBeGreaterThan(Date.now() + 199 * DAY * 1000)
  })

  test('Node ends a session whose key Django changed before the logout, where it sees it first', async () => {
    const { browser, django: server, logOut, originOf, site } = world()
    const ann = browser()
    await everywhere(world(), ann)
    await post(ann, `${originOf(django)}/django/ops`, [['cycle_key']])
    const key = ann.at(originOf(django)).cookies.get('sessionid') as string
    await logOut(ann, django === 'hub' ? 'shop' : 'hub')
    expect(await sessionIn(site('shop').sessions.open(key), '_auth_user_id')).toBeUndefined()
    expect(await server.python(IS_STORED, key)).toBe('False')
  })
}

/** The same, of a Django that is a member. */
export function memberStoreClaims(world: World): void {
  test.each([
    ['before the groups are told', 'gid.'],
    ['while they are told', 'user.'],
    ['after the session was stored', ''],
  ])('a logout in the middle of a login (%s) ends it', async (_, group) => {
    const { browser, django, logIn, logOut, originOf, site, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    const hubKey = ann.at(originOf('hub')).cookies.get('sessionid') as string
    const { g: login } = (await sessionIn(site('hub').sessions.open(hubKey), '_sso')) as { readonly g: string }
    const name = `${django.url} ${group}`
    await django.python(PAUSE, { group, name })
    const gate = django.gate(name)
    const answer = ann.ask(callback.href)
    await gate.arrived()
    await logOut(ann, 'hub')
    await gate.open()
    expect((await answer).status).toBe(400)
    await django.python(GO_ON)
    expect(await who(ann, 'news')).toBe('nobody')
    expect(await django.python(COUNT_OF_LOGIN, login)).toBe('0')
  })
}

/** The same, of a Django that is the hub. */
export function hubStoreClaims(world: World): void {
  test.each([
    ['before the groups are told', 'gid.'],
    ['after the session was stored', ''],
  ])('a logout while the hub makes a ticket (%s) leads to the login page', async (_, group) => {
    const { browser, django, logOut, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const { href } = await grantUrl(world(), ann)
    const name = `${django.url} ${group}`
    await django.python(PAUSE, { group, name })
    const answer = ann.ask(href)
    await django.gate(name).arrived()
    await logOut(ann, 'shop')
    await django.gate(name).open()
    expect((await answer).headers.location).toMatch(/^\/login\?next=/)
    await django.python(GO_ON)
    expect(await who(ann, 'hub')).toBe('nobody')
  })

  test('a login that has given out no ticket yet ends with the others of its user', async () => {
    const { browser, site, userId, who } = world()
    const ann = browser()
    await logInAtHub(world(), ann, 'ann')
    expect(await who(ann, 'hub')).toBe('ann')
    await site('shop').sessions.endSessions({ user: userId })
    expect(await who(ann, 'hub')).toBe('nobody')
  })

  test('somebody else who logs in ends the login before theirs, on all sites', async () => {
    const { browser, django, who } = world()
    await django.createUser('bob', 'a long password')
    const ann = browser()
    await everywhere(world(), ann)
    await logInAtHub(world(), ann, 'bob')
    expect([await who(ann, 'hub'), await who(ann, 'shop')]).toEqual(['bob', 'nobody'])
  })

  test('also where another tab has come for the first ticket of the one before meanwhile', async () => {
    const { browser, django, originOf, who } = world()
    await django.createUser('eve', 'a long password')
    const ann = browser()
    await everywhere(world(), ann)
    // As the session was read before that tab came.
    await django.python(FORGET_GROUP, ann.at(originOf('hub')).cookies.get('sessionid'))
    await logInAtHub(world(), ann, 'eve')
    expect([await who(ann, 'hub'), await who(ann, 'shop')]).toEqual(['eve', 'nobody'])
  })

  test('that is seen by all at once, also where the page is one transaction', async () => {
    expect(await world().django.python(NOTE_IN_TRANSACTION)).toBe('[false, true]')
  })

  test('two tabs that come at once to a login of no group give it the same', async () => {
    const { browser, django } = world()
    const ann = browser()
    await logInAtHub(world(), ann, 'ann')
    const urls = [await grantUrl(world(), ann), await grantUrl(world(), ann)]
    await django.python(`${SQL}execute("DELETE FROM sojourn_record")`)
    await Promise.all(urls.map(({ href }) => ann.ask(href)))
    const [granted, logins] = JSON.parse(await django.python(LOGINS_OF_TICKETS)) as readonly number[]
    expect([granted, logins]).toEqual([2, 1])
  })
}

/** Of a Django that is one of the sites: its routes, whatever else it is. */
export function routeClaims(world: World, django: Name): void {
  test('a logout by GET is refused, and by a form of another site too', async () => {
    const { browser, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    expect((await ann.ask(`${originOf(django)}/sso/logout`)).status).toBe(405)
    const forged = await ann.at(originOf(django)).post('/sso/logout', { csrfmiddlewaretoken: 'x'.repeat(64) })
    expect([forged.status, await who(ann, django)]).toEqual([403, 'ann'])
  })

  test('names are made as in Node, whatever is in them', async () => {
    const parts = ['https://op.example/é', 'client "1"\n\\', '\u007f\u2028😀', '7']
    const named = await world().django.python(
      'from sojourn_sso import links\nprint(links.group_of("sid", *args), end="")',
      parts,
    )
    expect(named).toBe(groupOf('sid', ...parts))
  })

  test('a page that does not look at the session does not vary with it', async () => {
    const { browser, originOf } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const plain = await ann.ask(`${originOf(django)}/django/plain`)
    expect([plain.text, plain.headers.vary]).toEqual(['plain', undefined])
    expect((await ann.ask(`${originOf(django)}/django/whoami`)).headers.vary).toContain('Cookie')
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    '///evil.example',
  ])('a login leads to a page of this site, whatever next says: %j', async (next) => {
    const { browser, logIn, originOf } = world()
    const ann = browser()
    await logIn(ann)
    const { hops } = await ann.visit(`${originOf(django)}/sso/begin?next=${encodeURIComponent(next)}`)
    expect(hops.map((hop) => new URL(hop).hostname).filter((host) => !host.endsWith('.localhost'))).toEqual([])
  })

  test('nothing may be framed, kept or told to the next page, and nothing is loaded ahead', async () => {
    const { browser, logIn, originOf, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann, 'shop')
    const begun = await ann.ask(`${originOf('news')}/sso/begin`)
    const url = django === 'hub' ? String(begun.headers.location) : (await ticketFor(ann, 'news')).href
    for (const name of ['sec-purpose', 'purpose']) {
      const ahead = await ann.ask(url, { [name]: 'prefetch;prerender' })
      expect([ahead.status, ahead.setCookies]).toEqual([503, []])
    }
    const framed = await ann.ask(url, { 'sec-fetch-dest': 'iframe' })
    expect([framed.status, framed.setCookies]).toEqual([400, []])
    const answer = await ann.ask(django === 'hub' ? url : (await ticketFor(ann, 'news')).href)
    expect(answer.status).toBe(303)
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    })
    if (django === 'news') expect(await who(ann, 'news')).toBe('ann')
  })
}

/** Of a Django that is a member. */
export function memberClaims(world: World): void {
  test('a path that no cookie could keep gives way to the usual one', async () => {
    const { browser, logIn, originOf } = world()
    const ann = browser()
    await logIn(ann)
    const { hops } = await ann.visit(`${originOf('news')}/sso/begin?next=/${'a'.repeat(1100)}`)
    expect(hops.filter((hop) => hop.includes('aaaa'))).toHaveLength(1)
  })

  test.each<[string, string, (url: URL) => void]>([
    ['another issuer', 'issuer', (url) => url.searchParams.set('iss', 'https://evil.example/sso/')],
    ['no issuer', 'issuer', (url) => url.searchParams.delete('iss')],
    ['another state', 'transaction', (url) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', 'transaction', (url) => url.searchParams.delete('state')],
    ['two states', 'transaction', (url) => url.searchParams.append('state', 'x'.repeat(43))],
    ['another ticket', 'ticket', (url) => url.searchParams.set('ticket', 'x'.repeat(43))],
    ['two tickets', 'ticket', (url) => url.searchParams.append('ticket', 'x'.repeat(43))],
    ['no ticket', 'ticket', (url) => url.searchParams.delete('ticket')],
  ])('a callback with %s is refused', async (_, reason, change) => {
    const { browser, django, logIn, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    change(callback)
    expect((await ann.ask(callback.href)).status).toBe(400)
    await expect.poll(() => lastReason(django)).toBe(reason)
    expect(await who(ann, 'news')).toBe('nobody')
  })

  test.each([
    ['audience', { aud: 'https://shop.example' }],
    ['verifier', { challenge: 'x'.repeat(43) }],
    ['user', { user: '4711' }],
    ['user', { hash: 'of another password' }],
    ['user', { backend: 'elsewhere.Backend' }],
  ])('a ticket with another %s is refused (%j)', async (reason, change) => {
    const { browser, django, logIn, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    await django.python(CHANGE_TICKETS, change)
    expect((await ann.ask(callback.href)).status).toBe(400)
    await expect.poll(() => lastReason(django)).toBe(reason)
    expect(await who(ann, 'news')).toBe('nobody')
  })

  test('a provider’s logout ends a session that came of its login at the hub, and so does the end of that login', async () => {
    const { browser, django, logIn, site, ticketFor, who } = world()
    const provider = { i: 'https://op.example', c: 'client', s: 'session of the provider', u: 'ann there', t: 1 }
    const ann = browser()
    await logIn(ann)
    const first = await ticketFor(ann, 'news')
    await django.python(CHANGE_TICKETS, { provider })
    await ann.ask(first.href)
    expect(await who(ann, 'news')).toBe('ann')
    await site('hub').sessions.endSessions({ iss: provider.i, clientId: provider.c, sid: provider.s })
    expect(await who(ann, 'news')).toBe('nobody')
    for (const [end, name] of [
      [Math.floor(Date.now() / 1000) + 60, 'ann'],
      [1, 'nobody'],
    ] as const) {
      const callback = await ticketFor(ann, 'news')
      await django.python(CHANGE_TICKETS, { end })
      await ann.ask(callback.href)
      expect(await who(ann, 'news')).toBe(name)
    }
  })

  test('a user who may not log in any more is refused', async () => {
    const { browser, django, logIn, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    await django.python(SET_ACTIVE, false)
    expect((await ann.ask(callback.href)).status).toBe(400)
    await django.python(SET_ACTIVE, true)
  })

  test('a ticket whose time is over is refused', async () => {
    const { browser, django, logIn, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    const callback = await ticketFor(ann, 'news')
    await django.python(
      `${SQL}execute("UPDATE sojourn_record SET expires = %s WHERE name LIKE %s", [links.now(), 'tk.%'])`,
    )
    expect((await ann.ask(callback.href)).status).toBe(400)
  })

  test('a callback that an attacker has begun is refused to the victim, and worth nothing afterwards', async () => {
    const { browser, logIn, ticketFor, who } = world()
    const [ann, mallory] = [browser(), browser()]
    await logIn(mallory)
    const callback = (await ticketFor(mallory, 'news')).href
    expect((await ann.ask(callback)).status).toBe(400)
    expect(await who(ann, 'news')).toBe('nobody')
    expect((await mallory.ask(callback)).status).toBe(400)
  })

  test('a stolen ticket in a login of the thief’s own is refused', async () => {
    const { browser, logIn, ticketFor, who } = world()
    const [ann, mallory] = [browser(), browser()]
    await logIn(ann)
    await logIn(mallory)
    const callback = await ticketFor(mallory, 'news')
    callback.searchParams.set('ticket', (await ticketFor(ann, 'news')).searchParams.get('ticket') as string)
    expect((await mallory.ask(callback.href)).status).toBe(400)
    expect(await who(mallory, 'news')).toBe('nobody')
  })

  test.each([
    ['was changed', '{**begun, "next": "/elsewhere"}', 'value + "x"', 0],
    ['was begun for another site', '{**begun, "of": "https://shop.example"}', 'value', 0],
    ['was begun under another state', '{**begun, "state": "x" * 43}', 'value', 0],
    ['was made for something else', 'begun', 'signing.dumps(begun, salt="elsewhere")', 0],
    ['was begun too long ago', 'begun', 'value', 601],
  ])('a login that %s is refused', async (_, begun, value, age) => {
    const { browser, django, logIn, originOf, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann)
    const { cookies } = ann.at(originOf('news'))
    const callback = await ticketFor(ann, 'news')
    const [name, given] = (/__Host-sso-[^=]+=[^;]+/.exec(cookies.header())?.[0] ?? '').split('=')
    const forged = (b: string, v: string, seconds: number): Promise<string> =>
      django.python(FORGE.replace('BEGUN', b).replace('VALUE', v), { value: given, age: seconds })
    cookies.set(name as string, await forged(begun, value, age))
    expect((await ann.ask(callback.href)).status).toBe(400)
    await expect.poll(() => lastReason(django)).toBe('transaction')
    expect(await who(ann, 'news')).toBe('nobody')
    // The same way of forging, with nothing forged, is taken.
    const again = await ticketFor(ann, 'news')
    const right = (/__Host-sso-[^=]+=[^;]+/.exec(cookies.header())?.[0] ?? '').split('=')
    cookies.set(
      right[0] as string,
      await django.python(FORGE.replace('BEGUN', 'begun').replace('VALUE', 'value'), { value: right[1], age: 500 }),
    )
    expect((await ann.ask(again.href)).status).toBe(303)
  })

  test('two tabs at once both arrive, and a sixth takes the place of the first', async () => {
    const { browser, logIn, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    const callbacks: URL[] = []
    for (let tab = 0; tab < 6; tab++) callbacks.push(await ticketFor(ann, 'news'))
    const answers: number[] = []
    for (const { href } of callbacks) answers.push((await ann.ask(href)).status)
    expect(answers).toEqual([400, 303, 303, 303, 303, 303])
  })

  test('what a visitor did before login stays, under a new key', async () => {
    const { browser, logIn, originOf, ticketFor, who } = world()
    const ann = browser()
    await logIn(ann)
    const { cookies } = ann.at(originOf('news'))
    await post(ann, `${originOf('news')}/django/ops`, [['set', 'cart', ['apple']]])
    const before = cookies.get('sessionid')
    expect((await ann.ask((await ticketFor(ann, 'news')).href)).status).toBe(303)
    expect(cookies.get('sessionid')).not.toBe(before)
    const got = await post(ann, `${originOf('news')}/django/ops`, [['get', 'cart']])
    expect(got.json<{ results: unknown }>().results).toEqual([['apple']])
    expect(await who(ann, 'news')).toBe('ann')
  })
}

/** Of a Django that is the hub. */
export function hubClaims(world: World): void {
  test.each([
    ['site', 'nobody'],
    ['site', 'hub'],
    ['site', 'https://evil.example/'],
    ['state', 'short'],
    ['challenge', 'short'],
    ['challenge', `${'x'.repeat(42)}é`],
  ])('a wish with %s %j is refused', async (name, value) => {
    const { browser, logIn } = world()
    const ann = browser()
    await logIn(ann)
    const url = await grantUrl(world(), ann)
    url.searchParams.set(name, value)
    expect((await ann.ask(url.href)).status).toBe(400)
    const twice = await grantUrl(world(), ann)
    twice.searchParams.append(name, twice.searchParams.get(name) as string)
    expect((await ann.ask(twice.href)).status).toBe(400)
  })

  test('who is nobody at the hub is sent to its login page, and silently back', async () => {
    const { browser, originOf } = world()
    const stranger = browser()
    const url = await grantUrl(world(), stranger)
    const asked = await stranger.ask(url.href)
    expect(asked.headers.location).toBe(
      `/login?next=${encodeURIComponent(url.pathname + url.search).replaceAll('%2F', '/')}`,
    )
    url.searchParams.set('prompt', 'none')
    const silent = new URL(String((await stranger.ask(url.href)).headers.location))
    expect([silent.origin, silent.searchParams.get('error')]).toEqual([originOf('news'), 'login_required'])
    expect((await stranger.ask(silent.href)).headers.location).toBe('/')
  })

  test('whoever is to prove anew who they are is sent to its login page, and has their ticket after that', async () => {
    const { browser, logIn } = world()
    const ann = browser()
    await logIn(ann)
    const url = await grantUrl(world(), ann)
    url.searchParams.set('prompt', 'login')
    const asked = new URL(String((await ann.ask(url.href)).headers.location), url)
    expect(asked.pathname).toBe('/login')
    const again = new URL(String(asked.searchParams.get('next')), url)
    expect(again.searchParams.has('prompt')).toBe(false)
    expect((await ann.ask(again.href)).headers.location).toMatch(/[?&]ticket=/)
  })

  test('a ticket says what a provider calls the login, and when it is over', async () => {
    const { browser, django, logIn, originOf, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    const provider = { i: 'https://op.example', c: 'client', s: 'session of the provider', u: 'ann there', t: 1 }
    const end = Math.floor(Date.now() / 1000) + 60
    await django.python(SAY_PROVIDER, { key: ann.at(originOf('hub')).cookies.get('sessionid'), provider, end })
    await django.python(`${SQL}execute("DELETE FROM sojourn_record")`)
    await ticketFor(ann, 'news')
    expect(JSON.parse(await django.python(TICKET_VALUE))).toMatchObject({ provider, end })
  })

  test('a ticket is good for half a minute, and stored under its hash', async () => {
    const { browser, django, logIn, ticketFor } = world()
    const ann = browser()
    await logIn(ann)
    await django.python(`${SQL}execute("DELETE FROM sojourn_record")`)
    const ticket = (await ticketFor(ann, 'news')).searchParams.get('ticket') as string
    const [[name, lasts]] = JSON.parse(await django.python(READ_TICKETS)) as [[string, number]]
    expect(name).toBe(recordOf('tk', ticket))
    expect(lasts).toBeLessThanOrEqual(30_000)
  })

  test('of a session no more than thirty tickets are under way', async () => {
    const { browser, logIn } = world()
    const ann = browser()
    await logIn(ann)
    const url = await grantUrl(world(), ann)
    const statuses: number[] = []
    for (let i = 0; i < 31; i++) statuses.push((await ann.ask(url.href)).status)
    expect(statuses.filter((status) => status === 303)).toHaveLength(29)
    expect(statuses.at(-1)).toBe(429)
  })
}

/** Of a Django whose sessions no other site can delete, since they are cookies or copies in its cache: the middleware alone ends them. */
export function keptClaims(world: World, django: 'hub' | 'news'): void {
  test('a cookie that somebody has kept is worth nothing after the logout', async () => {
    const { browser, logOut, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const { cookies } = ann.at(originOf(django))
    const kept = cookies.get('sessionid') as string
    await logOut(ann, 'shop')
    cookies.set('sessionid', kept)
    expect(await who(ann, django)).toBe('nobody')
    expect(cookies.get('sessionid')).toBeUndefined()
  })
}

/** Of a Django whose sessions are cookies. */
export function cookieClaims(world: World, django: 'hub' | 'news'): void {
  const links = () => world().site('shop').store.links
  const known = async () =>
    (await links().members(groupOf('user', String(world().userId)))).filter(({ key }) => key.startsWith('-'))

  /** The cookie that the visitor has, with another time until when its groups know it. */
  async function knownUntil(ann: Browser, seconds: number): Promise<void> {
    const { cookies } = ann.at(world().originOf(django))
    cookies.set('sessionid', await world().django.python(KNOWN_UNTIL, [cookies.get('sessionid'), seconds]))
  }

  test('the groups know of a login until when its cookie may live, and so long a logout is known', async () => {
    const { browser, logOut } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const last = Math.max(...(await known()).map(({ expires }) => expires))
    expect(last).toBeGreaterThan(Date.now() + 199 * DAY * 1000)
    const { g } = await linkIn(ann)
    await logOut(ann, 'shop')
    const mark = await links().get(`tomb.${groupOf('gid', g)}`)
    expect(Number(mark?.split(' ')[1])).toBeGreaterThan(Date.now() + 199 * DAY * 1000)
  })

  test('they hear of it again when it is sent anew and may live longer, and not before', async () => {
    const { browser, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const before = await known()
    await post(ann, `${originOf(django)}/django/ops`, [['set', 'some', 'thing']])
    expect(await known()).toEqual(before)
    await knownUntil(ann, Math.floor(Date.now() / 1000) + 99 * DAY)
    expect(await who(ann, django)).toBe('ann')
    expect((await linkIn(ann)).e).toBeLessThan(Date.now() / 1000 + 100 * DAY)
    await links().leave(
      groupOf('user', String(world().userId)),
      before.map(({ key }) => key),
    )
    // Django goes by the signature's age, whatever a session says of its own.
    await post(ann, `${originOf(django)}/django/ops`, [['set_expiry', 60]])
    expect((await linkIn(ann)).e).toBeGreaterThan(Date.now() / 1000 + 199 * DAY)
    expect(await known()).toHaveLength(1)
  })

  test('one that they know no longer is over', async () => {
    const { browser, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    await knownUntil(ann, Math.floor(Date.now() / 1000) - 1)
    expect(await who(ann, django)).toBe('nobody')
    expect(ann.at(originOf(django)).cookies.get('sessionid')).toBeUndefined()
  })

  async function linkIn(ann: Browser): Promise<{ readonly g: string; readonly e: number }> {
    const { originOf } = world()
    return JSON.parse(await world().django.python(LINK_IN_COOKIE, ann.at(originOf(django)).cookies.get('sessionid')))
  }
}

/** Of a Django without the middleware, and without that for forms: what the guide says that it is there for. */
export function limitClaims(world: World): void {
  test('a logout elsewhere ends its sessions, but for one whose key it changed', async () => {
    const { browser, logOut, originOf, who } = world()
    const [ann, bob] = [browser(), browser()]
    await everywhere(world(), ann)
    await everywhere(world(), bob)
    await post(bob, `${originOf('news')}/django/ops`, [['cycle_key']])
    await logOut(ann, 'hub')
    await logOut(bob, 'hub')
    expect([await who(ann, 'news'), await who(bob, 'news')]).toEqual(['nobody', 'ann'])
  })

  test('a logout by a form of another site is refused, also where Django looks at no other form', async () => {
    const { browser, originOf, who } = world()
    const ann = browser()
    await everywhere(world(), ann)
    const forged = await ann.at(originOf('news')).post('/sso/logout', { csrfmiddlewaretoken: 'x'.repeat(64) })
    expect([forged.status, await who(ann, 'news')]).toEqual([403, 'ann'])
  })
}

/** Where a member sends a browser to for a ticket. */
async function grantUrl({ originOf }: DjangoSites, browser: Browser): Promise<URL> {
  const begun = await browser.ask(`${originOf('news')}/sso/begin?next=/`)
  return new URL(String(begun.headers.location))
}

/** Logs somebody in on all three sites. */
async function everywhere({ logIn, originOf }: DjangoSites, browser: Browser): Promise<void> {
  await logIn(browser, 'shop')
  await browser.visit(`${originOf('news')}/sso/begin?next=/`)
}

function post(browser: Browser, url: string, value: unknown) {
  const { pathname } = new URL(url)
  const headers = { 'Content-Type': 'application/json' }
  return browser.at(url).request('POST', pathname, { headers, body: JSON.stringify(value) })
}

function lastReason({ log }: Django): string | undefined {
  return [...log().matchAll(/login refused: (\w+)/g)].at(-1)?.[1]
}

async function sessionIn(
  session: { load(): unknown; get(name: string, otherwise?: unknown): unknown },
  name: string,
): Promise<unknown> {
  await session.load()
  return session.get(name, undefined)
}

interface Linked {
  readonly link: { readonly g: string; readonly a: number; readonly k: string; readonly e: number }
  readonly groups: Readonly<Record<string, readonly [number, number]>>
}

/** By the hub's own page, whoever is there. */
async function logInAtHub({ originOf }: DjangoSites, browser: Browser, username: string): Promise<void> {
  const login = `${originOf('hub')}/login`
  await browser.ask(login)
  await browser.at(login).post('/login', { username, password: 'a long password' })
}

const SQL = `
import json
from django.db import connection
from django.contrib.sessions.models import Session
from sojourn_sso import links, tickets
def execute(sql, values=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None
def column(sql, values=None):
    return [row[0] for row in execute(sql, values)]
`

const READ_LINK = `${SQL}
link = Session.objects.get(pk=args).get_decoded()['_sso']
rows = execute('SELECT grp, since, expires FROM sojourn_member WHERE session_key = %s', [args])
print(json.dumps({'link': link, 'groups': {row[0]: row[1:] for row in rows}}))
`

const MARK_MEANWHILE = `${SQL}
name, whole, others = 'tomb.' + links.group_of('gid', 'meanwhile'), links.rows, []
def rows(sql, *values):
    found = whole(sql, *values)
    if 'sojourn_record' in sql and len(others) < 2:
        others.append(1)
        moment = found[0][0].split()[0] if found else 4000000000000
        said = [f'{moment} 3000000000000', f'{moment} 5000000000000'][len(others) - 1]
        if not links.add('sojourn_record', name=name, value=said, expires=int(said.split()[1])):
            execute('UPDATE sojourn_record SET value = %s, expires = %s WHERE name = %s', [said, said.split()[1], name])
    return found
links.rows = rows
links.end('meanwhile')
links.rows = whole
_, (moment, until) = links.tombs([name]).popitem()
print(json.dumps([len(others) == 2, moment == 4e12, until == 5e12]), end='')
`

const IN_COOKIE = `
import json
from django.contrib.sessions.backends.signed_cookies import SessionStore
`

const LINK_IN_COOKIE = `${IN_COOKIE}
print(json.dumps(SessionStore(args)['_sso']), end='')
`

const KNOWN_UNTIL = `${IN_COOKIE}
session = SessionStore(args[0])
session['_sso'] = {**session['_sso'], 'e': args[1]}
session.save()
print(session.session_key, end='')
`

const IS_STORED = `${SQL}
print(Session.objects.filter(pk=args).exists(), end='')
`

const CHANGE_TICKETS = `${SQL}
for name, value in execute("SELECT name, value FROM sojourn_record WHERE name LIKE %s", ['tk.%']):
    execute('UPDATE sojourn_record SET value = %s WHERE name = %s', [json.dumps({**json.loads(value), **args}), name])
`

const SAY_PROVIDER = `
from django.contrib.sessions.backends.db import SessionStore
from sojourn_sso import links
session = SessionStore(args['key'])
session['_sso'] = {**session['_sso'], **args['provider']}
session[links.END_KEY] = args['end']
session.save()
`

const FORGET_GROUP = `
from django.contrib.sessions.backends.db import SessionStore
session = SessionStore(args)
session['_sso'] = {name: said for name, said in session['_sso'].items() if name != 'g'}
session.save()
`

const NOTE_IN_TRANSACTION = `${SQL}
from types import SimpleNamespace
from django.db import transaction
from sojourn_sso import views
name = 'tomb.' + links.group_of('gid', 'before')
session = {views.auth.SESSION_KEY: '2'}
views.IS_HUB, is_hub = False, views.IS_HUB
with transaction.atomic():
    views.note_login(SimpleNamespace(session=session, sojourn_login=('before', '1')))
    within = bool(links.tombs([name]))
views.IS_HUB = is_hub
print(json.dumps([within, bool(links.tombs([name]))]), end='')
`

const SAY_MORE = `
from django.contrib.sessions.backends.db import SessionStore
session = SessionStore(args)
session.set_expiry(0)
session['_sojourn_auth_time'] = 1000
session.save()
`

const TICKET_VALUE = `${SQL}
print(column("SELECT value FROM sojourn_record WHERE name LIKE %s", ['tk.%'])[0], end='')
`

const READ_TICKETS = `${SQL}
rows = execute("SELECT name, expires FROM sojourn_record WHERE name LIKE %s", ['tk.%'])
print(json.dumps([[name, expires - links.now()] for name, expires in rows]))
`

const LOGINS_OF_TICKETS = `${SQL}
tickets = column("SELECT value FROM sojourn_record WHERE name LIKE %s", ['tk.%'])
print(json.dumps([len(tickets), len({json.loads(ticket)['gid'] for ticket in tickets})]))
`

const COUNT_OF_LOGIN = `${SQL}
sessions = [session.get_decoded() for session in Session.objects.all()]
print(len([1 for session in sessions if session.get('_sso', {}).get('g') == args]), end='')
`

const SET_ACTIVE = `
from django.contrib.auth import get_user_model
get_user_model().objects.update(is_active=args)
`

const FORGE = `
import time
from unittest import mock
from django.core import signing
from sojourn_sso import tickets
begun = signing.loads(args['value'], salt=tickets.SALT)
begun = BEGUN
with mock.patch('time.time', return_value=time.time() - args['age']):
    value = signing.dumps(begun, salt=tickets.SALT)
    print(VALUE, end='')
`

const PAUSE = `
from djangosite.gates import gates
from sojourn_sso import links
links.whole = links.whole if hasattr(links, 'whole') else (links.put, links.is_over)
put, is_over = links.whole
def paused_put(table, names, **values):
    if args['group'] and names.get('grp', '').startswith(args['group']):
        gates[args['name']].pass_through()
    return put(table, names, **values)
def paused_is_over(session):
    if not args['group'] and session.get(links.LINK_KEY, {}).get('k') and session.modified:
        gates[args['name']].pass_through()
    return is_over(session)
links.put, links.is_over = paused_put, paused_is_over
`

const GO_ON = `
from sojourn_sso import links
links.put, links.is_over = links.whole
`
