import { createHmac } from 'node:crypto'
import * as openid from 'openid-client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENT_SECRET, newKey, type Said, ScriptedProvider } from './scripted-provider.js'
import { Browser, backchannel, type Options, type Shop, type World, world } from './world.js'

/**
 * What the OpenID Foundation's conformance suite asks of a relying party, by the names of its tests, played by a provider of our own. What it
 * rejects must log nobody in.
 */
let provider: ScriptedProvider
let there: World
let shop: Shop
let ann: Browser

async function open(options?: Options): Promise<void> {
  there = await world({
    issuer: provider.issuer,
    settings: { sessionEngine: 'memory', databases: { default: 'sqlite::memory:' } },
    options: () => options ?? {},
  })
  shop = there.on('shop')
}

beforeEach(async () => {
  provider = await ScriptedProvider.start()
  ann = new Browser()
})
afterEach(async () => {
  ann[Symbol.dispose]()
  await there[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

/** The login ended on a page that says so, and nobody is logged in. */
async function expectRejected(): Promise<void> {
  const { response } = await ann.logIn(shop)
  expect(response.status).toBe(400)
  expect(await ann.who(shop)).toBe('nobody')
  expect(shop.claims).toEqual([])
}

async function expectAccepted(): Promise<void> {
  const { response } = await ann.logIn(shop)
  expect([response.status, response.text]).toEqual([200, 'ann null'])
}

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('oidcc-client-basic-certification-test-plan', () => {
  test('oidcc-client-test', async () => {
    await open()
    await expectAccepted()
    expect(shop.claims).toMatchObject([{ iss: provider.issuer, sub: 'ann', aud: 'shop' }])
  })

  test.each<[string, Said]>([
    ['oidcc-client-test-invalid-iss', { iss: 'https://evil.example' }],
    ['oidcc-client-test-missing-sub', { sub: undefined }],
    ['oidcc-client-test-invalid-aud', { aud: 'another' }],
    ['oidcc-client-test-missing-aud', { aud: undefined }],
    ['oidcc-client-test-missing-iat', { iat: undefined }],
    ['oidcc-client-test-nonce-invalid', { nonce: 'another' }],
  ])('%s', async (_, change) => {
    await open()
    provider.play({ idToken: (claims) => ({ ...claims, ...change }) })
    await expectRejected()
  })

  test('oidcc-client-test-kid-absent-single-jwks', async () => {
    await open()
    provider.play({ header: ({ alg }) => ({ alg }) })
    await expectAccepted()
  })

  test('oidcc-client-test-kid-absent-multiple-jwks', async () => {
    provider.keys.unshift(await newKey('RS256'))
    await open()
    provider.play({ header: ({ alg }) => ({ alg }) })
    // Both are tried: the suite takes that, and a refusal too.
    await expectAccepted()
    const foreign = await newKey('RS256')
    provider.play({ idToken: (claims) => provider.sign(claims, { kid: undefined }, foreign) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
  })

  test('oidcc-client-test-idtoken-sig-rs256', async () => {
    await open()
    await expectAccepted()
  })

  test('oidcc-client-test-idtoken-sig-none', async () => {
    await open()
    provider.play({ idToken: (claims) => `${b64({ alg: 'none' })}.${b64(claims)}.` })
    await expectRejected()
  })

  test('oidcc-client-test-invalid-sig-rs256', async () => {
    await open()
    const foreign = await newKey('RS256', provider.keys[0]?.jwk.kid)
    provider.play({ idToken: (claims) => provider.sign(claims, {}, foreign) })
    await expectRejected()
  })

  test('oidcc-client-test-invalid-sig-hs256', async () => {
    await open()
    provider.play({
      idToken(claims) {
        const signed = `${b64({ alg: 'HS256' })}.${b64(claims)}`
        return `${signed}.${createHmac('sha256', CLIENT_SECRET).update(signed).digest('base64url')}`
      },
    })
    await expectRejected()
  })

  test('oidcc-client-test-invalid-sig-es256', async () => {
    provider.keys = [await newKey('ES256')]
    await open()
    const foreign = await newKey('ES256', provider.keys[0]?.jwk.kid)
    provider.play({ idToken: (claims) => provider.sign(claims, {}, foreign) })
    await expectRejected()
    provider.play({})
    await expectAccepted()
  })

  test('oidcc-client-test-userinfo-invalid-sub', async () => {
    await open({ userInfo: true })
    provider.play({ userInfo: () => ({ sub: 'another' }) })
    await expectRejected()
  })

  test('oidcc-client-test-scope-userinfo-claims', async () => {
    await open({ userInfo: true, scope: 'openid profile' })
    await expectAccepted()
    expect(provider.seen.get('authorize')?.get('scope')).toBe('openid profile')
    expect(shop.claims).toMatchObject([{ sub: 'ann', name: 'Ann' }])
  })

  test('oidcc-client-test-client-secret-basic', async () => {
    const basic = openid.ClientSecretBasic(CLIENT_SECRET)
    const config = await openid.discovery(new URL(provider.issuer), 'shop', undefined, basic, {
      execute: [openid.allowInsecureRequests],
    })
    await open({ config })
    await expectAccepted()
    expect(provider.seen.get('token')?.has('client_secret')).toBe(false)
  })

  test('oidcc-client-test-discovery-issuer-mismatch', async () => {
    provider.play({ metadata: (known) => ({ ...known, issuer: 'https://evil.example' }) })
    await open()
    const { response } = await ann.logIn(shop)
    expect(response.status).toBe(503)
    expect(provider.timesAsked('/authorize')).toBe(0)
  })

  test('oidcc-client-test-discovery-jwks-uri-keys', async () => {
    await open()
    await expectAccepted()
    expect(provider.timesAsked('/jwks')).toBe(1)
  })

  test('oidcc-client-test-signing-key-rotation', async () => {
    await open()
    await expectAccepted()
    provider.keys = [await newKey('RS256'), ...provider.keys]
    // A key that nobody knows is asked for, though not within a minute after the last time.
    expect((await ann.logIn(shop)).response.status).toBe(400)
    expect(provider.timesAsked('/jwks')).toBe(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      await expectAccepted()
    } finally {
      vi.useRealTimers()
    }
    expect(provider.timesAsked('/jwks')).toBe(2)
  })

  test('oidcc-client-test-signing-key-rotation-just-before-signing', async () => {
    await open()
    await shop.party.ready()
    provider.keys = [await newKey('RS256')]
    await expectAccepted()
  })

  test('oidcc-client-test-3rd-party-init-login', async () => {
    await open()
    const query = new URLSearchParams({ iss: provider.issuer, login_hint: 'ann', target_link_uri: `${shop.origin}/x` })
    const { url, response } = await ann.logIn(shop, `?${query}`)
    expect([url, response.text]).toEqual([`${shop.origin}/x`, 'ann null'])
    expect(provider.seen.get('authorize')?.get('login_hint')).toBe('ann')
    const foreign = await ann.logIn(shop, '?iss=https://evil.example')
    expect(foreign.response.status).toBe(400)
  })

  test('oidcc-client-test-refresh-token-invalid-sub', async () => {
    await open({ keepTokens: 'encrypted' })
    provider.play({ token: (answer) => ({ ...answer, expires_in: 1 }) })
    await expectAccepted()
    provider.play({ idToken: (claims) => ({ ...claims, sub: 'another' }) })
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
    provider.play({})
    // What was another's is not tried again.
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
  })
})

describe('oidcc-client-rp-initiated-logout-rp-basic', () => {
  test('oidcc-client-test-rp-init-logout', async () => {
    await open()
    await expectAccepted()
    const { url } = await ann.logOut(shop)
    expect(url).toBe(`${shop.origin}/`)
    expect(await ann.who(shop)).toBe('nobody')
    const asked = provider.seen.get('end')
    expect(asked?.get('post_logout_redirect_uri')).toBe(`${shop.origin}/oidc/logged-out`)
    const [, payload = ''] = (asked?.get('id_token_hint') ?? '').split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ sub: 'ann', sid: provider.sid })
  })

  test.each([
    ['oidcc-client-test-rp-init-logout-other-state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['oidcc-client-test-rp-init-logout-no-state', (url: URL) => url.searchParams.delete('state')],
  ])('%s', async (_, change) => {
    await open()
    await expectAccepted()
    provider.play({
      answer(url) {
        change(url)
        return url
      },
    })
    expect((await ann.logOut(shop)).response.status).toBe(400)
    expect(await ann.who(shop)).toBe('nobody')
  })
})

describe('oidcc-client-back-channel-logout-rp-basic', () => {
  test('oidcc-client-test-rp-backchannel-rpinitlogout', async () => {
    await open()
    await expectAccepted()
    const token = await provider.logoutToken('shop')
    const answer = await backchannel(shop, token)
    expect([answer.status, answer.text, answer.headers['cache-control']]).toEqual([200, '', 'no-store'])
    expect(await ann.who(shop)).toBe('nobody')
  })

  test.each<[string, () => Promise<string>]>([
    [
      'alg-none',
      async () => {
        const [, claims] = (await provider.logoutToken('shop')).split('.')
        return `${b64({ alg: 'none', typ: 'logout+jwt' })}.${claims}.`
      },
    ],
    ['no-event', () => provider.logoutToken('shop', { claims: { events: undefined } })],
    ['with-nonce', () => provider.logoutToken('shop', { claims: { nonce: 'n' } })],
    [
      'wrong-alg',
      async () => {
        const key = await newKey('PS256')
        provider.keys.push(key)
        return provider.logoutToken('shop', { key })
      },
    ],
    ['wrong-aud', () => provider.logoutToken('another')],
    ['wrong-event', () => provider.logoutToken('shop', { claims: { events: { 'urn:another': {} } } })],
    ['wrong-iss', () => provider.logoutToken('shop', { claims: { iss: 'https://evil.example' } })],
  ])('oidcc-client-test-rp-backchannel-rpinitlogout-%s', async (_, make) => {
    await open()
    await expectAccepted()
    const answer = await backchannel(shop, await make())
    expect([answer.status, answer.headers['cache-control']]).toEqual([400, 'no-store'])
    expect(answer.json()).toMatchObject({ error: 'invalid_request' })
    expect(await ann.who(shop)).toBe('ann')
  })
})

describe('front-channel logout', () => {
  test.each(['oidcc-client-test-rp-frontchannel-rpinitlogout', 'oidcc-client-test-rp-frontchannel-opinitlogout'])(
    '%s',
    async () => {
      await open()
      await expectAccepted()
      const query = new URLSearchParams({ iss: provider.issuer, sid: provider.sid })
      // In a frame of another site no cookie comes along.
      using frame = new Browser()
      const answer = await frame.ask(`${shop.origin}/oidc/frontchannel?${query}`)
      expect([answer.status, answer.setCookies]).toEqual([200, []])
      expect(answer.headers['content-security-policy']).toBe(
        `default-src 'none'; frame-ancestors ${new URL(provider.issuer).origin}`,
      )
      expect(await ann.who(shop)).toBe('nobody')
    },
  )
})
