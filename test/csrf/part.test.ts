import { format } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { getSession } from '../../src/core/get-session.js'
import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import {
  csrfExempt,
  csrfField,
  csrfInput,
  csrfProtect,
  ensureCsrfCookie,
  getToken,
  requiresCsrfToken,
  rotateToken,
} from '../../src/csrf/index.js'
import { unmaskToken } from '../../src/csrf/token.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { BodyNotParsed, NoScope, SessionNotLoaded, SessionSealed, StoreUnavailable } from '../../src/errors.js'
import { requestHead, responseHead } from '../support/sites.js'
import {
  type Answered,
  asynchronous,
  csrfSite,
  type Fields,
  HOST,
  post,
  present,
  type Sent,
  secret,
  send,
} from './requests.js'

const clock = (): number => 1_700_000_000_000

/** What a handler says that is called with the request. */
async function asked<T>(
  site: Site,
  sent: Sent,
  ask: (request: object) => T,
): Promise<Answered & { readonly result: Awaited<T> | undefined }> {
  let result: Awaited<T> | undefined
  const answered = await send(site, sent, async (request) => {
    result = await ask(request)
  })
  return { ...answered, result }
}

function refuseBody(): never {
  throw new BodyNotParsed('x')
}

describe('a request that asks for no token', () => {
  test.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])(
    'costs nothing: %s is let through before anything is looked at',
    async (method) => {
      const site = csrfSite()
      const seen: string[] = []
      const head = {
        ...requestHead({}, { method }),
        header: (name: string) => {
          seen.push(name)
          return undefined
        },
      }
      const scope = Scope.open(site, {}, head)
      expect(scope.begin()).toBeUndefined()
      const response = responseHead()
      expect(scope.finish(response)).toBeUndefined()
      expect(new Set(seen)).toEqual(new Set(['cookie']))
      expect([response.cookies, response.headers.size]).toEqual([[], 0])
    },
  )

  test('with csrfUseSessions never loads the session, whatever cookie came', async () => {
    const engine = asynchronous()
    engine.load = () => Promise.reject(new Error('was asked'))
    const site = csrfSite({ csrfUseSessions: true, sessionPrefetch: false }, engine)
    const { response } = await send(site, { cookie: `sessionid=${'k'.repeat(32)}; csrftoken=x` })
    expect([response.cookies, response.headers.size]).toEqual([[], 0])
  })

  test('leaves a good cookie as it is', async () => {
    const { response } = await send(csrfSite(), { cookie: `csrftoken=${secret}` })
    expect([response.cookies, response.headers.size]).toEqual([[], 0])
  })
})

describe('the cookie', () => {
  const line = async (settings: SettingsInput, encrypted: boolean): Promise<string | undefined> => {
    const { response } = await send(
      csrfSite({ clock, ...settings }),
      { encrypted, cookie: `csrftoken=${secret}` },
      getToken,
    )
    expect(response.cookies).toHaveLength(1)
    return response.cookies[0]
  }
  const rest = `csrftoken=${secret}; expires=Tue, 12 Nov 2024 22:13:20 GMT; Max-Age=31449600; Path=/; SameSite=Lax`

  test('is Secure by itself on HTTPS, and where a setting says so', async () => {
    expect(await line({}, false)).toBe(rest)
    expect(await line({}, true)).toBe(`${rest}; Secure`)
    expect(await line({ csrfCookieSecure: false }, true)).toBe(rest)
    expect(await line({ csrfCookieSecure: true }, false)).toBe(`${rest}; Secure`)
  })

  test('is sent once and is varied by, however many tokens are asked for', async () => {
    const { response } = await send(csrfSite(), {}, (request) => {
      getToken(request)
      csrfInput(request)
    })
    expect(response.cookies).toHaveLength(1)
    expect(response.get('Vary')).toBe('Cookie')
  })

  test('keeps the Vary that the handler set', async () => {
    const site = csrfSite()
    const request = {}
    const scope = Scope.open(site, request, requestHead())
    getToken(request)
    const response = responseHead(200, { Vary: 'Accept-Language' })
    await scope.finish(response)
    expect(response.get('Vary')).toBe('Accept-Language, Cookie')
  })

  test.each([
    ['">', '<script>'],
    ['x', ''],
    ['a'.repeat(31), ''],
    ['a'.repeat(33), ''],
    ['é'.repeat(32), ''],
    ['a'.repeat(4000), ''],
  ])('T62: a cookie that is no secret (%s%s) is replaced and never echoed', async (...parts) => {
    const bad = parts.join('')
    let html = ''
    const { response } = await send(csrfSite(), { cookie: `csrftoken=${bad}` }, (request) => {
      html = csrfInput(request)
    })
    expect(html).toMatch(/^<input type="hidden" name="csrfmiddlewaretoken" value="[a-zA-Z0-9]{64}">$/)
    expect(response.cookies[0]).toMatch(/^csrftoken=[a-zA-Z0-9]{32}; /)
    expect(html + response.cookies.join()).not.toContain(bad.length > 2 ? bad : `=${bad};`)

    for (const debug of [true, false]) {
      const { refused, reason } = await send(csrfSite({ debug }), post({ cookie: `csrftoken=${bad}` }))
      expect(reason).toMatch(/^CSRF cookie has (incorrect length|invalid characters)\.$/)
      expect(refused?.body).not.toContain('<script>')
    }
  })
})

