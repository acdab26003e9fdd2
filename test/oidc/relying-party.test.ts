import * as openid from 'openid-client'
import { sojourn } from 'sojourn'
import { type UserBackend, userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { createRelyingParty } from 'sojourn/oidc'
import { testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LinkStore } from '../../src/core/link-store.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { groupOf, recordOf } from '../../src/wire/link-names.js'
import { SECRET } from '../support/sites.js'
import { CLIENT_SECRET, newKey, ScriptedProvider } from './scripted-provider.js'
import { Browser, backchannel, type Options, type Shop, type Visited, type World, world } from './world.js'

let provider: ScriptedProvider
let there: World
let shop: Shop
let ann: Browser
let clock = testClock()

async function open(options: Options = {}, settings: SettingsInput = {}): Promise<void> {
  there = await world({
    issuer: provider.issuer,
    settings: { sessionEngine: 'memory', databases: { default: 'sqlite::memory:' }, clock, ...settings },
    options: () => options,
  })
  shop = there.on('shop')
}

beforeEach(async () => {
  provider = await ScriptedProvider.start()
  ann = new Browser()
  clock = testClock(Math.floor(Date.now() / 1000) * 1000)
})
afterEach(async () => {
  ann[Symbol.dispose]()
  await there?.[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

const sessionOf = (browser: Browser): string | undefined => browser.at(shop.origin).cookies.get('sessionid')

describe('login', () => {
  test('what a visitor did before stays, under a new key, and the session says by what a logout finds it', async () => {
    await open()
    await ann.ask(`${shop.origin}/cart`)
    const before = sessionOf(ann)
    expect((await ann.logIn(shop)).response.text).toBe('ann ["apple"]')
    expect(sessionOf(ann)).not.toBe(before)
    const session = shop.site.sessions.open(sessionOf(ann) as string)
    await session.load()
    expect(session.get('_sso')).toMatchObject({ i: provider.issuer, c: 'shop', s: provider.sid, u: 'ann' })
    expect(JSON.stringify(Object.fromEntries(session))).not.toMatch(/eyJhbGci|access-|refresh-/)
  })

  test.each([
    ['the same session at the provider keeps the key', false, true],
    ['another session there gets a new one', true, false],
  ])('a second tab that comes back from %s', async (_, isOther, isKept) => {
    await open()
    const [first, second] = [await ann.callbackOf(shop), await ann.callbackOf(shop)]
    clock.turn(1)
    await ann.visit(first)
    const key = sessionOf(ann)
    if (isOther) provider.sid = 'another'
    expect((await ann.visit(second)).response.text).toBe('ann null')
    expect(sessionOf(ann) === key).toBe(isKept)
    expect((await backchannel(shop, await provider.logoutToken('shop'))).status).toBe(200)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test.each(['', '&prompt=login'])('a login that was begun after the one before gets a new key (%j)', async (more) => {
    await open()
    await ann.logIn(shop)
    const key = sessionOf(ann)
    clock.turn(more === '' ? 10 : 1)
    await ann.logIn(shop, `?next=/${more}`)
    expect([await ann.who(shop), sessionOf(ann) === key]).toEqual(['ann', false])
  })

  describe('proof of who somebody is', () => {
    const saysWhen = (at?: number): void => void provider.play({ idToken: (claims) => ({ ...claims, auth_time: at }) })
    const recent = async (): Promise<Visited> => ann.visit(`${shop.origin}/recent`)

    test('is what the provider says of it, and not that it has let them in', async () => {
      await open({}, { sessionAuthTime: true, loginUrl: '/oidc/login' })
      saysWhen()
      await ann.logIn(shop)
      await ann.logIn(shop)
      expect((await ann.ask(`${shop.origin}/recent`)).status).toBe(302)
      saysWhen(Math.floor(clock() / 1000) - 3600)
      await ann.logIn(shop)
      expect((await ann.ask(`${shop.origin}/recent`)).status).toBe(302)
      saysWhen(Math.floor(clock() / 1000))
      expect((await recent()).response.text).toBe('proved')
      expect(provider.seen.get('authorize')?.get('prompt')).toBe('login')
    })

    test('is asked for where the provider can say it, and nobody goes round for it', async () => {
      provider.play({
        metadata: (known) => ({ ...known, claims_parameter_supported: true }),
        idToken: (claims) => ({ ...claims, auth_time: undefined }),
      })
      await open({}, { sessionAuthTime: true, loginUrl: '/oidc/login' })
      await ann.logIn(shop)
      expect(provider.seen.get('authorize')?.get('claims')).toBe('{"id_token":{"auth_time":{"essential":true}}}')
      const { response, hops } = await recent()
      expect([response.status, hops.length]).toEqual([403, 4])
      expect(await ann.who(shop)).toBe('ann')
    })
  })

  test('whoever is unknown here is told so, and is nobody', async () => {
    await open()
    provider.sub = 'somebody else'
    const { response } = await ann.logIn(shop)
    expect([response.status, response.headers['cache-control']]).toEqual([403, expect.stringContaining('no-store')])
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('whoever is not active any more is told the same', async () => {
    await open({ mapUser: async () => ({ ...there.user, id: there.user.id, isActive: false }) as typeof there.user })
    expect((await ann.logIn(shop)).response.status).toBe(403)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    'https://evil.example/',
  ])('leads to a page of this site, whatever next or a third party says: %j', async (next) => {
    await open()
    for (const name of ['next', 'target_link_uri']) {
      const { url } = await ann.logIn(shop, `?${new URLSearchParams({ [name]: next })}`)
      expect(new URL(url).origin).toBe(shop.origin)
    }
  })

  test('of whoever would have to be asked, without a page, leads back, and nobody is logged in', async () => {
    await open()
    provider.play({
      answer(url) {
        url.searchParams.delete('code')
        url.searchParams.set('error', 'login_required')
        return url
      },
    })
    const { url, response } = await ann.logIn(shop, '?next=/x&prompt=none')
    expect(provider.seen.get('authorize')?.get('prompt')).toBe('none')
    expect([url, response.text]).toEqual([`${shop.origin}/x`, 'nobody null'])
  })

  test('an error of the provider’s is a page that says no more than that', async () => {
    await open()
    provider.play({
      answer(url) {
        url.searchParams.delete('code')
        url.searchParams.set('error', 'access_denied')
        url.searchParams.set('error_description', '<script>alert(1)</script>')
        return url
      },
    })
    const { response } = await ann.logIn(shop)
    expect(response.status).toBe(400)
    expect(response.text).not.toContain('alert')
    expect(shop.events.at(-1)).toMatchObject({ step: 'reject', reason: 'access_denied' })
  })

  test('of a site that the provider knows by another secret is a failure of the site, and told to whoever runs it', async () => {
    await open({ config: { issuer: provider.issuer, clientId: 'shop', clientSecret: 'another secret' } })
    const failures: unknown[] = []
    shop.site.on('request_failed', ({ error }) => failures.push(error))
    expect((await ann.logIn(shop)).response.status).toBe(400)
    expect([failures.length, shop.events.at(-1)]).toEqual([1, expect.objectContaining({ reason: 'invalid_client' })])
  })

  test('nothing of it may be framed, kept or told to the next page, and no browser loads it ahead', async () => {
    await open()
    const ahead = { 'sec-purpose': 'prefetch' }
    expect((await ann.ask(`${shop.origin}/oidc/login`, ahead)).status).toBe(503)
    const callback = await ann.callbackOf(shop)
    expect((await ann.ask(callback, ahead)).status).toBe(503)
    for (const answer of [await ann.ask(`${shop.origin}/oidc/login`), await ann.ask(callback)]) {
      expect(answer.status).toBe(303)
      expect(answer.headers).toMatchObject({
        'cache-control': expect.stringContaining('no-store'),
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      })
    }
  })

  test('that the store has no time for is an error page that tells nobody its address', async () => {
    await open()
    const callback = await ann.callbackOf(shop)
    for (const name of ['add', 'get', 'put'] as const) {
      vi.spyOn(shop.site.engine.links as LinkStore, name).mockImplementation(() => {
        throw new Error('away')
      })
    }
    const { status, headers } = await ann.ask(callback)
    expect(status).toBe(503)
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  })

  test('a callback by POST is refused', async () => {
    await open()
    const callback = new URL(await ann.callbackOf(shop))
    const fields = Object.fromEntries(callback.searchParams)
    await ann.ask(`${shop.origin}/token`)
    expect((await ann.post(`${shop.origin}/oidc/callback`, fields)).status).toBe(405)
  })

  test('with a Strict session cookie ends on a page of this site that leads on', async () => {
    await open({}, { sessionCookieSamesite: 'Strict' })
    const { response } = await ann.logIn(shop, '?next=/x%3Fa%3D1%26b%3D2')
    expect(response.status).toBe(200)
    expect(response.text).toContain('content="0;url=/x?a=1&#38;b=2"')
    expect(response.setCookies.join()).toContain('SameSite=Strict')
    expect(await ann.who(shop)).toBe('ann')
  })

  test('is pushed where the provider takes that (RFC 9126)', async () => {
    provider.play({
      metadata: (known) => ({ ...known, pushed_authorization_request_endpoint: `${provider.issuer}/par` }),
    })
    await open()
    const begun = new URL(String((await ann.ask(`${shop.origin}/oidc/login`)).headers.location))
    expect([...begun.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
    expect((await ann.logIn(shop)).response.text).toBe('ann null')
  })

  test('maxAge is asked for, and an ID token that does not say when the user proved who they are is refused', async () => {
    await open({ maxAge: 60 })
    expect((await ann.logIn(shop)).response.text).toBe('ann null')
    expect(provider.seen.get('authorize')?.get('max_age')).toBe('60')
    provider.play({ idToken: (claims) => ({ ...claims, auth_time: undefined }) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
    provider.play({ idToken: (claims) => ({ ...claims, auth_time: provider.now() - 600 }) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
  })

  test('with sessionAuthTime the session has the moment that the provider says', async () => {
    await open({}, { sessionAuthTime: true })
    const at = provider.now() - 600
    provider.play({ idToken: (claims) => ({ ...claims, auth_time: at }) })
    await ann.logIn(shop)
    const session = shop.site.sessions.open(sessionOf(ann) as string)
    await session.load()
    expect(session.get('_sojourn_auth_time')).toBe(at)
  })

  test('a provider that asks nobody anew, though it was to, is a page that says so: nobody goes round for ever', async () => {
    await open({}, { sessionAuthTime: true })
    provider.play({ idToken: (claims) => ({ ...claims, auth_time: provider.now() - 3600 }) })
    await ann.logIn(shop)
    expect((await ann.visit(`${shop.origin}/recent`)).response.status).toBe(403)
    provider.play({ idToken: (claims) => ({ ...claims, auth_time: provider.now() }) })
    expect((await ann.visit(`${shop.origin}/recent`)).response.status).toBe(200)
  })

  test('of another user ends the login before, on all sites, also where the provider names no sessions', async () => {
    await open({ mapUser: ({ sub }) => userBackend(shop.site).getOrCreate(`op|${sub}`) })
    provider.play({ idToken: ({ sid, ...claims }) => claims })
    expect((await ann.logIn(shop)).response.text).toMatch(/^op\|ann /)
    const session = shop.site.sessions.open(sessionOf(ann) as string)
    await session.load()
    const { g } = session.get('_sso') as { g: string }
    provider.sub = 'bob'
    expect((await ann.logIn(shop)).response.text).toMatch(/^op\|bob /)
    const { links } = shop.site.store
    expect(await links.get(`tomb.${groupOf('gid', g)}`)).not.toBeNull()
    expect(await links.get(recordOf('idt', g))).toBeNull()
  })

  test('nothing is stored for whoever only begins one', async () => {
    await open()
    const written: string[] = []
    const links = shop.site.engine.links as unknown as Record<string, (name: string, ...rest: unknown[]) => unknown>
    for (const method of ['put', 'add', 'join']) {
      const own = links[method]?.bind(links)
      links[method] = (name, ...rest) => {
        written.push(name)
        return own?.(name, ...rest)
      }
    }
    for (let i = 0; i < 100; i++) {
      using crawler = new Browser()
      const { headers } = await crawler.ask(`${shop.origin}/oidc/login?next=/${i}`)
      await crawler.ask(`${shop.origin}/oidc/callback?code=x&state=${'x'.repeat(43)}`)
      const state = new URL(String(headers.location)).searchParams.get('state')
      await crawler.ask(`${shop.origin}/oidc/callback?error=access_denied&state=${state}`)
    }
    expect(written).toEqual([])
  })

  test('a provider that does not answer is a page for the visitor, and asked anew at the next login', async () => {
    await open()
    provider.play({ metadata: () => ({ broken: true }) })
    expect((await ann.logIn(shop)).response.status).toBe(503)
    provider.play({})
    expect((await ann.logIn(shop)).response.text).toBe('ann null')
  })
})

describe('the absolute age', () => {
  test('twelve hours after the login the session is over, however often it was used', async () => {
    await open({}, { sessionSaveEveryRequest: true })
    await ann.logIn(shop)
    for (let hour = 0; hour < 11; hour++) {
      clock.turn(3600)
      expect(await ann.who(shop)).toBe('ann')
    }
    clock.turn(3600)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('no later setExpiry puts it off, and a Django beside reads it too', async () => {
    await open({ absoluteAge: 600 })
    await ann.logIn(shop)
    const key = sessionOf(ann) as string
    const session = shop.site.sessions.open(key)
    await session.load()
    session.setExpiry(1_000_000)
    await session.save()
    expect(session.getExpiryAge()).toBe(600)
    const stored = shop.site.sessions.open(key)
    await stored.load()
    expect(Date.parse(String(stored.get('_session_expiry')))).toBe((Math.floor(clock() / 1000) + 600) * 1000)
    expect(() => stored.set('_sojourn_end', 1e12)).toThrow(/belongs to sojourn/)
    clock.turn(600)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('a second login begins it anew', async () => {
    await open({ absoluteAge: 600 })
    await ann.logIn(shop)
    clock.turn(500)
    await ann.logIn(shop)
    clock.turn(500)
    expect(await ann.who(shop)).toBe('ann')
    clock.turn(100)
    expect(await ann.who(shop)).toBe('nobody')
  })
})

describe('logout', () => {
  test('by GET, or by a form of another site, is refused', async () => {
    await open()
    await ann.logIn(shop)
    expect((await ann.ask(`${shop.origin}/oidc/logout`)).status).toBe(405)
    expect((await ann.post(`${shop.origin}/oidc/logout`, { csrfmiddlewaretoken: 'x' })).status).toBe(403)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('without a token is refused also where the site checks none by itself', async () => {
    await open({}, { middleware: ['sessions', 'auth'] })
    await ann.logIn(shop)
    expect((await ann.post(`${shop.origin}/oidc/logout`, { csrfmiddlewaretoken: 'x' })).status).toBe(403)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('ends the own session where the provider is away', async () => {
    await open()
    await ann.logIn(shop)
    await ann.ask(`${shop.origin}/token`)
    const { issuer } = provider
    await provider[Symbol.asyncDispose]()
    const answer = await ann.post(`${shop.origin}/oidc/logout`)
    expect(answer.headers.location).toContain(`${issuer}/end`)
    expect(await ann.who(shop)).toBe('nobody')
    provider = await ScriptedProvider.start()
  })

  test('that fails leaves the visitor logged in, and can be tried again', async () => {
    await open()
    await ann.logIn(shop)
    const links = shop.site.engine.links as LinkStore
    const { add } = links
    links.add = () => {
      throw new Error('away')
    }
    await ann.ask(`${shop.origin}/token`)
    expect((await ann.post(`${shop.origin}/oidc/logout`)).status).toBe(503)
    links.add = add
    expect(await ann.who(shop)).toBe('ann')
    await ann.logOut(shop)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('that cannot know what to end is told, though pages go on without a store', async () => {
    await open({}, { sessionOnStoreError: 'read-only' })
    await ann.logIn(shop)
    await ann.ask(`${shop.origin}/token`)
    vi.spyOn(shop.site.engine, 'load').mockImplementationOnce(() => {
      throw new Error('away')
    })
    expect((await ann.post(`${shop.origin}/oidc/logout`)).status).toBe(503)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('leads home where the provider has no such page', async () => {
    provider.play({ metadata: (known) => ({ ...known, end_session_endpoint: undefined }) })
    await open()
    await ann.logIn(shop)
    expect((await ann.logOut(shop)).hops).toEqual([`${shop.origin}/oidc/logout`, `${shop.origin}/`])
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('the visit after it changes nothing, whoever leads a browser there', async () => {
    await open()
    await ann.logIn(shop)
    expect((await ann.ask(`${shop.origin}/oidc/logged-out?state=${'x'.repeat(43)}`)).status).toBe(400)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('the tokens go with it', async () => {
    await open({ keepTokens: 'encrypted' })
    await ann.logIn(shop)
    const cookie = ann.at(shop.origin).cookies.header()
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-1')
    await ann.logOut(shop)
    using thief = new Browser()
    expect((await thief.ask(`${shop.origin}/access`, { cookie })).text).toBe('null')
  })
})

describe('tokens', () => {
  test('are not kept unless that is asked for, and then nobody reads them in the store', async () => {
    const stored: string[] = []
    const watch = (): void => {
      const links = shop.site.engine.links as unknown as { put(name: string, value: string, end: number): unknown }
      const put = links.put.bind(links)
      links.put = (name, value, end) => {
        stored.push(value)
        return put(name, value, end)
      }
    }
    await open()
    watch()
    await ann.logIn(shop)
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
    await there[Symbol.asyncDispose]()
    await open({ keepTokens: 'encrypted' })
    watch()
    await ann.logIn(shop)
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-2')
    expect(stored).toHaveLength(2)
    for (const value of stored) {
      expect(value).not.toMatch(/eyJhbGci|access-|refresh-/)
      expect(Buffer.from(value, 'base64url').toString('latin1')).not.toMatch(/eyJhbGci|access-|refresh-/)
    }
  })

  test('of one login do not open as those of another', async () => {
    await open({ keepTokens: 'encrypted' })
    const links = shop.site.engine.links as LinkStore
    const put = links.put.bind(links)
    let first: string | undefined
    links.put = (name, value, expires) => {
      first ??= value
      return put(name, first, expires)
    }
    await ann.logIn(shop)
    using mallory = new Browser()
    await mallory.logIn(shop)
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-1')
    expect((await mallory.ask(`${shop.origin}/access`)).text).toBe('null')
  })

  test('are for nobody who may not log in any more', async () => {
    const user = { id: 7, username: 'ann', password: '!', isActive: true }
    let isThere = true
    const backend: UserBackend = {
      path: 'staff.Backend',
      authenticate: () => null,
      getUser: () => (isThere ? user : null),
    }
    await open({ keepTokens: 'encrypted', mapUser: () => user }, { authenticationBackends: [backend] })
    await ann.logIn(shop)
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-1')
    isThere = false
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
  })

  test('are for whoever is logged in by this provider alone', async () => {
    await open({ keepTokens: 'encrypted' })
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
    await ann.logIn(shop)
    await userBackend(shop.site).setPassword(there.user, 'another long password')
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
  })
})

describe('several providers', () => {
  test('each has its routes below a path of its own, and ends only sessions that it began', async () => {
    const second = await ScriptedProvider.start()
    try {
      there = await world({
        issuer: provider.issuer,
        settings: { sessionEngine: 'memory', databases: { default: 'sqlite::memory:' }, clock },
        options: () => ({ keepTokens: 'encrypted' }),
        second: (origin) => ({
          config: { issuer: second.issuer, clientId: 'shop', clientSecret: CLIENT_SECRET },
          redirectUri: `${origin}/staff/callback`,
          postLogoutUri: `${origin}/staff/logged-out`,
        }),
      })
      shop = there.on('shop')
      const { response } = await ann.visit(`${shop.origin}/staff/login?next=/`)
      expect(response.text).toBe('ann null')
      expect([second.timesAsked('/authorize'), provider.timesAsked('/authorize')]).toEqual([1, 0])
      // A token that one has given is not for whoever asks with what the other gives.
      expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
      // The same client, user and session by their names.
      for (const claims of [{}, { sid: undefined }]) {
        expect((await backchannel(shop, await provider.logoutToken('shop', { claims }))).status).toBe(200)
      }
      expect((await backchannel(shop, await second.logoutToken('shop'))).status).toBe(400)
      expect(await ann.who(shop)).toBe('ann')
      expect((await backchannel(shop, await second.logoutToken('shop'), '/staff')).status).toBe(200)
      expect(await ann.who(shop)).toBe('nobody')
      // Whichever logout is asked for ends the session here; the other provider hears nothing of it.
      second.sid = 'session-at-the-provider-2'
      await ann.visit(`${shop.origin}/staff/login?next=/`)
      expect((await ann.logOut(shop)).hops).toEqual([`${shop.origin}/oidc/logout`, `${shop.origin}/`])
      expect(await ann.who(shop)).toBe('nobody')
    } finally {
      await second[Symbol.asyncDispose]()
    }
  })
})

describe('what is refused at the start', () => {
  const base = {
    config: { issuer: 'https://id.example.com', clientId: 'shop' },
    redirectUri: 'https://shop.example/oidc/callback',
    mapUser: () => null,
  }
  const metadata = (changes: Record<string, string>): openid.ServerMetadata => ({
    issuer: 'https://id.example.com',
    authorization_endpoint: 'https://id.example.com/authorize',
    token_endpoint: 'https://id.example.com/token',
    jwks_uri: 'https://id.example.com/jwks',
    ...changes,
  })
  const configuration = (changes: Record<string, string>, client: object = {}): openid.Configuration =>
    new openid.Configuration(metadata(changes), 'shop', client)
  const make = (changes: object) => () => {
    const site = sojourn({ secretKey: SECRET, sessionEngine: 'memory', databases: { default: 'sqlite::memory:' } })
    return createRelyingParty({ site, ...base, ...changes })
  }

  test.each<[string, object, RegExp]>([
    ['an issuer without HTTPS', { config: { issuer: 'http://id.example.com', clientId: 'x' } }, /without HTTPS/],
    ['an issuer that is none', { config: { issuer: 'id.example.com', clientId: 'x' } }, /issuer/],
    ['no client', { config: { issuer: 'https://id.example.com', clientId: '' } }, /clientId/],
    [
      'a token endpoint without HTTPS',
      { config: configuration({ token_endpoint: 'http://id.example.com/token' }) },
      /token_endpoint/,
    ],
    ['keys without HTTPS', { config: configuration({ jwks_uri: 'http://id.example.com/jwks' }) }, /jwks_uri/],
    [
      'tokens signed with the client’s secret',
      { config: configuration({}, { id_token_signed_response_alg: 'HS256' }) },
      /HS256/,
    ],
    ['tokens that are not signed', { config: configuration({}, { id_token_signed_response_alg: 'none' }) }, /none/],
    ['a callback without HTTPS', { redirectUri: 'http://shop.example/oidc/callback' }, /localhost/],
    ['a callback of another name', { redirectUri: 'https://shop.example/oidc/back' }, /callback/],
    ['a return that is not beside it', { postLogoutUri: 'https://shop.example/logged-out' }, /beside/],
    ['no mapUser', { mapUser: undefined }, /mapUser/],
    ['no site', { site: {} }, /site/],
    ['an age that is none', { absoluteAge: 0 }, /absoluteAge/],
    ['an option that is none', { redirectURI: 'x' }, /no option 'redirectURI'; did you mean redirectUri\?/],
  ])('%s', (_, changes, message) => {
    expect(make(changes)).toThrow(message)
  })

  test.each<[string, object, RegExp]>([
    ['an engine that keeps nothing beside its sessions', { links: undefined }, /keeps nothing beside/],
    ['an engine that cannot compare', { consistency: 'last-write-wins' }, /late save could undo a logout/],
  ])('%s', (_, changes, message) => {
    const engine = new Proxy(memoryEngine(), {
      get: (target, name) => (name in changes ? changes[name as never] : target[name as 'load']),
    })
    expect(make({ site: sojourn({ secretKey: SECRET, sessionEngine: engine }) })).toThrow(message)
  })

  test('two providers with one redirectUri', () => {
    const site = sojourn({ secretKey: SECRET, sessionEngine: 'memory', databases: { default: 'sqlite::memory:' } })
    make({ site })()
    expect(make({ site })).toThrow(/a redirectUri of its own/)
    expect(make({ site, redirectUri: 'https://shop.example/other/callback' })).not.toThrow()
  })

  test('a site without login', () => {
    const site = sojourn({ secretKey: SECRET, sessionEngine: 'memory', middleware: ['sessions', 'csrf'] })
    expect(make({ site })).toThrow(/'auth'/)
  })

  test('and metadata that name an endpoint without HTTPS are refused when they come', async () => {
    provider.play({ metadata: (known) => ({ ...known, token_endpoint: 'http://id.example.com/token' }) })
    await open()
    await expect(shop.party.ready()).rejects.toThrow(/token_endpoint/)
  })

  test('a configuration that leaves signatures unchecked has them checked all the same', async () => {
    const config = await openid.discovery(new URL(provider.issuer), 'shop', CLIENT_SECRET, undefined, {
      execute: [openid.allowInsecureRequests],
    })
    await open({ config })
    const foreign = await newKey('RS256', provider.keys[0]?.jwk.kid)
    provider.play({ idToken: (claims) => provider.sign(claims, {}, foreign) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
    expect(await ann.who(shop)).toBe('nobody')
    expect((await backchannel(shop, await provider.logoutToken('shop', { key: foreign }))).status).toBe(400)
  })
})
