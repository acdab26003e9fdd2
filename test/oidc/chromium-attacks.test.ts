import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type BrowserWorld,
  browserWorld,
  COOKIES,
  discovered,
  NOT_SHOWN,
  PROVIDER,
  RIVAL,
  type Seen,
  Visitor,
} from './browser-world.js'
import { ScriptedProvider } from './scripted-provider.js'
import type { Shop } from './world.js'

// A browser beside other tests may take its time.
vi.setConfig({ testTimeout: 120_000 })

const RANDOM = 'x'.repeat(43)

/** What a visitor may name to be led to another host (`evil`), as browsers and sloppy parsers read it. */
const ELSEWHERE: readonly ((evil: string) => string)[] = [
  (evil) => `//${evil}`,
  (evil) => `///${evil}`,
  (evil) => `/\\${evil}`,
  (evil) => `\\\\${evil}`,
  (evil) => `/\t/${evil}`,
  (evil) => ` //${evil}`,
  (evil) => `/..//${evil}`,
  (evil) => `https:${evil}`,
  (evil) => `https:/${evil}`,
  (evil) => `https://${evil}/`,
  (evil) => `%2f%2f${evil}`,
  (evil) => `@${evil}`,
  () => 'javascript:document.title="run"',
  () => 'data:text/html,run',
]

/** What an attacker may do to the address by which the provider leads back, and what the site calls that. */
const CHANGES: readonly [string, string, (query: URLSearchParams) => void][] = [
  ['without a state', 'transaction', (query) => query.delete('state')],
  ['with an empty state', 'transaction', (query) => query.set('state', '')],
  ['with the state of nobody', 'transaction', (query) => query.set('state', RANDOM)],
  ['with its state twice', 'transaction', (query) => query.append('state', query.get('state') as string)],
  ['with another state before its own', 'transaction', (query) => precede(query, 'state', RANDOM)],
  ['without an iss', 'OAUTH_INVALID_RESPONSE', (query) => query.delete('iss')],
  ['with the iss of another', 'OAUTH_INVALID_RESPONSE', (query) => query.set('iss', 'https://evil.gamma.test')],
  ['with two of iss', 'OAUTH_INVALID_RESPONSE', (query) => query.append('iss', 'https://evil.gamma.test')],
]

/** Rules by which a page has its browser load another one ahead. */
function speculation(kind: 'prefetch' | 'prerender', url: string): string {
  const rules = { [kind]: [{ source: 'list', urls: [url], eagerness: 'immediate' }] }
  return `<script type="speculationrules">${JSON.stringify(rules)}</script>`
}

function precede(query: URLSearchParams, name: string, value: string): void {
  const own = query.get(name) as string
  query.set(name, value)
  query.append(name, own)
}