describe('a token', () => {
  test('is another text at each call, and all of one response and its cookie are one secret', async () => {
    const tokens: string[] = []
    const { response } = await send(csrfSite(), {}, (request) => {
      for (let i = 0; i < 100; i++) tokens.push(getToken(request))
    })
    expect(new Set(tokens).size).toBe(100)
    const secrets = new Set(tokens.map(unmaskToken))
    expect(secrets.size).toBe(1)
    expect(response.cookies[0]).toMatch(`csrftoken=${[...secrets][0]};`)
  })

  test('asked for in one request is accepted in the next, from the form and from the header', async () => {
    const site = csrfSite()
    let token = ''
    const { response } = await send(site, {}, (request) => {
      token = getToken(request)
    })
    const cookie = response.cookies[0]?.split(';')[0]
    expect((await send(site, { method: 'POST', cookie, form: { csrfmiddlewaretoken: token } })).refused).toBeUndefined()
    expect((await send(site, { method: 'PUT', cookie, headers: { 'x-csrftoken': token } })).refused).toBeUndefined()
    expect((await send(site, { method: 'PUT', headers: { 'x-csrftoken': token } })).reason).toBe('CSRF cookie not set.')
  })

  test('asked for after the head left still serves where its secret is known, else says that it is too late', async () => {
    const known = await send(csrfSite(), { cookie: `csrftoken=${secret}` })
    expect(unmaskToken(getToken(known.request))).toBe(secret)
    const unknown = await send(csrfSite(), {})
    expect(() => getToken(unknown.request)).toThrow(SessionSealed)
    expect(() => rotateToken(known.request)).toThrow(SessionSealed)
    const asked = await send(csrfSite(), {}, getToken)
    expect(asked.response.cookies[0]).toMatch(`csrftoken=${unmaskToken(getToken(asked.request))};`)
  })

  test('needs a scope', () => {
    for (const call of [getToken, csrfInput, csrfField, rotateToken]) expect(() => call({})).toThrow(NoScope)
  })

  test('is to be had as the attributes of a field', async () => {
    const { result } = await asked(csrfSite(), {}, csrfField)
    expect(result).toEqual({ type: 'hidden', name: 'csrfmiddlewaretoken', value: expect.stringMatching(/^\w{64}$/) })
  })
})

