import { describe, expect, test } from 'vitest'
import { isPromise } from '../../src/core/maybe.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { maskSecret } from '../../src/csrf/token.js'
import { isSafe, type Verify, verifier } from '../../src/csrf/verify.js'
import { BodyNotParsed, DisallowedHost } from '../../src/errors.js'
import { requestHead, SECRET } from '../support/sites.js'
import { csrfSite, HOST, post, present, randomSecret, secret, send } from './requests.js'

const trusting = { csrfTrustedOrigins: ['https://pay.example', 'https://*.good.example'], allowedHosts: [HOST] }

describe('T03: a sibling host that planted the cookie and posts its value', () => {
  const tossed = { 'sec-fetch-site': 'same-site' }

  test('is refused by what the browser says of where the form came from, even without an Origin', async () => {
    const { refused, reason } = await send(csrfSite(), post({ headers: tossed }))
    expect(refused?.status).toBe(403)
    expect(reason).toBe('Sec-Fetch-Site checking failed - same-site.')
  })

  test('is refused without these headers where the secret is in the session', async () => {
    const { refused, reason } = await send(csrfSite({ csrfUseSessions: true }), post())
    expect(refused?.status).toBe(403)
    expect(reason).toBe('CSRF cookie not set.')
  })

  test.each(['same-site', 'cross-site', 'same-host', 'Same-Origin', 'same-origin, cross-site', ''])(
    'Sec-Fetch-Site %j is refused, unless its Origin is trusted or our own',
    async (site) => {
      const verdict = async (headers: Record<string, string>): Promise<string | undefined> => {
        const all = { 'sec-fetch-site': site, ...headers }
        return (await send(csrfSite(trusting), post({ encrypted: true, headers: all }))).reason
      }
      const reason = `Sec-Fetch-Site checking failed - ${site}.`
      expect(await verdict({})).toBe(reason)
      expect(await verdict({ referer: `https://${HOST}/` })).toBe(reason)
      expect(await verdict({ origin: 'https://evil.example' })).toBe(reason)
      expect(await verdict({ origin: 'null' })).toBe(reason)
      expect(await verdict({ origin: 'https://pay.example' })).toBeUndefined()
      expect(await verdict({ origin: 'https://a.good.example' })).toBeUndefined()
      expect(await verdict({ origin: `https://${HOST}` })).toBeUndefined()
    },
  )

  test.each(['same-origin', 'none'])(
    'Sec-Fetch-Site %s goes on to the other checks, and replaces none',
    async (site) => {
      const headers = { 'sec-fetch-site': site }
      expect((await send(csrfSite(), post({ headers }))).reason).toBeUndefined()
      expect((await send(csrfSite(), post({ headers, form: {} }))).reason).toBe('CSRF token missing.')
      expect((await send(csrfSite(), post({ headers, encrypted: true }))).reason).toBe(
        'Referer checking failed - no Referer.',
      )
      expect((await send(csrfSite(), post({ headers: { ...headers, origin: 'http://evil.example' } }))).reason).toBe(
        'Origin checking failed - http://evil.example does not match any trusted origins.',
      )
    },
  )

  test('a safe request from anywhere is served', async () => {
    expect((await send(csrfSite(), { headers: { 'sec-fetch-site': 'cross-site' } })).refused).toBeUndefined()
  })
})

