import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type EngineName, engines, type RunningStore } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { type ClientMetadata, type Running, startProvider, startSite } from './processes.js'
import { Browser, type Visited } from './world.js'

/** A client of the provider; its logouts may be told to another process of the same site. */
function clientOf(name: string, site: Running, told: Running = site): ClientMetadata {
  return {
    client_id: name,
    redirect_uris: [`${site.origin}/oidc/callback`],
    post_logout_redirect_uris: [`${site.origin}/oidc/logged-out`],
    backchannel_logout_uri: `${told.origin}/oidc/backchannel`,
  }
}

/** Sends the form of a page of the provider's, with what its user would fill in. */
async function submit(browser: Browser, { url, response }: Visited, more: Record<string, string>): Promise<Visited> {
  const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(response.text) ?? []
  const hidden = [...response.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
  const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]))
  const there = new URL(action, url).href
  return browser.visit(there, await browser.post(there, { ...fields, ...more }))
}

const PASSWORD = { prompt: 'login', login: 'ann', password: 'any will do' }

/** Logs in with the provider's own form. */
async function logIn(browser: Browser, site: Running, path = '/'): Promise<Visited> {
  return submit(browser, await browser.logIn(site, `?next=${path}`), PASSWORD)
}

describe.each(['node20', 'node22'] as const)('oidc-provider 9 on %s', (runtime) => {
  let provider: Running
  let store: RunningStore
  let shop: Running
  let news: Running
  let ann: Browser

  beforeAll(async () => {
    provider = await startProvider(runtime)
    store = await engines.sqlite.start()
    const { origin: issuer } = provider
    shop = await startSite({ issuer, clientId: 'shop', store: store.address })
    news = await startSite({ issuer, clientId: 'news', store: store.address })
    await provider.tell([clientOf('shop', shop), clientOf('news', news)])
  }, 120_000)
  afterAll(async () => {
    for (const each of [shop, news, provider, store]) await each?.[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    ann = new Browser()
  })
  afterEach(() => ann[Symbol.dispose]())

  test('a first login leads to the page that was asked for, and a second site knows the visitor without a page', async () => {
    const first = await logIn(ann, shop, '/x')
    expect([first.url, first.response.text]).toEqual([`${shop.origin}/x`, 'ann null'])
    const second = await ann.logIn(news, '?next=/y')
    expect([second.url, second.response.text]).toEqual([`${news.origin}/y`, 'ann null'])
    expect(second.hops).toHaveLength(4)
  })

  test('where nobody is logged in, prompt=none leads back to the page without one', async () => {
    const { url, response } = await ann.logIn(news, '?next=/y&prompt=none')
    expect([url, response.text]).toEqual([`${news.origin}/y`, 'nobody null'])
  })

  test('a logout on one site ends the provider’s session and, by the back channel, the other site’s; another device stays', async () => {
    await logIn(ann, shop)
    await ann.logIn(news)
    using phone = new Browser()
    await logIn(phone, shop)
    const asked = await ann.logOut(shop)
    expect(asked.url).toContain(`${provider.origin}/session/end`)
    expect(await ann.who(shop)).toBe('nobody')
    expect(await ann.who(news)).toBe('ann')
    const back = await submit(ann, asked, { logout: 'yes' })
    expect(back.url).toBe(`${shop.origin}/`)
    expect(await ann.who(news)).toBe('nobody')
    expect(await phone.who(shop)).toBe('ann')
    expect((await ann.logIn(news, '?next=/y&prompt=none')).response.text).toBe('nobody null')
  })
})

const STORES: readonly EngineName[] = ['sqlite', 'postgres', 'redis']

for (const name of STORES) {
  const kind = engines[name]
  const missing = (await Promise.all(kind.servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`a logout at the provider, on ${name} ${missing ?? ''}`, () => {
    let provider: Running
    let store: RunningStore
    let here: Running
    let there: Running

    beforeAll(async () => {
      provider = await startProvider('node22')
      store = await kind.start()
      const site = { issuer: provider.origin, clientId: 'shop', store: store.address }
      here = await startSite(site)
      there = await startSite(site)
      await provider.tell([clientOf('shop', here, there)])
    }, 120_000)
    afterAll(async () => {
      for (const each of [here, there, provider, store]) await each?.[Symbol.asyncDispose]()
    })

    test('that is told to one process ends the session that another one serves, before the visitor sees that they are logged out', async () => {
      using ann = new Browser()
      expect((await logIn(ann, here)).response.text).toBe('ann null')
      const end = await ann.visit(`${provider.origin}/session/end`)
      const began = performance.now()
      await submit(ann, end, { logout: 'yes' })
      // The provider has waited for our answer, and that for the end of the session: nobody has to wait here.
      expect(await ann.who(here)).toBe('nobody')
      console.log(`${name}: over after ${Math.ceil(performance.now() - began)} ms`)
    })
  })
}
