import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { fetchHere } from '../support/fetch-here.js'
import { type BrowserWorld, browserWorld, COOKIES, NOT_SHOWN, PATIENCE, PROVIDER, Visitor } from './browser-world.js'
import { type ClientMetadata, type Running, startProvider } from './processes.js'
import { ScriptedProvider } from './scripted-provider.js'
import type { Shop } from './world.js'

// A browser beside other tests may take its time.
vi.setConfig({ testTimeout: 120_000 })

/** As oidc-provider knows a site. */
function clientOf([name, origin]: readonly [string, string]): ClientMetadata {
  return {
    client_id: name,
    redirect_uris: [`${origin}/oidc/callback`],
    post_logout_redirect_uris: [`${origin}/oidc/logged-out`],
    backchannel_logout_uri: `${origin}/oidc/backchannel`,
  }
}

describe.each(COOKIES)('in Chromium with third-party cookies %s, with oidc-provider', (_, thirdPartyCookies) => {
  let provider: Running
  let world: BrowserWorld
  let shop: Shop
  let news: Shop
  let ann: Visitor
  let phone: Visitor

  beforeAll(async () => {
    provider = await startProvider('node22', { host: PROVIDER })
    world = await browserWorld({
      issuer: provider.origin,
      begin: (origins) => provider.tell(Object.entries(origins).map(clientOf)),
    })
    ;({ shop, news } = world)
    ann = await Visitor.start(thirdPartyCookies)
    phone = await Visitor.start(thirdPartyCookies)
  }, 600_000)
  afterAll(async () => {
    for (const each of [ann, phone, world, provider]) await each?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    for (const { context } of [ann, phone]) await context.clearCookies()
  })

  /** Logs in on the provider's own page. */
  async function logIn(visitor: Visitor, { origin }: Shop): Promise<void> {
    const { page } = visitor
    await page.goto(`${origin}/page`)
    await page.click('#login')
    await page.waitForURL((url) => url.origin === provider.origin)
    await page.fill('[name=login]', 'ann')
    await page.fill('[name=password]', 'any will do')
    await page.click('[type=submit]')
    await page.waitForURL(`${origin}/page`)
  }

  test('a first login leads to the page that was asked for, and the next site knows the visitor without a page in between', async () => {
    await logIn(ann, shop)
    expect(await ann.page.locator('#who').innerText()).toBe('ann')
    const hops = await ann.hops(() => ann.page.goto(`${news.origin}/oidc/login?next=/page%3Fa`))
    expect(hops).toHaveLength(4)
    expect(ann.page.url()).toBe(`${news.origin}/page?a`)
    expect(await ann.page.locator('#who').innerText()).toBe('ann')
  })

  test('where nobody is logged in, prompt=none leads back to the page without one, and no further', async () => {
    const hops = await ann.hops(async () => {
      await ann.page.goto(`${news.origin}/oidc/login?next=/page&prompt=none`)
      await ann.page.waitForLoadState('networkidle')
    })
    expect(hops).toHaveLength(4)
    expect(ann.page.url()).toBe(`${news.origin}/page`)
    expect(await ann.page.locator('#who').innerText()).toBe('nobody')
  })

  test('a logout on one site is one on the other site and at the provider, and another device stays', async () => {
    await logIn(ann, shop)
    await ann.logIn(news)
    await logIn(phone, shop)
    expect(await ann.who(shop)).toBe('ann')
    await ann.page.click('#logout')
    await ann.page.click('[name=logout]')
    await ann.page.waitForURL(`${shop.origin}/`)
    expect([await ann.who(shop), await ann.who(news), await phone.who(shop)]).toEqual(['nobody', 'nobody', 'ann'])
    await ann.open(`${news.origin}/oidc/login?next=/page&prompt=none`)
    expect(await ann.page.locator('#who').innerText()).toBe('nobody')
  })

  test('two tabs that log in at once both arrive at their own page, and stay logged in', async () => {
    await logIn(ann, shop)
    const other = await ann.context.newPage()
    await Promise.all([
      ann.page.goto(`${news.origin}/oidc/login?next=/page%3Fa`),
      other.goto(`${news.origin}/oidc/login?next=/page%3Fb`),
    ])
    expect([ann.page.url(), other.url()]).toEqual([`${news.origin}/page?a`, `${news.origin}/page?b`])
    for (const page of [ann.page, other]) {
      expect(await page.locator('#who').innerText()).toBe('ann')
      expect(await ann.who(news, page)).toBe('ann')
    }
    await other.close()
  })
})