describe('T35: an ending that a careless pattern overlooks', () => {
  test.each(['\n', '\r', '\t', ' ', '\0'])('%j after a token, an origin or a host is refused', async (ending) => {
    const site = csrfSite(trusting)
    const https = { encrypted: true }
    const reasonOf = async (sent: Parameters<typeof post>[0]): Promise<string | undefined> =>
      (await send(site, post(sent))).reason
    const referer = `https://${HOST}/`
    expect(await reasonOf({ ...https, headers: { referer } })).toBeUndefined()

    expect(await reasonOf({ form: { csrfmiddlewaretoken: secret + ending } })).toMatch('incorrect length')
    expect(await reasonOf({ form: { csrfmiddlewaretoken: secret.slice(1) + ending } })).toMatch('invalid characters')
    for (const origin of ['https://pay.example', 'https://a.good.example', `https://${HOST}`]) {
      expect(await reasonOf({ ...https, headers: { origin } })).toBeUndefined()
      expect(await reasonOf({ ...https, headers: { origin: origin + ending } })).toMatch('Origin checking failed')
      expect(await reasonOf({ ...https, headers: { referer: origin + ending } })).toMatch('Referer checking failed')
    }
    const origin = `https://${HOST}${ending}`
    const host = HOST + ending
    await expect(send(site, post({ ...https, headers: { host, origin } }))).rejects.toThrow(DisallowedHost)
    const anyHost = csrfSite({ ...trusting, allowedHosts: [] })
    for (const [source, words] of [
      [{ referer }, 'Referer checking failed'],
      [{ origin }, 'Origin checking failed'],
    ] as const) {
      expect((await send(anyHost, post({ ...https, headers: { host, ...source } }))).reason).toMatch(words)
    }
  })
})

test.each([undefined, 'same-origin', 'cross-site'])(
  'T36: Origin null is refused with and without a token (Sec-Fetch-Site %s)',
  async (site) => {
    const headers = { origin: 'null', 'sec-fetch-site': site }
    for (const form of [{ csrfmiddlewaretoken: secret }, {}]) {
      for (const encrypted of [true, false]) {
        const { refused, reason } = await send(csrfSite(trusting), post({ headers, form, encrypted }))
        expect(refused?.status).toBe(403)
        expect(reason).toMatch(site === 'cross-site' ? 'Sec-Fetch-Site' : 'Origin checking failed - null')
      }
    }
  },
)

test('T37: 300 content types get the same verdict', async () => {
  const names = [
    'text/plain',
    'TEXT/Plain',
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ]
  const others = [
    '',
    ' ',
    'x',
    '*/*',
    'text/html',
    'application/xml',
    'application/csp-report',
    'image/svg+xml',
    'application/grpc',
    'null',
    ';',
  ]
  const endings = [
    '',
    ';',
    ';x',
    '; charset=utf-8',
    ';charset="UTF-7"',
    ' ; boundary=x',
    ';;',
    ', text/html',
    '/',
    '\t',
  ]
  const cases = ['', '+json'].flatMap((suffix) =>
    [...names, ...others].flatMap((name) => endings.map((ending) => name + suffix + ending)),
  )
  const types = [undefined, ...new Set(cases)]
  expect(types.length).toBeGreaterThanOrEqual(300)
  const site = csrfSite()
  for (const type of types) {
    const headers = { 'content-type': type }
    expect((await send(site, post({ headers }))).reason).toBeUndefined()
    expect((await send(site, post({ headers, form: {} }))).reason).toBe('CSRF token missing.')
    expect((await send(site, post({ headers: { ...headers, 'x-csrftoken': 'no' }, form: {} }))).reason).toMatch(
      'length',
    )
    expect((await send(site, post({ headers, cookie: 'a=b' }))).reason).toBe('CSRF cookie not set.')
  }
})