describe('after login', () => {
  test.each([false, true])('the secret is another one (in the session: %s)', async (csrfUseSessions) => {
    const site = csrfSite({ csrfUseSessions })
    let before = ''
    let after = ''
    const { response, scope } = await send(site, { cookie: `csrftoken=${secret}` }, (request) => {
      before = unmaskToken(getToken(request))
      Scope.of(site, request)?.loggedIn()
      after = unmaskToken(getToken(request))
    })
    expect(after).not.toBe(before)
    if (csrfUseSessions) expect(scope.state.get('_csrftoken')).toBe(after)
    else expect(response.cookies).toEqual([expect.stringContaining(`csrftoken=${after};`)])
  })

  test('rotateToken alone stores the new secret, also on a session that was not loaded', async () => {
    const site = csrfSite({ csrfUseSessions: true, sessionPrefetch: false }, asynchronous())
    const session = site.sessions.open()
    session.set('a', 1)
    await session.save()
    await send(site, { cookie: `sessionid=${session.sessionKey}` }, rotateToken)
    const stored = site.sessions.open(session.sessionKey)
    await stored.load()
    expect(stored.get('_csrftoken')).toMatch(/^[a-zA-Z0-9]{32}$/)
    expect(stored.get('a')).toBe(1)
  })
})

describe('a secret in the session', () => {
  test.each([
    ['at once', () => memoryEngine()],
    ['later', () => asynchronous()],
  ])('makes a token that the next request may use (an engine that answers %s)', async (_, engine) => {
    const site = csrfSite({ csrfUseSessions: true }, engine())
    let token = ''
    const { response } = await send(site, {}, (request) => {
      token = getToken(request)
    })
    expect(response.cookies.map((line) => line.split('=')[0])).toEqual(['sessionid'])
    const cookie = response.cookies[0]?.split(';')[0]
    const again = { method: 'POST', cookie, form: { csrfmiddlewaretoken: token } }
    expect((await send(site, again)).refused).toBeUndefined()
    expect((await send(site, { ...again, form: {} })).reason).toBe('CSRF token missing.')
    expect((await send(site, { ...again, cookie: `csrftoken=${unmaskToken(token)}` })).reason).toBe(
      'CSRF cookie not set.',
    )
  })

  test.each([false, true])(
    'is kept masked where that is wanted, and the next form is good (in the session: %s)',
    async (csrfUseSessions) => {
      const site = csrfSite({ csrfUseSessions, csrfCookieMasked: true })
      const { response, scope, result } = await asked(site, {}, getToken)
      const cookie = response.cookies[0]?.split(';')[0]
      const stored = csrfUseSessions ? String(scope.state.get('_csrftoken')) : cookie?.split('=')[1]
      expect(stored).toMatch(/^[a-zA-Z0-9]{64}$/)
      expect(unmaskToken(stored as string)).toBe(unmaskToken(result as string))
      const form = { csrfmiddlewaretoken: String(result) }
      expect((await send(site, { method: 'POST', cookie, form })).refused).toBeUndefined()
    },
  )

  test('that is there already is not written again by a page that asks for a token', async () => {
    const site = csrfSite({ csrfUseSessions: true })
    const first = await send(site, {}, getToken)
    const cookie = first.response.cookies[0]?.split(';')[0]
    const { response, scope } = await send(site, { cookie }, getToken)
    expect([scope.state.modified, response.cookies, response.get('Vary')]).toEqual([false, [], 'Cookie'])
  })

  test('is loaded for the check even where sessions are not prefetched; only a template must load it itself', async () => {
    const site = csrfSite({ csrfUseSessions: true, sessionPrefetch: false }, asynchronous())
    let token = ''
    const { response } = await send(site, {}, (request) => {
      token = getToken(request)
    })
    const cookie = response.cookies[0]?.split(';')[0]
    const form = { csrfmiddlewaretoken: token }
    expect((await send(site, { method: 'POST', cookie, form })).refused).toBeUndefined()
    await expect(send(site, { cookie }, getToken)).rejects.toThrow(SessionNotLoaded)
  })

  test('of rubbish is none', async () => {
    for (const rubbish of ['short', 7, null, { a: 1 }]) {
      const engine = memoryEngine()
      const cells = new Map([['_csrftoken', JSON.stringify(rubbish)]])
      await engine.create('k'.repeat(32), { cells, expires: Date.now() + 1e6 })
      const site = csrfSite({ csrfUseSessions: true }, engine)
      const cookie = `sessionid=${'k'.repeat(32)}`
      const form = { csrfmiddlewaretoken: String(rubbish) }
      expect((await send(site, { method: 'POST', cookie, form })).reason).toBe('CSRF cookie not set.')
      await send(site, { cookie }, getToken)
      expect(site.sessions.open('k'.repeat(32)).get('_csrftoken')).toMatch(/^[a-zA-Z0-9]{32}$/)
    }
  })

  test('is neither there nor missing while the store fails: the answer is its failure', async () => {
    const engine = asynchronous()
    engine.load = () => Promise.reject(new Error('down'))
    const site = csrfSite({ csrfUseSessions: true }, engine)
    const cookie = `sessionid=${'k'.repeat(32)}`
    await expect(async () => send(site, post({ cookie }))).rejects.toThrow(StoreUnavailable)
  })
})

