import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { testClock, watched } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LinkStore } from '../../src/core/link-store.js'
import { Renewal } from '../../src/oidc/renewal.js'
import { Vault } from '../../src/oidc/vault.js'
import { recordOf } from '../../src/wire/link-names.js'
import { CLIENT_SECRET, EVENT, newKey, type Said, ScriptedProvider } from './scripted-provider.js'
import { Browser, backchannel, type Options, type Shop, type World, world } from './world.js'

/** The threats to a relying party, by their numbers. */
let provider: ScriptedProvider
let there: World
let shop: Shop
let ann: Browser
let clock = testClock()

async function open(options?: () => Options): Promise<void> {
  there = await world({
    issuer: provider.issuer,
    settings: { sessionEngine: 'memory', databases: { default: 'sqlite::memory:' }, clock },
    options,
  })
  shop = there.on('shop')
}

beforeEach(async () => {
  provider = await ScriptedProvider.start()
  ann = new Browser()
  clock = testClock(new Date())
})
afterEach(async () => {
  ann[Symbol.dispose]()
  await there[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

test.each(['ann', 'mallory'])(
  'of two who come back at once from one anonymous session each has a login and tokens of their own (%s is slower)',
  async (slower) => {
    let arrived: () => void = () => undefined
    let goOn: () => void = () => undefined
    const isHere = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    there = await world({
      issuer: provider.issuer,
      // Such as a server is: the session is fetched when its request begins.
      settings: {
        sessionEngine: watched(memoryEngine(), { delay: 0 }),
        databases: { default: 'sqlite::memory:' },
        clock,
      },
      options: () => ({
        keepTokens: 'encrypted',
        mapUser: async ({ sub }) => {
          if (sub === slower) {
            arrived()
            await mayGoOn
          }
          return userBackend(shop.site).getOrCreate(`op|${sub}`)
        },
      }),
    })
    shop = there.on('shop')
    using mallory = new Browser()
    await mallory.ask(`${shop.origin}/cart`)
    // As a sibling host may: the victim has the attacker's session.
    ann.at(shop.origin).cookies.set('sessionid', String(mallory.at(shop.origin).cookies.get('sessionid')))
    const browsers = { ann, mallory }
    const [first, second] = slower === 'ann' ? (['ann', 'mallory'] as const) : (['mallory', 'ann'] as const)
    const as = (sub: string): void => void Object.assign(provider, { sub, sid: `of ${sub} at the provider` })
    as(first)
    const late = browsers[first].ask(await browsers[first].callbackOf(shop))
    await isHere
    as(second)
    await browsers[second].logIn(shop)
    goOn()
    await late
    const tokens = await Promise.all(
      [first, second].map(async (name) => (await browsers[name].ask(`${shop.origin}/access`)).text),
    )
    expect(new Set(tokens).size).toBe(2)
    expect(tokens).not.toContain('null')
  },
)

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const lastReason = (): string | undefined => shop.events.at(-1)?.reason

/** A token with a header of one's own, signed with what a stranger has: nothing, or the provider's public key as if that were a secret. */
function forged(header: Said, claims: Said): string {
  const signed = `${b64(header)}.${b64(claims)}`
  const secret = JSON.stringify(provider.keys[0]?.jwk)
  const mac = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }[String(header.alg)]
  return `${signed}.${mac === undefined ? '' : createHmac(mac, secret).update(signed).digest('base64url')}`
}

const ALGORITHMS = [
  'none',
  'None',
  'NONE',
  'nOnE',
  '',
  'HS256',
  'HS384',
  'HS512',
  'RS1',
  'ES256',
  'PS256',
  'EdDSA',
  'RS256',
]
const HEADERS: readonly Said[] = [
  ...ALGORITHMS.map((alg) => ({ alg })),
  {},
  { alg: ['RS256'] },
  { alg: null },
  { alg: 'RS256', crit: ['b64'], b64: false },
  { alg: 'RS256', crit: ['exp'], exp: 1 },
  { alg: 'RS256', enc: 'A256GCM' },
  { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_147_483_647, p2s: 'c2FsdA' },
]

describe('T50 alg none, RS to HS confusion', () => {
  test('40 token variants are refused, as ID tokens and as logout tokens', async () => {
    await open()
    await ann.logIn(shop)
    const kid = provider.keys[0]?.jwk.kid
    let refused = 0
    for (const header of HEADERS) {
      provider.play({ idToken: (claims) => forged({ kid, ...header }, claims) })
      using stranger = new Browser()
      const { response } = await stranger.logIn(shop)
      expect([header, response.status, await stranger.who(shop)]).toEqual([header, 400, 'nobody'])
      const [, claims] = (await provider.logoutToken('shop')).split('.') as [string, string]
      const token = forged(
        { kid, typ: 'logout+jwt', ...header },
        JSON.parse(Buffer.from(claims, 'base64url').toString()),
      )
      expect([header, (await backchannel(shop, token)).status]).toEqual([header, 400])
      refused += 2
    }
    expect(refused).toBe(40)
    expect(await ann.who(shop)).toBe('ann')
  })
})

test('T51 p2c: a token that is encrypted by a password is refused without anything being derived from that', async () => {
  await open()
  const header = b64({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_147_483_647, p2s: 'c2FsdA' })
  const before = process.cpuUsage()
  const answer = await backchannel(shop, `${header}.AAAA.AAAA.AAAA.AAAA`)
  expect(answer.status).toBe(400)
  // Two thousand million rounds take many minutes.
  expect(process.cpuUsage(before).user).toBeLessThan(30_000_000)
})

describe('T52 jku, jwk, x5u, kid injection', () => {
  test('no key is fetched from where a token says, nor taken out of it', async () => {
    const evil = await ScriptedProvider.start()
    try {
      await open()
      await ann.logIn(shop)
      const key = evil.keys[0] as (typeof evil.keys)[number]
      const kid = provider.keys[0]?.jwk.kid
      for (const header of [
        { jku: `${evil.issuer}/jwks` },
        { jwk: key.jwk },
        { x5u: `${evil.issuer}/jwks` },
        { kid: `${evil.issuer}/jwks` },
        { kid: '../../../../dev/null' },
        { kid: "' OR 1=1 --" },
      ]) {
        const token = await provider.logoutToken('shop', { key, header: { kid, ...header } as Said })
        expect((await backchannel(shop, token)).status).toBe(400)
      }
      expect(evil.asked.size).toBe(0)
      expect(await ann.who(shop)).toBe('ann')
    } finally {
      await evil[Symbol.asyncDispose]()
    }
  })

  test('keys that nobody knows make the provider be asked for its keys once, not once each', async () => {
    await open()
    const foreign = await newKey('RS256')
    for (let i = 0; i < 20; i++) {
      const token = await provider.logoutToken('shop', { key: foreign, header: { kid: `unknown-${i}` } })
      expect((await backchannel(shop, token)).status).toBe(400)
    }
    expect(provider.timesAsked('/jwks')).toBe(1)
  })
})

describe('T53 clock', () => {
  test.each<[string, number, Said, number]>([
    ['a minute old', -60, {}, 200],
    ['as old as may be', -179, { exp: undefined }, 200],
    ['too old', -182, { exp: undefined }, 400],
    ['half a minute ahead', 29, {}, 200],
    ['a minute ahead', 61, {}, 400],
    ['a day ahead', 86_400, {}, 400],
  ])('a logout token that is %s', async (_, ahead, claims, status) => {
    await open()
    await ann.logIn(shop)
    provider.ahead = ahead
    expect((await backchannel(shop, await provider.logoutToken('shop', { claims }))).status).toBe(status)
  })

  test.each<[string, Said]>([
    ['past its end', { exp: Math.floor(Date.now() / 1000) - 120 }],
    ['not good yet', { nbf: Math.floor(Date.now() / 1000) + 86_400 }],
    ['of no moment', { iat: undefined }],
    ['of a moment in words', { iat: 'now' }],
  ])('a logout token that is %s is refused', async (_, claims) => {
    await open()
    expect((await backchannel(shop, await provider.logoutToken('shop', { claims }))).status).toBe(400)
  })

  test.each<[string, Said]>([
    ['past its end', { exp: Math.floor(Date.now() / 1000) - 120 }],
    ['not good yet', { nbf: Math.floor(Date.now() / 1000) + 86_400 }],
  ])('an ID token that is %s logs nobody in', async (_, change) => {
    await open()
    provider.play({ idToken: (claims) => ({ ...claims, ...change }) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
  })
})

describe('T54 mix-up', () => {
  test('a login that was begun with one provider is refused at the callback of another, and used up', async () => {
    const second = await ScriptedProvider.start()
    try {
      there = await world({
        issuer: provider.issuer,
        settings: { sessionEngine: 'memory', databases: { default: 'sqlite::memory:' }, clock },
        second: (origin) => ({
          config: { issuer: second.issuer, clientId: 'shop', clientSecret: CLIENT_SECRET },
          redirectUri: `${origin}/staff/callback`,
          postLogoutUri: `${origin}/staff/logged-out`,
        }),
      })
      shop = there.on('shop')
      const callback = await ann.callbackOf(shop)
      expect((await ann.ask(callback.replace('/oidc/', '/staff/'))).status).toBe(400)
      expect(lastReason()).toBe('transaction')
      expect([provider.timesAsked('/token'), second.timesAsked('/token')]).toEqual([0, 0])
      expect((await ann.ask(callback)).status).toBe(400)
      expect(await ann.who(shop)).toBe('nobody')
    } finally {
      await second[Symbol.asyncDispose]()
    }
  })

  test.each<[string, (url: URL) => void]>([
    ['wrong', (url) => url.searchParams.set('iss', 'https://evil.example')],
    ['missing where it is promised', (url) => url.searchParams.delete('iss')],
    ['there twice', (url) => url.searchParams.append('iss', 'https://evil.example')],
  ])(
    'an answer whose iss is %s is refused before the code is shown to anybody, and the login used up',
    async (_, change) => {
      await open()
      const callback = await ann.callbackOf(shop)
      const changed = new URL(callback)
      change(changed)
      expect((await ann.ask(changed.href)).status).toBe(400)
      expect(provider.timesAsked('/token')).toBe(0)
      expect((await ann.ask(callback)).status).toBe(400)
      expect(await ann.who(shop)).toBe('nobody')
    },
  )
})

describe('T55 state', () => {
  const other = 'x'.repeat(43)
  test.each<[string, (url: URL) => void]>([
    ['absent', (url) => url.searchParams.delete('state')],
    ['empty', (url) => url.searchParams.set('state', '')],
    ['another', (url) => url.searchParams.set('state', other)],
    ['there twice', (url) => url.searchParams.append('state', url.searchParams.get('state') as string)],
    ['beside another', (url) => url.searchParams.append('state', other)],
    ['behind another', (url) => url.searchParams.set('state', `${other}${url.searchParams.get('state')}`)],
    ['cut short', (url) => url.searchParams.set('state', (url.searchParams.get('state') as string).slice(1))],
    ['of other case', (url) => url.searchParams.set('state', swapped(url.searchParams.get('state') as string))],
    ['a list', (url) => url.searchParams.set('state[]', url.searchParams.get('state') as string) as undefined],
    ['ended by a zero', (url) => url.searchParams.set('state', `${url.searchParams.get('state')}\0`)],
  ])('that is %s is refused before the code is shown to anybody', async (name, change) => {
    await open()
    const url = new URL(await ann.callbackOf(shop))
    change(url)
    if (name === 'a list') url.searchParams.delete('state')
    expect((await ann.ask(url.href)).status).toBe(400)
    expect(provider.timesAsked('/token')).toBe(0)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('of somebody else’s login is refused: the victim keeps their own session', async () => {
    await open()
    using mallory = new Browser()
    provider.sub = 'mallory'
    const callback = await mallory.callbackOf(shop)
    provider.sub = 'ann'
    await ann.logIn(shop)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(provider.timesAsked('/token')).toBe(1)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('whose cookie was changed is refused', async () => {
    await open()
    const callback = await ann.callbackOf(shop)
    const { cookies } = ann.at(shop.origin)
    const [name = '', value = ''] = (/__Host-sso-[^=]+=[^;]+/.exec(cookies.header())?.[0] ?? '').split('=')
    cookies.set(name, `${value.slice(0, -4)}AAAA`)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(provider.timesAsked('/token')).toBe(0)
  })

  test('whose login took more than ten minutes is refused', async () => {
    await open()
    const callback = await ann.callbackOf(shop)
    clock.turn(601)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(provider.timesAsked('/token')).toBe(0)
  })

  test('is never taken from a visitor to be sealed', async () => {
    await open()
    const begun = await ann.ask(`${shop.origin}/oidc/login?state=${other}&nonce=n&code_challenge=c`)
    const asked = new URL(String(begun.headers.location)).searchParams
    expect(asked.get('state')).not.toBe(other)
    expect(asked.get('nonce')).toMatch(/^[\w-]{43}$/)
    expect(asked.get('code_challenge')).toMatch(/^[\w-]{43}$/)
  })
})

const swapped = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )

describe('T56 replay', () => {
  test('of 50 callbacks at once with one state exactly one makes a session', async () => {
    await open()
    const callback = await ann.callbackOf(shop)
    const cookie = ann.at(shop.origin).cookies.header()
    const browsers = Array.from({ length: 50 }, () => new Browser())
    const answers = await Promise.all(browsers.map((each) => each.ask(callback, { cookie })))
    for (const each of browsers) each[Symbol.dispose]()
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 303)).toHaveLength(1)
    expect(statuses.filter((status) => status === 400)).toHaveLength(49)
    expect(answers.filter(({ setCookies }) => setCookies.some((line) => line.startsWith('sessionid=')))).toHaveLength(1)
    // Not even the code is shown twice, which would end what the first use of it gave.
    expect(provider.timesAsked('/token')).toBe(1)
  })

  test('a reload of the callback is refused, and the visitor stays logged in', async () => {
    await open()
    const callback = await ann.callbackOf(shop)
    await ann.ask(callback)
    expect((await ann.ask(callback)).status).toBe(400)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('the ID token of one login is refused in another', async () => {
    await open()
    let token = ''
    provider.play({
      async idToken(claims) {
        token ||= await provider.sign(claims)
        return token
      },
    })
    await ann.logIn(shop)
    using mallory = new Browser()
    expect((await mallory.logIn(shop)).response.status).toBe(400)
    expect(await mallory.who(shop)).toBe('nobody')
  })
})

describe('T57 PKCE downgrade, nonce missing', () => {
  test('each login has an S256 challenge of its own, and its verifier goes to the token endpoint, whatever the provider says it can', async () => {
    provider.play({ metadata: (known) => ({ ...known, code_challenge_methods_supported: ['plain'] }) })
    await open(() => ({ parameters: { code_challenge_method: 'plain', code_challenge: 'x', nonce: 'x', state: 'x' } }))
    const challenges = new Set<string | null>()
    for (let i = 0; i < 2; i++) {
      using browser = new Browser()
      const { response } = await browser.logIn(shop)
      expect(response.text).toBe('ann null')
      expect(provider.seen.get('authorize')?.get('code_challenge_method')).toBe('S256')
      expect(provider.seen.get('token')?.get('code_verifier')).toMatch(/^[\w-]{43}$/)
      challenges.add(provider.seen.get('authorize')?.get('code_challenge') ?? null)
    }
    expect(challenges.size).toBe(2)
  })

  test.each<[string, Said]>([
    ['without a nonce', { nonce: undefined }],
    ['with an empty nonce', { nonce: '' }],
    ['with a nonce that is no text', { nonce: ['x'] }],
  ])('an ID token %s is refused', async (_, change) => {
    await open()
    provider.play({ idToken: (claims) => ({ ...claims, ...change }) })
    expect((await ann.logIn(shop)).response.status).toBe(400)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('a code that was got by another login of the same client is refused', async () => {
    await open()
    const stolen = new URL(await ann.callbackOf(shop)).searchParams.get('code') as string
    using mallory = new Browser()
    const callback = new URL(await mallory.callbackOf(shop))
    callback.searchParams.set('code', stolen)
    expect((await mallory.ask(callback.href)).status).toBe(400)
    expect(lastReason()).toBe('invalid_grant')
    expect(await mallory.who(shop)).toBe('nobody')
  })
})

describe('T58 forged back-channel logout', () => {
  test.each<[string, string, (token: ScriptedProvider) => Promise<string>]>([
    [
      'an ID token',
      'events',
      (op) => op.logoutToken('shop', { claims: { events: undefined }, header: { typ: 'JWT' } }),
    ],
    ['one with a nonce', 'nonce', (op) => op.logoutToken('shop', { claims: { nonce: null } })],
    ['one without events', 'events', (op) => op.logoutToken('shop', { claims: { events: undefined } })],
    ['one whose events are a list', 'events', (op) => op.logoutToken('shop', { claims: { events: [EVENT] } })],
    [
      'one whose event is no object',
      'events',
      (op) => op.logoutToken('shop', { claims: { events: { [EVENT]: true } } }),
    ],
    ['one for another', 'ERR_JWT_CLAIM_VALIDATION_FAILED', (op) => op.logoutToken('another')],
    [
      'one of another',
      'ERR_JWT_CLAIM_VALIDATION_FAILED',
      (op) => op.logoutToken('shop', { claims: { iss: 'https://evil.example' } }),
    ],
    [
      'an old one',
      'ERR_JWT_EXPIRED',
      (op) => op.logoutToken('shop', { claims: { iat: op.now() - 600, exp: undefined } }),
    ],
    ['one without a name', 'jti', (op) => op.logoutToken('shop', { claims: { jti: undefined } })],
    ['one for nobody', 'subject', (op) => op.logoutToken('shop', { claims: { sid: undefined, sub: undefined } })],
    ['one whose sid is no text', 'subject', (op) => op.logoutToken('shop', { claims: { sid: { $ne: '' } } })],
    ['one whose sub is empty', 'subject', (op) => op.logoutToken('shop', { claims: { sub: '' } })],
    ['a token of another kind', 'typ', (op) => op.logoutToken('shop', { header: { typ: 'at+jwt' } })],
    ['an entity statement', 'typ', (op) => op.logoutToken('shop', { header: { typ: 'secevent+jwt' } })],
    ['no token', 'ERR_JWS_INVALID', async () => 'x'],
  ])('%s is refused, and the session is alive', async (_, reason, make) => {
    await open()
    await ann.logIn(shop)
    const answer = await backchannel(shop, await make(provider))
    expect([answer.status, answer.headers['cache-control'], lastReason()]).toEqual([400, 'no-store', reason])
    expect(await ann.who(shop)).toBe('ann')
  })

  test.each<[string, Said, Said]>([
    ['of no typ', {}, { typ: undefined }],
    ['of any token’s typ', {}, { typ: 'JWT' }],
    ['of the typ in full', {}, { typ: 'application/logout+jwt' }],
    ['without an end', { exp: undefined }, {}],
    ['for us among others', { aud: ['another', 'shop'] }, {}],
    ['of a user', { sid: undefined }, {}],
    ['of a session', { sub: undefined }, {}],
  ])('a logout token %s is good', async (_, claims, header) => {
    await open()
    await ann.logIn(shop)
    expect((await backchannel(shop, await provider.logoutToken('shop', { claims, header }))).status).toBe(200)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('a logout token counts once: the session after it lives', async () => {
    await open()
    await ann.logIn(shop)
    const token = await provider.logoutToken('shop', { claims: { sid: undefined } })
    expect((await backchannel(shop, token)).status).toBe(200)
    provider.sid = 'session-at-the-provider-2'
    provider.ahead = 1
    await ann.logIn(shop)
    expect((await backchannel(shop, token)).status).toBe(400)
    expect(lastReason()).toBe('replay')
    expect(await ann.who(shop)).toBe('ann')
  })

  test('of one token that comes 20 times at once one is taken', async () => {
    await open()
    const token = await provider.logoutToken('shop')
    const answers = await Promise.all(Array.from({ length: 20 }, () => backchannel(shop, token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('where the sessions cannot be ended the token may come again', async () => {
    await open()
    await ann.logIn(shop)
    const token = await provider.logoutToken('shop')
    const { engine } = shop.site
    const links = engine.links as { members(group: string): unknown }
    const { members } = links
    links.members = () => {
      throw new Error('the store is away')
    }
    expect((await backchannel(shop, token)).status).toBe(400)
    links.members = members
    expect((await backchannel(shop, token)).status).toBe(200)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('also where that could not be noted, as when the store goes away as a whole', async () => {
    await open()
    await ann.logIn(shop)
    const token = await provider.logoutToken('shop')
    const links = shop.site.engine.links as unknown as Record<'members' | 'take', unknown>
    const { members, take } = links
    links.members = links.take = () => {
      throw new Error('the store is away')
    }
    expect((await backchannel(shop, token)).status).toBe(400)
    Object.assign(links, { members, take })
    expect((await backchannel(shop, token)).status).toBe(400)
    expect(lastReason()).toBe('replay')
    clock.turn(5)
    expect((await backchannel(shop, token)).status).toBe(200)
    expect(await ann.who(shop)).toBe('nobody')
    clock.turn(5)
    expect((await backchannel(shop, token)).status).toBe(400)
  })

  test('only by sid that session ends, and only by sub all of the user’s that are not younger than the token', async () => {
    await open()
    await ann.logIn(shop)
    using phone = new Browser()
    provider.sid = 'session-at-the-provider-2'
    await phone.logIn(shop)
    expect((await backchannel(shop, await provider.logoutToken('shop'))).status).toBe(200)
    expect([await ann.who(shop), await phone.who(shop)]).toEqual(['ann', 'nobody'])
    provider.sid = 'session-at-the-provider-3'
    provider.ahead = 20
    await phone.logIn(shop)
    const token = await provider.logoutToken('shop', { claims: { sid: undefined, iat: provider.now() - 10 } })
    expect((await backchannel(shop, token)).status).toBe(200)
    expect([await ann.who(shop), await phone.who(shop)]).toEqual(['nobody', 'ann'])
  })

  test('a valid one ends the session even if a save is in flight', async () => {
    await open()
    await ann.logIn(shop)
    const key = ann.at(shop.origin).cookies.get('sessionid') as string
    const session = shop.site.sessions.open(key)
    await session.load()
    session.set('cart', ['pear'])
    expect((await backchannel(shop, await provider.logoutToken('shop'))).status).toBe(200)
    await expect(session.save()).rejects.toThrow(/deleted/)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('a logout between the code’s exchange and the session’s save ends the session too', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let arrived = (): void => undefined
    const waiting = new Promise<void>((resolve) => {
      arrived = resolve
    })
    await open(() => ({
      async mapUser() {
        arrived()
        await held
        return userBackend(shop.site).getUser(String(there.user.id))
      },
    }))
    const callback = await ann.callbackOf(shop)
    const login = ann.ask(callback)
    await waiting
    expect((await backchannel(shop, await provider.logoutToken('shop'))).status).toBe(200)
    release()
    await login
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('GET is 405, what is too large 413, what is no form 400; nothing of it is kept', async () => {
    await open()
    expect((await ann.ask(`${shop.origin}/oidc/backchannel`)).status).toBe(405)
    const client = ann.at(shop.origin)
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const send = (headers: Record<string, string>, body: string) =>
      client.request('POST', '/oidc/backchannel', { headers, body })
    const big = await send(form, `logout_token=${'x'.repeat(1_048_576)}`)
    const chunked = await chunks(`${shop.origin}/oidc/backchannel`, form, `logout_token=${'x'.repeat(20_000)}`)
    const json = await send({ 'Content-Type': 'application/json' }, JSON.stringify({ logout_token: 'x' }))
    const empty = await send(form, '')
    expect([big, json, empty].map(({ status }) => status)).toEqual([413, 400, 400])
    expect(chunked).toBe(413)
    // Answered before it has come: nobody waits for what is not wanted.
    const early = { ...form, 'Content-Length': '1048576' }
    expect(await chunks(`${shop.origin}/oidc/backchannel`, early, 'logout_token=')).toBe(413)
    for (const { headers } of [big, json, empty]) expect(headers['cache-control']).toBe('no-store')
  })

  test('a form without a token of ours reaches this route, and no other', async () => {
    await open()
    const client = ann.at(shop.origin)
    expect((await client.post('/oidc/backchannel', { csrfmiddlewaretoken: 'x', logout_token: 'x' })).status).toBe(400)
    expect((await client.post('/oidc/logout', { csrfmiddlewaretoken: 'x' })).status).toBe(403)
    expect((await client.post('/oidc/backchannel/', { csrfmiddlewaretoken: 'x' })).status).toBe(403)
    expect((await client.post('/cart', { csrfmiddlewaretoken: 'x' })).status).toBe(403)
  })
})

/** Posts a body in pieces, without saying how long it is, or with more said than is sent; the status of the answer. */
function chunks(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<number> {
  const { host, port, pathname } = new URL(url)
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: pathname, method: 'POST', headers: { ...headers, host } }
    const sent = request(options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
      sent.destroy()
    })
    sent.on('error', reject)
    sent.write(body.slice(0, 10))
    sent.write(body.slice(10))
    if (headers['Content-Length'] === undefined) sent.end()
  })
}

describe('T59 front-channel logout', () => {
  const ask = async (query: Readonly<Record<string, string>>): Promise<number> => {
    using frame = new Browser()
    return (await frame.ask(`${shop.origin}/oidc/frontchannel?${new URLSearchParams(query)}`)).status
  }

  test('of a wrong iss or sid ends nothing', async () => {
    await open()
    await ann.logIn(shop)
    const { sid } = provider
    expect(await ask({ iss: 'https://evil.example', sid })).toBe(400)
    expect(await ask({ iss: provider.issuer })).toBe(400)
    expect(await ask({ iss: provider.issuer, sid: sid.slice(0, 15) })).toBe(400)
    expect(await ask({ iss: provider.issuer, sid: `${sid}0` })).toBe(200)
    expect(await ann.who(shop)).toBe('ann')
  })

  test('works for that sid alone, and without an iss too (Entra)', async () => {
    await open()
    await ann.logIn(shop)
    using phone = new Browser()
    const first = provider.sid
    provider.sid = 'session-at-the-provider-2'
    await phone.logIn(shop)
    expect(await ask({ sid: first })).toBe(200)
    expect([await ann.who(shop), await phone.who(shop)]).toEqual(['nobody', 'ann'])
  })

  test('reaches a session that is in a cookie', async () => {
    there = await world({
      issuer: provider.issuer,
      settings: { sessionEngine: 'signed_cookies', databases: { default: 'sqlite::memory:' }, clock },
    })
    shop = there.on('shop')
    await ann.logIn(shop)
    expect(await ann.who(shop)).toBe('ann')
    expect(await ask({ sid: `${provider.sid}0` })).toBe(200)
    expect(await ann.who(shop)).toBe('ann')
    expect(await ask({ sid: provider.sid })).toBe(200)
    expect(await ann.who(shop)).toBe('nobody')
  })

  test('of what was never begun leaves nothing in the store', async () => {
    await open()
    const written: string[] = []
    const links = shop.site.engine.links as unknown as { put(name: string, ...rest: unknown[]): unknown }
    const put = links.put.bind(links)
    links.put = (name, ...rest) => {
      written.push(name)
      return put(name, ...rest)
    }
    for (let i = 0; i < 50; i++) expect(await ask({ sid: `a-session-of-nobody-${i}` })).toBe(200)
    expect(written).toEqual([])
  })
})

describe('T60 refresh', () => {
  test('50 requests at once for a token that is over renew it once, and all get the new one', async () => {
    await open(() => ({ keepTokens: 'encrypted' }))
    await ann.logIn(shop)
    const cookie = ann.at(shop.origin).cookies.header()
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-1')
    clock.turn(280)
    const before = provider.timesAsked('/token')
    const browsers = Array.from({ length: 50 }, () => new Browser())
    const answers = await Promise.all(browsers.map((each) => each.ask(`${shop.origin}/access`, { cookie })))
    for (const each of browsers) each[Symbol.dispose]()
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['access-2']))
    expect(provider.timesAsked('/token')).toBe(before + 1)
  })

  test('whoever finds, when their turn comes, that somebody was faster takes what that one got', async () => {
    await open(() => ({ keepTokens: 'encrypted' }))
    await ann.logIn(shop)
    clock.turn(280)
    const before = provider.timesAsked('/token')
    const links = shop.site.engine.links as LinkStore
    const add = links.add.bind(links)
    let faster: string | undefined
    links.add = async (name, value, expires) => {
      if (name.startsWith('renew.') && faster === undefined) {
        faster = ''
        faster = (await ann.ask(`${shop.origin}/access`)).text
      }
      return add(name, value, expires)
    }
    expect((await ann.ask(`${shop.origin}/access`)).text).toBe('access-2')
    expect([faster, provider.timesAsked('/token')]).toEqual(['access-2', before + 1])
  })

  describe('by one who may not be there any more', () => {
    let login: string
    let turn: string
    let times: number

    beforeEach(async () => {
      await open(() => ({ keepTokens: 'encrypted' }))
      await ann.logIn(shop)
      const session = shop.site.sessions.open(String(ann.at(shop.origin).cookies.get('sessionid')))
      await session.load()
      login = (session.get('_sso' as never) as { readonly g: string }).g
      turn = recordOf('renew', login)
      times = asked()
      clock.turn(280)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
    })
    afterEach(() => void vi.useRealTimers())

    const links = (): LinkStore => shop.site.engine.links as LinkStore
    const asked = (): number => provider.timesAsked('/token')
    const access = (): Promise<string> => {
      const browser = new Browser()
      const cookie = ann.at(shop.origin).cookies.header()
      const answer = browser.ask(`${shop.origin}/access`, { cookie })
      return answer.then(({ text }) => text).finally(() => browser[Symbol.dispose]())
    }
    /** Lets seconds pass until something is there, and in each tenth of one the network bring what it brings in the time that a page takes. */
    const pass = async (seconds: number, until: () => boolean = () => false): Promise<void> => {
      for (let n = 0; n < seconds * 10 && !until(); n++) {
        await vi.advanceTimersByTimeAsync(100)
        for (let pages = 0; pages < 2; pages++) await ann.who(shop)
      }
    }
    /** Passes until the answer is there; `null` where it is not within so many seconds. */
    const within = async (seconds: number, answer: Promise<string>): Promise<string | null> => {
      let got: string | null = null
      void answer.then((text) => {
        got = text
      })
      await pass(seconds, () => got !== null)
      return got
    }
    /** Does something once, before the store is asked for the second time for the tokens. */
    const meanwhile = (step: () => unknown): void => {
      const store = links()
      const get = store.get.bind(store)
      let looks = 0
      store.get = async (name) => {
        if (name.startsWith('idt.') && ++looks === 2) await step()
        return get(name)
      }
    }

    test('a renewal that a process died in is taken over while its visitors wait, and by one of them', async () => {
      await links().add(turn, 'a process that died', clock() + 60_000)
      const answers = [1, 2, 3].map(() => access())
      await pass(9)
      expect(asked()).toBe(times)
      expect(await within(5, Promise.all(answers).then(String))).toBe('access-2,access-2,access-2')
      expect(asked()).toBe(times + 1)
      expect(await links().get(turn)).toBeNull()
    })

    test('of those who would take it over at the same moment one does', async () => {
      await links().add(turn, 'a process that died', clock() + 60_000)
      const three = [1, 2, 3].map(() => new Renewal(shop.site, login))
      const begin = () => Promise.all(three.map((each) => each.begin()))
      expect(await begin()).toEqual([false, false, false])
      await vi.advanceTimersByTimeAsync(10_000)
      expect((await begin()).filter(Boolean)).toHaveLength(1)
      expect((await begin()).filter(Boolean)).toHaveLength(0)
    })

    test('one that has worked is good also where its turn cannot be given back', async () => {
      const renewal = new Renewal(shop.site, login)
      expect(await renewal.begin()).toBe(true)
      const renewed = renewal.during(async () => {
        vi.spyOn(links(), 'replace').mockImplementation(() => {
          throw new Error('away')
        })
        return 'access-2'
      })
      expect(await renewed).toBe('access-2')
    })

    test('one that takes long is not, since whoever is at it says so', async () => {
      let goOn: () => void = () => undefined
      const mayGoOn = new Promise<void>((resolve) => {
        goOn = resolve
      })
      provider.play({ refresh: (answer) => mayGoOn.then(() => answer) })
      const first = access()
      await pass(1)
      expect(await within(30, access())).toBe('null')
      const last = access()
      await pass(2)
      goOn()
      expect(await within(10, Promise.all([first, last]).then(String))).toBe('access-2,access-2')
      expect(asked()).toBe(times + 1)
    })

    test('who stood still before they asked, and lost their turn, neither ask nor take it away', async () => {
      meanwhile(() => links().put(turn, 'another', clock() + 60_000))
      const late = access()
      await pass(5)
      expect([asked(), await links().get(turn)]).toEqual([times, 'another'])
      await links().take(turn)
      expect(await within(5, late)).toBe('access-2')
      expect(asked()).toBe(times + 1)
    })

    test('who stood still after they asked, and is refused, leaves what another got meanwhile', async () => {
      const vault = new Vault(shop.site)
      const got = { access: 'of another', refresh: 'newer', ends: clock() + 3_600_000, until: clock() + 3_600_000 }
      provider.play({
        refresh: () => {
          void vault.put(login, got)
          return null
        },
      })
      expect(await within(5, access())).toBe('of another')
      expect(await vault.get(login)).toEqual(got)
    })
  })

  test('what is renewed while its user logs out is given to nobody, and not kept', async () => {
    await open(() => ({ keepTokens: 'encrypted' }))
    await ann.logIn(shop)
    const { cookies } = ann.at(shop.origin)
    const thief = new Browser()
    thief.at(shop.origin).cookies.set('sessionid', String(cookies.get('sessionid')))
    clock.turn(280)
    const links = shop.site.engine.links as LinkStore
    const [put, take] = [links.put.bind(links), links.take.bind(links)]
    const taken: (string | null)[] = []
    let isOut = false
    links.put = async (name, value, expires) => {
      if (name.startsWith('idt.') && !isOut) {
        isOut = true
        await ann.logOut(shop)
        links.take = async (record) => {
          const kept = await take(record)
          if (record.startsWith('idt.')) taken.push(kept === null ? null : record)
          return kept
        }
      }
      return put(name, value, expires)
    }
    expect((await thief.ask(`${shop.origin}/access`)).text).toBe('null')
    expect([isOut, taken]).toEqual([true, [expect.stringMatching(/^idt\./)]])
    thief[Symbol.dispose]()
  })

  test('a refresh token that the provider has ended is not tried again', async () => {
    await open(() => ({ keepTokens: 'encrypted' }))
    await ann.logIn(shop)
    clock.turn(280)
    provider.play({ refresh: () => null })
    const before = provider.timesAsked('/token')
    for (let i = 0; i < 3; i++) expect((await ann.ask(`${shop.origin}/access`)).text).toBe('null')
    expect(provider.timesAsked('/token')).toBe(before + 1)
  })
})