describe('T38', () => {
  test.each([
    ['http on the same host', { referer: `http://${HOST}/` }, 'Referer is insecure'],
    ['another port', { referer: `https://${HOST}:8443/` }, 'does not match'],
    ['the cookie’s sibling', { referer: 'https://www.example.com/' }, 'does not match'],
    ['nothing but an XHR’s word', { 'x-requested-with': 'XMLHttpRequest' }, 'no Referer'],
  ])('over TLS that a proxy ended, a form from %s is refused', async (_, headers, reason) => {
    const proxied = csrfSite({ secureProxySslHeader: ['X-Forwarded-Proto', 'https'] })
    const sent = post({ headers: { 'x-forwarded-proto': 'https', ...headers } })
    expect((await send(proxied, sent)).reason).toMatch(reason)
    const good = { 'x-forwarded-proto': 'https', referer: `https://${HOST}/` }
    expect((await send(proxied, post({ headers: good }))).reason).toBeUndefined()
  })

  test('a proxy’s word counts only where the site names its header', async () => {
    const headers = { 'x-forwarded-proto': 'https', origin: `https://${HOST}` }
    expect((await send(csrfSite(), post({ headers }))).reason).toMatch('Origin checking failed')
  })

  test.each([
    'https://evil.example\\.good.example',
    'https://evil.example#.good.example',
    'https://evil.example?.good.example',
    'https://evil.example/.good.example',
    'https://user@evil.example/.good.example',
    'https://a.good.example@evil.example',
    'https://evilgood.example',
    'https://a.good.example.',
    'https://\tevil.example\n.good.example',
    'http://a.good.example',
    'https://a.good.example:444',
    'https:a.good.example',
    'https:/a.good.example',
    '//a.good.example',
    'https://[::1].good.example',
    'https://[a.good.example]',
  ])('%j is none of the trusted origins, as Origin and as Referer', async (text) => {
    for (const name of ['origin', 'referer']) {
      const { reason } = await send(csrfSite(trusting), post({ encrypted: true, headers: { [name]: text } }))
      expect(reason).toMatch(/^(Origin|Referer) checking failed/)
    }
  })

  test.each(['https://a.good.example', 'HTTPS://A.good.example', 'https://good.example'])(
    '%s is below the wildcard, as Origin and as Referer',
    async (text) => {
      for (const name of ['origin', 'referer']) {
        const { reason } = await send(csrfSite(trusting), post({ encrypted: true, headers: { [name]: text } }))
        expect(reason).toBeUndefined()
      }
    },
  )

  test('a Referer is quoted as Python puts it together again', async () => {
    const reasonOf = async (referer: string): Promise<string | undefined> =>
      (await send(csrfSite(trusting), post({ encrypted: true, headers: { referer } }))).reason
    const quoted = (referer: string): string =>
      `Referer checking failed - ${referer} does not match any trusted origins.`
    expect(await reasonOf('HTTPS://Evil.example:1/a?b?c#d#e')).toBe(quoted('https://Evil.example:1/a?b?c#d#e'))
    expect(await reasonOf('https://evil.example?#')).toBe(quoted('https://evil.example'))
    expect(await reasonOf('https://evil.example?b')).toBe(quoted('https://evil.example?b'))
  })
})

describe('a form that nobody parsed', () => {
  const unparsed = (headers: Record<string, string>, fails: () => never | Promise<never>): Promise<string | null> => {
    const verify = verifier(resolveSettings({ secretKey: SECRET }))
    const head = { ...requestHead({ host: HOST, ...headers }, { method: 'POST' }), formField: fails }
    return Promise.resolve(verify({ head, secure: false, stored: () => ({ secret }) }))
  }
  const fails = {
    at: () => {
      throw new BodyNotParsed('nobody parsed it')
    },
    later: () => Promise.reject(new BodyNotParsed('nobody parsed it')),
  }

  test.each(['at', 'later'] as const)(
    'does not matter where the token is in the header (it fails %s)',
    async (when) => {
      expect(await unparsed({ 'x-csrftoken': secret }, fails[when])).toBeNull()
      expect(await unparsed({ 'x-csrftoken': randomSecret() }, fails[when])).toMatch('incorrect')
    },
  )

  test.each(['at', 'later'] as const)('is an error where it is not (it fails %s)', async (when) => {
    await expect(async () => unparsed({}, fails[when])).rejects.toThrow(BodyNotParsed)
  })

  test('other failures are never taken for it', async () => {
    const broken = (): Promise<never> => Promise.reject(new TypeError('broken'))
    await expect(unparsed({ 'x-csrftoken': secret }, broken)).rejects.toThrow(TypeError)
  })
})