describe('a refusal', () => {
  test('says why with debug only, and always by the same code', async () => {
    const sent = post({ headers: { origin: 'http://evil.example/<b>&"\'' } })
    const quiet = await send(csrfSite(), sent)
    const loud = await send(csrfSite({ debug: true }), sent)
    for (const { refused } of [quiet, loud]) {
      expect(refused?.status).toBe(403)
      expect(refused?.headers).toEqual({ 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
      expect(refused?.body).toContain('csrf_failed: origin<')
      expect(refused?.body).not.toContain('<b>')
    }
    expect(quiet.refused?.body).not.toContain('evil.example')
    expect(loud.refused?.body).toContain('Origin checking failed - http://evil.example/&#60;b&#62;')
  })

  test('has a code for each reason', async () => {
    const https = { encrypted: true }
    const codes = await Promise.all(
      [
        post({ headers: { 'sec-fetch-site': 'cross-site' } }),
        post({ headers: { origin: 'null' } }),
        post(https),
        post({ ...https, headers: { referer: 'x' } }),
        post({ cookie: '' }),
        post({ cookie: 'csrftoken=x' }),
        post({ form: {} }),
        post({ form: { csrfmiddlewaretoken: 'x' } }),
      ].map(async (sent) => /csrf_failed: (\w+)/.exec((await send(csrfSite(), sent)).refused?.body ?? '')?.[1]),
    )
    expect(codes).toEqual(['fetch_site', 'origin', 'no_referer', 'referer', 'no_cookie', 'cookie', 'no_token', 'token'])
  })

  test('with debug names the setting that sites behind a proxy forget', async () => {
    const hint = async (origin: string): Promise<boolean> => {
      const { refused } = await send(csrfSite({ debug: true }), post({ headers: { origin } }))
      return refused?.body.includes('secureProxySslHeader') ?? false
    }
    expect(await hint(`https://${HOST}`)).toBe(true)
    expect(await hint('https://evil.example')).toBe(false)
  })

  /** `send` listens, and so nothing would be printed. */
  const unheard = async (site: Site, { cookie, headers, form, encrypted }: Sent, url = '/'): Promise<void> => {
    const fields = present({ host: HOST, cookie, ...headers })
    const head = requestHead(fields, { method: 'POST', form: present(form ?? {}), encrypted, url })
    await Scope.open(site, {}, head).begin()
  }

  const printed = async (run: () => Promise<unknown>): Promise<readonly string[]> => {
    const log = vi.spyOn(console, 'warn').mockReturnValue(undefined)
    try {
      await run()
      return log.mock.calls.map((line) => format(...line))
    } finally {
      log.mockRestore()
    }
  }

  test('is printed where nobody listens, as Django logs it, with the path alone and no token', async () => {
    const token = 'x'.repeat(32)
    const site = csrfSite()
    const lines = await printed(async () => {
      await unheard(site, post({ form: { csrfmiddlewaretoken: token } }), '/buy?key=secret')
      await unheard(site, post({ headers: { origin: 'http://evil.example' } }))
      await unheard(site, post({ form: {} }), `/\n\u001b${'a'.repeat(9_000)}`)
      await unheard(site, post({ encrypted: true, headers: { referer: 'https://evil.example/reset?key=secret#part' } }))
    })
    expect(lines.slice(0, 2)).toEqual([
      'sojourn: Forbidden (CSRF token from POST incorrect.): /buy',
      'sojourn: Forbidden (Origin checking failed - http://evil.example does not match any trusted origins.): /',
    ])
    expect(lines[2]?.length).toBeLessThan(300)
    expect(lines[3]).toContain('https://evil.example/reset does not match')
    expect(lines.join('')).not.toMatch(/secret|part|[^\x20-\x7e]/)
    expect(lines.join('')).not.toContain(token)
  })

  test('is printed once a minute for each code, whatever the visitor makes up, with how many came between', async () => {
    let now = clock()
    const site = csrfSite({ clock: () => now })
    const scan = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await unheard(site, post({ headers: { origin: `http://evil${i}.example` } }))
      await unheard(site, post({ form: {} }))
    }
    expect(await printed(scan)).toHaveLength(2)
    now += 59_999
    expect(await printed(scan)).toEqual([])
    now += 1
    const [origin, token] = await printed(scan)
    expect(origin).toMatch(/^sojourn: Forbidden \(Origin .* \(and 39 more like it since the last such line\)$/)
    expect(token).toMatch(/\(and 1 more like it/)
  })

  test('is not printed where somebody listens', async () => {
    const site = csrfSite()
    const off = site.on('csrf_failed', () => undefined)
    expect(await printed(() => unheard(site, post({ form: {} })))).toEqual([])
    off()
    expect(await printed(() => unheard(site, post({ form: {} })))).toHaveLength(1)
  })

  test('that was only reported says so where it is printed', async () => {
    const site = csrfSite({ csrfMode: 'report-only' })
    expect(await printed(() => unheard(site, post({ form: {} })))).toEqual([
      'sojourn: Would be forbidden (CSRF token missing.): /',
    ])
  })

  test('of a form that came by https and seems to have come by http is printed with the setting that is missing', async () => {
    const line = (origin: string) => printed(() => unheard(csrfSite(), post({ headers: { origin } })))
    const hint = 'behind a TLS proxy? set secureProxySslHeader'
    expect((await line(`https://${HOST}`)).join('')).toContain(hint)
    expect((await line('https://evil.example')).join('')).not.toContain(hint)
  })

  test('keeps the handler from running and is answered by csrfFailureView, at once or later', async () => {
    const given = { status: 419, headers: {}, body: 'again, please' }
    for (const view of [() => given, async () => given]) {
      const site = csrfSite({ csrfFailureView: view })
      let ran = false
      const { refused, reason } = await send(site, post({ form: {} }), () => {
        ran = true
      })
      expect([refused, reason, ran]).toEqual([given, 'CSRF token missing.', false])
    }
  })

  test('passes the request and the reason to csrfFailureView', async () => {
    const seen: unknown[] = []
    const site = csrfSite({
      csrfFailureView: (request, reason) => {
        seen.push(request, reason)
        return { status: 403, headers: {}, body: '' }
      },
    })
    const { request } = await send(site, post({ form: {} }))
    expect(seen).toEqual([request, 'CSRF token missing.'])
    expect(seen[0]).toBe(request)
  })
})

describe("csrfMode 'header-only'", () => {
  const site = (settings: SettingsInput = {}) => csrfSite({ csrfMode: 'header-only', ...settings })
  const bare = (headers: Fields, encrypted = true): Sent => ({ method: 'POST', headers, encrypted })
  const good = `https://${HOST}`

  test.each<readonly [Fields, boolean]>([
    [{ 'sec-fetch-site': 'same-origin', origin: good }, true],
    [{ 'sec-fetch-site': 'none', origin: good }, true],
    [{ origin: good }, true],
    [{ referer: `${good}/form` }, true],
    [{ origin: `http://${HOST}` }, false],
    [{ 'sec-fetch-site': 'same-origin' }, false],
  ])('needs no token where the browser vouches for the form: %j', async (headers, encrypted) => {
    expect((await send(site(), bare(headers, encrypted))).refused).toBeUndefined()
  })

  test.each<readonly [Fields, boolean, string]>([
    [{}, true, 'Referer checking failed - no Referer.'],
    [{}, false, 'Source checking failed - no Sec-Fetch-Site, Origin or Referer.'],
    [{ referer: `http://${HOST}/` }, false, 'Source checking failed - no Sec-Fetch-Site, Origin or Referer.'],
    [{ 'sec-fetch-site': 'cross-site', origin: good.replace('shop', 'evil') }, true, 'Sec-Fetch-Site checking failed'],
    [{ 'sec-fetch-site': 'same-site' }, true, 'Sec-Fetch-Site checking failed - same-site.'],
    [{ origin: 'null' }, true, 'Origin checking failed - null'],
    [{ referer: 'https://evil.example/' }, true, 'Referer checking failed - https://evil.example/'],
  ])('and refuses whatever nobody vouches for: %j', async (headers, encrypted, words) => {
    const { refused, reason } = await send(site(), bare(headers, encrypted))
    expect([refused?.status, reason?.startsWith(words)]).toEqual([403, true])
  })

  test('asks neither the session nor the body', async () => {
    const engine = asynchronous()
    engine.load = () => Promise.reject(new Error('was asked'))
    const cookie = `sessionid=${'k'.repeat(32)}`
    const only = csrfSite({ csrfMode: 'header-only', csrfUseSessions: true, sessionPrefetch: false }, engine)
    expect((await send(only, { ...bare({ origin: good }), cookie })).refused).toBeUndefined()
  })
})

describe("csrfMode 'report-only'", () => {
  test('lets everything pass, and tells what would have been refused, with its code', async () => {
    const site = csrfSite({ csrfMode: 'report-only' })
    const told: unknown[] = []
    site.on('csrf_failed', ({ reason, code, refused }) => told.push([reason, code, refused]))
    let ran = 0
    for (const sent of [post(), post({ form: {} }), post({ headers: { origin: 'null' } })]) {
      expect((await send(site, sent, () => void ran++)).refused).toBeUndefined()
    }
    expect(ran).toBe(3)
    expect(told).toEqual([
      ['CSRF token missing.', 'no_token', false],
      ['Origin checking failed - null does not match any trusted origins.', 'origin', false],
    ])
  })

  test('lets a body pass that cannot be read for its token', async () => {
    const site = csrfSite({ csrfMode: 'report-only' })
    const codes: string[] = []
    site.on('csrf_failed', ({ code }) => codes.push(code))
    for (const fails of [() => Promise.reject(new BodyNotParsed('x')), refuseBody]) {
      const head = {
        ...requestHead({ host: HOST, cookie: `csrftoken=${secret}` }, { method: 'POST' }),
        formField: fails,
      }
      expect(await Scope.open(site, {}, head).begin()).toBeUndefined()
    }
    expect(codes).toEqual([])
  })

  test('a refusal tells that it is one', async () => {
    const site = csrfSite()
    const told: unknown[] = []
    site.on('csrf_failed', ({ code, refused }) => told.push([code, refused]))
    await send(site, post({ form: {} }))
    expect(told).toEqual([['no_token', true]])
  })
})

describe('csrfExemptPaths', () => {
  const exempt = csrfSite({ csrfExemptPaths: ['/hook', '/hooks/*', '/a/b/'] })
  const verdict = async (url: string): Promise<number | undefined> => {
    const scope = Scope.open(exempt, {}, requestHead({ host: HOST }, { method: 'POST', url }))
    return (await scope.begin())?.status
  }

  test.each(['/hook', '/hook?a=/x', '/hooks/', '/hooks/a', '/hooks/a/b.c?d', '/hooks/...', '/a/b/'])(
    '%s needs no token',
    async (url) => expect(await verdict(url)).toBeUndefined(),
  )
  test.each([
    ...['/', '/hook/', '/hookx', '/Hook', '//hook', '/hook#x', '/hooks', '/x/hooks/a', '/a/b', '/hook%3Fa'],
    ...['/hooks/../pay', '/hooks/./a', '/hooks/..', '/hooks//a', '/hooks/%2e%2e/pay', '/hooks/a%2Fb', '/hooks/a%5cb'],
    ...['/hooks/a\\..\\b', 'http://shop.example.com/hook'],
  ])('T39: %s does', async (url) => expect(await verdict(url)).toBe(403))
})

describe('a site that checks no token by itself', () => {
  const site = (settings: SettingsInput = {}) => csrfSite({ middleware: ['sessions', 'auth'], ...settings })

  test('lets forms pass, and costs nothing', async () => {
    const { refused, response } = await send(site(), { method: 'POST', cookie: 'csrftoken=rubbish' })
    expect([refused, response.cookies, response.headers.size]).toEqual([undefined, [], 0])
  })

  test.each([false, true])(
    'gives a new token at login to who had one, and none to who had none (in the session: %s)',
    async (inSession) => {
      const one = site({ csrfUseSessions: inSession })
      const enter = (request: object) => Scope.of(one, request)?.loggedIn()
      const stranger = await asked(one, {}, enter)
      expect([stranger.response.cookies, stranger.scope.state.modified]).toEqual([[], false])
      const first = await asked(one, {}, getToken)
      const cookie = first.response.cookies[0]?.split(';')[0]
      let after = ''
      await asked(one, { cookie }, async (request) => {
        await getSession(request)
        enter(request)
        after = unmaskToken(getToken(request))
      })
      expect(after).toMatch(/^\w{32}$/)
      expect(after).not.toBe(unmaskToken(first.result as string))
    },
  )

  test('makes tokens all the same, for the pages that csrfProtect guards', async () => {
    const one = site()
    const { response, result } = await asked(one, {}, getToken)
    const cookie = response.cookies[0]?.split(';')[0]
    const form = { csrfmiddlewaretoken: String(result) }
    const guarded = async (sent: Sent) => (await asked(one, { method: 'POST', ...sent }, csrfProtect)).result
    expect(await guarded({ cookie, form })).toBeNull()
    expect(await guarded({ cookie, form: {} })).toMatchObject({ status: 403 })
    expect(await guarded({ method: 'GET' })).toBeNull()
  })

  test('csrfProtect asks also where the path is exempt, and as a middleware answers or lets pass', async () => {
    const one = csrfSite({ csrfExemptPaths: ['/'] })
    const told: unknown[] = []
    const answer = { statusCode: 200, setHeader: () => undefined, end: () => told.push(answer.statusCode) }
    for (const sent of [post(), post({ form: {} })]) {
      await send(one, sent, async (request) => {
        csrfProtect(request, answer, () => told.push('next'))
        await new Promise(setImmediate)
      })
    }
    expect(told).toEqual(['next', 403])
  })

  test('csrfProtect hands what fails to the next one', () => {
    const told: unknown[] = []
    const answer = { statusCode: 200, setHeader: () => undefined, end: () => undefined }
    csrfProtect({}, answer, (error) => told.push(error))
    expect(told[0]).toBeInstanceOf(NoScope)
  })

  test.each([false, true])(
    'ensureCsrfCookie sends the secret, the same where there is one (in the session: %s)',
    async (csrfUseSessions) => {
      const one = site({ csrfUseSessions })
      const first = await asked(one, {}, ensureCsrfCookie)
      expect([first.result, first.response.cookies]).toEqual([null, [expect.any(String)]])
      const cookie = first.response.cookies[0]?.split(';')[0]
      const again = await asked(one, { cookie }, ensureCsrfCookie)
      expect(again.response.cookies.map((line) => line.split(';')[0])).toEqual(csrfUseSessions ? [] : [cookie])
      expect(again.scope.state.modified).toBe(false)
    },
  )

  test('requiresCsrfToken replaces a cookie that is no secret, and refuses nobody', async () => {
    const { result, response } = await asked(site(), { method: 'POST', cookie: 'csrftoken=rubbish' }, requiresCsrfToken)
    expect([result, response.cookies]).toEqual([null, [expect.stringMatching(/^csrftoken=\w{32};/)]])
  })
})

describe('csrfExempt', () => {
  test('lets this one request pass, and no other', async () => {
    const site = csrfSite()
    const request = {}
    csrfExempt(request)
    const foreign = post({ form: {}, headers: { origin: 'https://evil.example' } })
    expect((await send(site, { ...foreign, request })).refused).toBeUndefined()
    expect((await send(site, foreign)).refused?.status).toBe(403)
  })

  test('does nothing to a request that was refused before', async () => {
    const { refused, request } = await send(csrfSite(), post({ form: {} }))
    csrfExempt(request)
    expect(refused?.status).toBe(403)
  })
})
