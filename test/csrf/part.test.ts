import { describe, expect, test } from 'vitest'
import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { csrfExempt, csrfInput, getToken, rotateToken } from '../../src/csrf/index.js'
import { unmaskToken } from '../../src/csrf/token.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { ImproperlyConfigured, NoScope, SessionNotLoaded, SessionSealed, StoreUnavailable } from '../../src/errors.js'
import { bareSite, requestHead, responseHead } from '../support/sites.js'
import { asynchronous, csrfSite, HOST, post, secret, send } from './requests.js'

const clock = (): number => 1_700_000_000_000

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

  test('needs a scope and a site that protects forms', () => {
    expect(() => getToken({})).toThrow(NoScope)
    const request = {}
    Scope.open(bareSite(), request, requestHead())
    for (const call of [getToken, csrfInput, rotateToken]) expect(() => call(request)).toThrow(ImproperlyConfigured)
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