test('neither the store nor the form is asked about a request that its headers betray', () => {
  const verify = verifier(resolveSettings({ secretKey: SECRET, csrfUseSessions: true }))
  const asked: string[] = []
  const head = {
    ...requestHead({ host: HOST, origin: 'https://evil.example' }, { method: 'POST' }),
    formField: () => {
      asked.push('form')
      return secret
    },
  }
  const stored = (): { readonly secret: string } => {
    asked.push('store')
    return { secret }
  }
  expect(verify({ head, secure: true, stored })).toMatch('Origin')
  expect(asked).toEqual([])
})

describe('the whole table', () => {
  const methods = ['POST', 'PUT', 'DELETE', 'post']
  const sites = [undefined, 'same-origin', 'none', 'same-site', 'cross-site']
  const origins = [
    undefined,
    `https://${HOST}`,
    `http://${HOST}`,
    'https://pay.example',
    'https://evil.example',
    'null',
  ]
  const referers = [
    undefined,
    `https://${HOST}/a`,
    `http://${HOST}/a`,
    'https://pay.example/',
    'https://evil.example/',
    'x',
  ]
  const right = maskSecret(secret, randomSecret())
  const tokens: readonly (readonly [form: string | undefined, header: string | undefined])[] = [
    [undefined, undefined],
    [right, undefined],
    [undefined, secret],
    ['', right],
    [randomSecret(), right],
  ]

  /** What must come out, written another way: a request passes if everything anyone said about it is good. */
  function expected(
    method: string,
    secure: boolean,
    site: string | undefined,
    origin: string | undefined,
    referer: string | undefined,
    [form, header]: readonly [string | undefined, string | undefined],
  ): boolean {
    const own = `${secure ? 'https' : 'http'}://${HOST}`
    const goodOrigin = origin === own || origin === 'https://pay.example'
    const sameOrigin = site === undefined || site === 'same-origin' || site === 'none'
    const goodReferer = referer === `https://${HOST}/a` || referer === 'https://pay.example/'
    const sourceGood = origin === undefined ? sameOrigin && (!secure || goodReferer) : goodOrigin
    const counted = method === 'POST' && form ? form : header
    return sourceGood && (counted === right || counted === secret)
  }

  test('of methods, connections, Sec-Fetch-Site, Origin, Referer and tokens comes out as the rules say', () => {
    const verify: Verify = verifier(resolveSettings({ secretKey: SECRET, ...trusting }))
    let passed = 0
    let asked = 0
    for (const method of methods)
      for (const secure of [true, false])
        for (const site of sites)
          for (const origin of origins)
            for (const referer of referers)
              for (const token of tokens) {
                const headers = { 'sec-fetch-site': site, origin, referer, 'x-csrftoken': token[1], host: HOST }
                const form = present({ csrfmiddlewaretoken: token[0] })
                const head = requestHead(present(headers), { method, form })
                const reason = verify({ head, secure, stored: () => ({ secret }) })
                if (isPromise(reason)) throw new Error('nothing here needs a promise')
                const should = expected(method, secure, site, origin, referer, token)
                expect([reason === null, method, secure, site, origin, referer, token, reason]).toEqual([
                  should,
                  method,
                  secure,
                  site,
                  origin,
                  referer,
                  token,
                  reason,
                ])
                asked += 1
                if (should) passed += 1
              }
    expect(asked).toBe(7200)
    expect(passed).toBeGreaterThan(500)
  })

  test('safe methods are four, in capitals', () => {
    const all = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'QUERY', 'get', '']
    expect(all.filter(isSafe)).toEqual(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
  })
})

test('the header’s name is asked for in lower case and printed as Django prints it', async () => {
  const site = csrfSite({ csrfHeaderName: 'HTTP_X_CSRF2TOKEN' })
  const sent = (value: string): Parameters<typeof send>[1] => post({ headers: { 'x-csrf2token': value }, form: {} })
  expect((await send(site, sent(secret))).reason).toBeUndefined()
  expect((await send(site, sent('x'))).reason).toBe(
    "CSRF token from the 'X-Csrf2Token' HTTP header has incorrect length.",
  )
})