describe.each(COOKIES)('in Chromium with third-party cookies %s', (_, thirdPartyCookies) => {
  let provider: ScriptedProvider
  let rival: ScriptedProvider
  let world: BrowserWorld
  let shop: Shop
  let ann: Visitor
  let mallory: Visitor

  beforeAll(async () => {
    provider = await ScriptedProvider.start(PROVIDER)
    rival = await ScriptedProvider.start(RIVAL)
    const config = await discovered(rival.issuer, 'shop')
    world = await browserWorld({
      issuer: provider.issuer,
      second: (origin) => ({
        config,
        redirectUri: `${origin}/staff/callback`,
        postLogoutUri: `${origin}/staff/logged-out`,
      }),
    })
    ;({ shop } = world)
    ann = await Visitor.start(thirdPartyCookies)
    mallory = await Visitor.start(thirdPartyCookies)
  }, 600_000)
  afterAll(async () => {
    for (const each of [ann, mallory, world, rival, provider]) await each?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    provider.play({})
    rival.play({})
    Object.assign(provider, { sub: 'ann', asks: false })
    for (const { context } of [ann, mallory]) await context.clearCookies()
  })

  const at = (path: string): string => shop.origin + path
  const reason = (): string | undefined => shop.events.at(-1)?.reason
  const session = async (visitor: Visitor): Promise<string | undefined> => (await visitor.cookies(shop, 'sessionid'))[0]

  /** Begins a login and goes as far as the address by which the provider would lead back. */
  async function callbackOf(visitor: Visitor): Promise<string> {
    let kept = ''
    provider.play({
      answer(url) {
        kept = url.href
        return new URL(provider.issuer)
      },
    })
    await visitor.logIn(shop)
    provider.play({})
    return kept
  }

  test('the browser is as it is meant to be', async () => {
    await ann.context.addCookies([
      { name: 'third', value: 'party', url: shop.origin, secure: true, httpOnly: true, sameSite: 'None' },
    ])
    await ann.framed(`${world.stranger}/`, at('/page'))
    const cookie = world.seen(shop, '/page').at(-1)?.headers.cookie
    expect(cookie).toBe(thirdPartyCookies ? 'third=party' : undefined)
  })

  describe('a callback', () => {
    test('that somebody else has begun is refused, and the victim keeps their own session (login CSRF)', async () => {
      const callback = await callbackOf(mallory)
      await ann.logIn(shop)
      provider.sub = 'mallory'
      const [key, asked] = [await session(ann), provider.timesAsked('/token')]
      await ann.openOwn(`${world.stranger}/`, `<a href="${callback.replaceAll('&', '&amp;')}">A kitten</a>`)
      const { status } = await world.answered(shop, '/oidc/callback', () => ann.page.click('a'))
      expect([status, reason()]).toEqual([400, 'transaction'])
      expect([await ann.who(shop), await session(ann)]).toEqual(['ann', key])
      expect(provider.timesAsked('/token')).toBe(asked)
      // The login is still its beginner's.
      await mallory.open(callback)
      expect(await mallory.who(shop)).toBe('mallory')
    })

    test('whose cookie a sibling host would plant is refused', async () => {
      const [callback, asked] = [await callbackOf(mallory), provider.timesAsked('/token')]
      const [cookie] = (await mallory.context.cookies(shop.origin)).filter(({ name }) => name.includes('sso-'))
      provider.sub = 'mallory'
      for (const attributes of ['Domain=alpha.test; Path=/; Secure', 'Path=/; Secure']) {
        await ann.plant(`${world.sibling}/`, `${cookie?.name}=${cookie?.value}; ${attributes}`)
        expect([await ann.open(callback), reason()]).toEqual([400, 'transaction'])
      }
      expect([await ann.who(shop), provider.timesAsked('/token')]).toEqual(['nobody', asked])
    })

    test('without its cookie is refused', async () => {
      const [callback, asked] = [await callbackOf(ann), provider.timesAsked('/token')]
      await ann.context.clearCookies()
      expect([await ann.open(callback), reason()]).toEqual([400, 'transaction'])
      expect([await ann.who(shop), provider.timesAsked('/token')]).toEqual(['nobody', asked])
    })

    test.each(CHANGES)('%s is refused before its code is shown to anybody', async (_title, why, change) => {
      const callback = new URL(await callbackOf(ann))
      const asked = provider.timesAsked('/token')
      change(callback.searchParams)
      expect([await ann.open(callback.href), reason()]).toEqual([400, why])
      expect([await ann.who(shop), provider.timesAsked('/token')]).toEqual(['nobody', asked])
    })

    test('that was used is refused, with the cookie that it had too, and the visitor stays logged in', async () => {
      const callback = await callbackOf(ann)
      const before = await ann.context.cookies(shop.origin)
      expect(await ann.open(callback)).toBe(200)
      const [key, asked] = [await session(ann), provider.timesAsked('/token')]
      expect([await ann.open(callback), reason()]).toEqual([400, 'transaction'])
      expect((await ann.page.reload())?.status()).toBe(400)
      await ann.context.addCookies(before.filter(({ name }) => name.startsWith('__Host-sso-')))
      expect([await ann.open(callback), reason()]).toEqual([400, 'used'])
      expect([await ann.who(shop), await session(ann)]).toEqual(['ann', key])
      expect(provider.timesAsked('/token')).toBe(asked)
    })

    test('of a login that nobody has begun is refused', async () => {
      const asked = provider.timesAsked('/token')
      const query = new URLSearchParams({ client_id: 'shop', redirect_uri: at('/oidc/callback') })
      await ann.page.goto(`${provider.issuer}/authorize?${query}`)
      expect(new URL(ann.page.url()).searchParams.get('code')).not.toBeNull()
      expect([world.seen(shop, '/oidc/callback').at(-1)?.status, reason()]).toEqual([400, 'transaction'])
      expect([await ann.who(shop), provider.timesAsked('/token')]).toEqual(['nobody', asked])
    })

    test('that fails tells the next page nothing, and has nothing foreign in it', async () => {
      const callback = `${at('/oidc/callback')}?code=secret&state=${RANDOM}`
      await ann.page.goto(callback)
      expect(await ann.page.locator('[src], [href]').count()).toBe(0)
      await ann.page.evaluate(`location.assign('/page?next')`)
      await ann.page.waitForURL(at('/page?next'))
      expect(world.seen(shop, '/page').at(-1)?.headers.referer).toBeUndefined()
      expect(await ann.page.evaluate('document.referrer')).toBe('')
    })

    test('that succeeds tells the next page nothing', async () => {
      provider.asks = true
      await ann.page.goto(at('/page'))
      await ann.page.click('#login')
      await ann.page.click('button')
      await ann.page.waitForURL(at('/page'))
      expect(await ann.page.locator('#who').innerText()).toBe('ann')
      expect(world.seen(shop, '/page').at(-1)?.headers.referer).toBeUndefined()
    })

    test.each(['error', 'error_description', 'error_uri'])('whose %s is a script does not run it', async (name) => {
      provider.play({
        answer(url) {
          url.searchParams.delete('code')
          url.searchParams.set('error', 'access_denied')
          url.searchParams.set(name, '<script>document.title = "run"</script>')
          return url
        },
      })
      expect(await ann.logIn(shop)).toBe(400)
      expect(await ann.page.title()).toBe('This login did not succeed')
      expect(await ann.page.content()).not.toContain('run')
    })
  })

  describe('two providers (mix-up)', () => {
    /** The rival leads whoever would log in with it on to the honest provider, for the answer to come back here. */
    function leadOn(route: string): void {
      rival.play({
        answer() {
          const query = new URLSearchParams(rival.seen.get('authorize'))
          query.set('redirect_uri', at(`/${route}/callback`))
          return new URL(`${provider.issuer}/authorize?${query}`)
        },
      })
    }

    test.each([
      ['its own callback', 'staff', 'OAUTH_INVALID_RESPONSE'],
      ['the other’s callback', 'oidc', 'transaction'],
    ])('the code of one is shown to nobody where it comes to %s by a login with the other', async (_title, to, why) => {
      leadOn(to)
      const asked = [provider.timesAsked('/token'), rival.timesAsked('/token')]
      expect([await ann.open(at('/staff/login?next=/page')), reason()]).toEqual([400, why])
      expect(new URL(ann.page.url()).searchParams.get('iss')).toBe(provider.issuer)
      expect([provider.timesAsked('/token'), rival.timesAsked('/token')]).toEqual(asked)
      expect(await ann.who(shop)).toBe('nobody')
    })

    test('the second one logs in where nobody interferes', async () => {
      await ann.open(at('/staff/login?next=/page'))
      expect(await ann.page.locator('#who').innerText()).toBe('ann')
    })
  })

  describe('a session cookie that an attacker has planted is worth nothing after the login (fixation)', () => {
    /** A session of the attacker's, which is alive. */
    async function own(): Promise<string> {
      const made = shop.site.sessions.open()
      made.set('cart', ['bait'])
      await made.save()
      return made.sessionKey as string
    }

    test('where they could write it into the browser', async () => {
      const planted = await own()
      await ann.context.addCookies([{ name: 'sessionid', value: planted, url: shop.origin, secure: true }])
      await ann.logIn(shop)
      expect(await ann.who(shop)).toBe('ann')
      expect(await ann.cookies(shop, 'sessionid')).not.toContain(planted)
      await isNobodys(planted)
    })

    test('where a sibling host planted it for the whole domain', async () => {
      const planted = await own()
      await ann.plant(`${world.sibling}/`, `sessionid=${planted}; Domain=alpha.test; Path=/; Secure`)
      await ann.page.goto(at('/page'))
      expect(world.seen(shop, '/page').at(-1)?.headers.cookie).toContain(planted)
      await ann.logIn(shop)
      expect(await ann.who(shop)).toBe('ann')
      expect(await ann.cookies(shop, 'sessionid')).toHaveLength(2)
      await isNobodys(planted)
    })

    /** Whoever comes with this key alone is nobody, and finds nothing. */
    async function isNobodys(key: string): Promise<void> {
      await mallory.context.addCookies([{ name: 'sessionid', value: key, url: shop.origin, secure: true }])
      await mallory.page.goto(at('/'))
      expect(await mallory.page.locator('body').innerText()).toBe('nobody null')
    }
  })

  describe('a login', () => {
    test.each(['next', 'target_link_uri'])('ends on the site itself, whatever %s says', async (name) => {
      const { host } = new URL(world.stranger)
      for (const write of ELSEWHERE) {
        const query = new URLSearchParams({ [name]: write(host) })
        await ann.page.goto(`${at('/oidc/login')}?${query}`)
        expect([write(host), new URL(ann.page.url()).origin]).toEqual([write(host), shop.origin])
        expect(await ann.page.title()).not.toBe('run')
      }
    })

    test('that a third party begins is begun and no more, and leads to the page of this site that they name', async () => {
      provider.asks = true
      const query = new URLSearchParams({ iss: provider.issuer, target_link_uri: at('/page?wanted') })
      const link = `${at('/oidc/login')}?${query}`.replaceAll('&', '&amp;')
      await ann.openOwn(`${world.stranger}/`, `<a href="${link}">To the shop</a>`)
      await ann.page.click('a')
      await ann.page.waitForURL((url) => url.origin === provider.issuer)
      const other = await ann.context.newPage()
      expect(await ann.who(shop, other)).toBe('nobody')
      await other.close()
      await ann.page.click('button')
      await ann.page.waitForURL(at('/page?wanted'))
      expect(await ann.page.locator('#who').innerText()).toBe('ann')
    })

    test('that a third party wants with another provider is refused', async () => {
      const query = new URLSearchParams({ iss: rival.issuer, target_link_uri: at('/page') })
      expect([await ann.open(`${at('/oidc/login')}?${query}`), reason()]).toEqual([400, 'issuer'])
    })

    /** What the shop is asked by a page that has this address loaded ahead: again, because no browser must, and one that is steered takes some of it back. */
    function askedAhead(url: string, by: string): Promise<Seen> {
      const once = async (): Promise<void> => {
        await ann.page.goto(at('/page'))
        await ann.append(by)
      }
      return vi.waitFor(() => world.answered(shop, new URL(url).pathname, once, { timeout: 5_000 }), {
        timeout: 40_000,
      })
    }

    test.each([
      ['prefetch', (url: string) => `<link rel="prefetch" href="${url.replaceAll('&', '&amp;')}">`],
      ['prefetch', (url: string) => speculation('prefetch', url)],
      ['prefetch;prerender', (url: string) => speculation('prerender', url)],
    ])('is begun by no browser that loads it ahead (%s), and used up by none', async (purpose, ahead) => {
      const callback = await callbackOf(ann)
      const before = await ann.cookies(shop, /^__Host-sso-/)
      for (const url of [at('/oidc/login?next=/page'), callback]) {
        const asked = await askedAhead(url, ahead(url))
        expect([asked.headers['sec-purpose'], asked.status]).toEqual([purpose, 503])
      }
      expect(await ann.cookies(shop, /^__Host-sso-/)).toEqual(before)
      expect(await ann.open(callback)).toBe(200)
      expect(await ann.who(shop)).toBe('ann')
    })
  })

  test.each([
    ['the login', () => '/oidc/login?next=/page'],
    ['a login that is refused', () => '/oidc/login?iss=https://evil.gamma.test'],
    ['a callback', async () => (await callbackOf(ann)).slice(shop.origin.length)],
    ['a callback that is refused', () => `/oidc/callback?code=x&state=${RANDOM}`],
    ['the logout', () => '/oidc/logout'],
    ['the return from a logout', () => '/oidc/logged-out'],
  ])('%s shows in no frame of another site', async (_title, path) => {
    const of = at(await path())
    expect(await ann.framed(`${world.stranger}/`, of)).toBe(NOT_SHOWN)
    expect(await ann.framed(`${world.stranger}/`, at('/page'))).toBe(at('/page'))
  })

  test.each([
    ['a sibling host', () => world.sibling],
    ['the site itself', () => shop.origin],
  ])('nothing of a login happens in a frame of %s, though the cookies come with it', async (_title, from) => {
    const [callback, asked] = [await callbackOf(ann), provider.timesAsked('/authorize')]
    for (const of of [callback, at('/oidc/login?next=/page')]) {
      expect([await ann.framed(`${from()}/`, of), reason()]).toEqual([NOT_SHOWN, 'frame'])
    }
    expect(world.seen(shop, '/oidc/callback').at(-1)?.headers.cookie).toContain('__Host-sso-')
    expect([await ann.who(shop), provider.timesAsked('/authorize')]).toEqual(['nobody', asked])
    await ann.open(callback)
    expect(await ann.who(shop)).toBe('ann')
  })

  describe('a logout', () => {
    beforeEach(async () => {
      await ann.logIn(shop)
    })

    /** Sends a form of this page; the status of the answer. */
    async function submitted(from: string, fields: Readonly<Record<string, string>>): Promise<number> {
      const hidden = Object.entries(fields).map(
        ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
      )
      const form = `<form method="post" action="${at('/oidc/logout')}">${hidden.join('')}<button>Win a kitten</button></form>`
      await ann.openOwn(`${from}/`, form)
      return (await world.answered(shop, '/oidc/logout', () => ann.page.click('button'))).status
    }

    test('by a link of another site is refused, and the visitor stays', async () => {
      await ann.openOwn(`${world.stranger}/`, `<a href="${at('/oidc/logout')}">A kitten</a>`)
      const { status, headers } = await world.answered(shop, '/oidc/logout', () => ann.page.click('a'))
      expect([status, headers.cookie]).toEqual([405, expect.stringContaining('sessionid=')])
      expect(await ann.who(shop)).toBe('ann')
    })

    test('by a picture of a sibling host is refused, and the visitor stays', async () => {
      const picture = `<img src="${at('/oidc/logout')}" alt="">`
      const show = (): Promise<void> => ann.openOwn(`${world.sibling}/`, picture)
      const { status, headers } = await world.answered(shop, '/oidc/logout', show)
      expect([status, headers.cookie]).toEqual([405, expect.stringContaining('sessionid=')])
      expect(await ann.who(shop)).toBe('ann')
    })

    test('by a form of another site is refused, and the visitor stays', async () => {
      expect(await submitted(world.stranger, {})).toBe(403)
      expect(await ann.who(shop)).toBe('ann')
    })

    test('by a form of a sibling host is refused, though the cookies come with it and a token that it planted', async () => {
      const token = randomBytes(16).toString('hex')
      await ann.plant(`${world.sibling}/`, `csrftoken=${token}; Domain=alpha.test; Path=/; Secure`)
      expect(await submitted(world.sibling, { csrfmiddlewaretoken: token })).toBe(403)
      const { cookie } = world.seen(shop, '/oidc/logout').at(-1)?.headers ?? {}
      expect(cookie).toContain(`csrftoken=${token}`)
      expect(cookie).toContain('sessionid=')
      expect(await ann.who(shop)).toBe('ann')
    })

    test('that is said to be over changes nothing', async () => {
      expect(await ann.open(`${at('/oidc/logged-out')}?state=${RANDOM}`)).toBe(400)
      expect(await ann.who(shop)).toBe('ann')
    })
  })
})