describe.each(COOKIES)(
  'in Chromium with third-party cookies %s, with a provider of a script',
  (_, thirdPartyCookies) => {
    let provider: ScriptedProvider
    let world: BrowserWorld
    let shop: Shop
    let ann: Visitor
    let phone: Visitor

    beforeAll(async () => {
      provider = await ScriptedProvider.start(PROVIDER)
      world = await browserWorld({ issuer: provider.issuer })
      ;({ shop } = world)
      ann = await Visitor.start(thirdPartyCookies)
      phone = await Visitor.start(thirdPartyCookies)
    }, 600_000)
    afterAll(async () => {
      for (const each of [ann, phone, world, provider]) await each?.[Symbol.asyncDispose]()
    })
    beforeEach(async () => {
      for (const { context } of [ann, phone]) await context.clearCookies()
    })

    /** Logs both devices in, each by a session of its own at the provider, whose names it gives. */
    async function logInBoth(sub: string): Promise<readonly string[]> {
      const sids: string[] = []
      provider.sub = sub
      for (const visitor of [ann, phone]) {
        provider.sid = `session-of-a-device-${crypto.randomUUID()}`
        sids.push(provider.sid)
        await visitor.logIn(shop)
        expect(await visitor.who(shop)).toBe(sub)
      }
      return sids
    }

    test('a logout token that names the user alone ends the sessions of all devices', async () => {
      await logInBoth('bea')
      const token = await provider.logoutToken('shop', { claims: { sid: undefined } })
      const body = new URLSearchParams({ logout_token: token })
      expect((await fetchHere(`${shop.origin}/oidc/backchannel`, { method: 'POST', body })).status).toBe(200)
      expect([await ann.who(shop), await phone.who(shop)]).toEqual(['nobody', 'nobody'])
    })

    test('a frame of the provider’s page ends the session, though no cookie comes with it, and another device stays', async () => {
      const [sid = ''] = await logInBoth('ann')
      const address = `${shop.origin}/oidc/frontchannel?${new URLSearchParams({ iss: provider.issuer, sid })}`
      expect(await ann.framed(`${provider.issuer}/`, address)).toBe(address)
      const asked = world.seen(shop, '/oidc/frontchannel').at(-1)
      expect([asked?.status, asked?.headers.cookie]).toEqual([200, undefined])
      expect([await ann.who(shop), await phone.who(shop)]).toEqual(['nobody', 'ann'])
    })

    test('nobody but the provider can frame that', async () => {
      const address = `${shop.origin}/oidc/frontchannel?sid=a-session-of-nobody`
      expect(await ann.framed(`${provider.issuer}/`, address)).toBe(address)
      for (const other of [world.stranger, world.sibling, shop.origin]) {
        expect(await ann.framed(`${other}/`, address)).toBe(NOT_SHOWN)
      }
    })

    test('a page that is under way while another tab comes back from the same login is the visitor’s', async () => {
      provider.sub = 'ann'
      const release = world.hold('/page?a')
      const first = ann.page.goto(`${shop.origin}/oidc/login?next=/page%3Fa`)
      await expect.poll(() => world.seen(shop, '/page').some(({ url }) => url.endsWith('?a')), PATIENCE).toBe(true)
      const other = await ann.context.newPage()
      await other.goto(`${shop.origin}/oidc/login?next=/page%3Fb`)
      release()
      await first
      for (const page of [ann.page, other]) {
        expect(await page.locator('#who').innerText()).toBe('ann')
        expect(await ann.who(shop, page)).toBe('ann')
      }
      await other.close()
    })
  },
)

describe.each(COOKIES)(
  'in Chromium with third-party cookies %s, with a Strict session cookie',
  (_, thirdPartyCookies) => {
    let provider: ScriptedProvider
    let world: BrowserWorld
    let ann: Visitor

    beforeAll(async () => {
      provider = await ScriptedProvider.start(PROVIDER)
      world = await browserWorld({ issuer: provider.issuer, settings: { sessionCookieSamesite: 'Strict' } })
      ann = await Visitor.start(thirdPartyCookies)
    }, 600_000)
    afterAll(async () => {
      for (const each of [ann, world, provider]) await each?.[Symbol.asyncDispose]()
    })

    test.each([
      ['without a page of the provider’s', false],
      ['by a click on the provider’s page', true],
    ])('a login %s ends on a page that knows the visitor, and is told nothing of it', async (_title, asks) => {
      const { shop } = world
      await ann.context.clearCookies()
      provider.asks = asks
      await ann.page.goto(`${shop.origin}/page?first`)
      await ann.page.click('#login')
      if (asks) await ann.page.click('button')
      await ann.page.waitForURL(`${shop.origin}/page`)
      expect(await ann.page.locator('#who').innerText()).toBe('ann')
      const [callback, page] = ['/oidc/callback', '/page'].map((path) => world.seen(shop, path).at(-1))
      expect([callback?.status, page?.headers.referer]).toEqual([200, undefined])
    })
  },
)
