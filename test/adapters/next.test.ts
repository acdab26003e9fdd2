import { type SettingsInput, sojourn } from 'sojourn'
import { locmem } from 'sojourn/caches/locmem'
import { sqlite } from 'sojourn/databases/sqlite'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onNext } from 'sojourn/next'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cookiesAfter } from '../../src/adapters/next/cookies-after.js'
import { NextHead, NextRequestHead } from '../../src/adapters/next/request-heads.js'
import { NextResponseHead } from '../../src/adapters/next/response-head.js'
import { leaving } from '../../src/adapters/next/thrown.js'
import { Site } from '../../src/core/site.js'
import { ImproperlyConfigured } from '../../src/errors.js'

const secretKey = 'a secret of the tests, of more than fifty characters in all'
const sites = globalThis as { [name: symbol]: object | undefined }
const SITES = Symbol.for('sojourn.next.sites')

describe('one site for the process', () => {
  beforeEach(() => {
    sites[SITES] = undefined
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  const made = (sessionCookieAge = 60, name?: string) =>
    onNext({ secretKey, sessionEngine: 'memory', sessionCookieAge, csrfFailureView: () => refused }, name).site
  const refused = { status: 403, headers: {}, body: '' }

  test('the same settings are the same site, each time a module that makes it is evaluated', () => {
    expect(made()).toBe(made())
  })

  test('other settings need another name', () => {
    const first = made()
    expect(() => made(61)).toThrow(ImproperlyConfigured)
    expect(made(61, 'second')).not.toBe(first)
    expect(made(61, 'second')).toBe(made(61, 'second'))
  })

  test('while a server develops, other settings make another site', () => {
    vi.stubEnv('NODE_ENV', 'development')
    const first = made()
    const second = made(61)
    expect(second).not.toBe(first)
    expect(made(61)).toBe(second)
  })

  const engine = memoryEngine()
  const database = sqlite('sqlite::memory:')
  const cache = locmem()

  test.each<[string, SettingsInput, boolean]>([
    ['its own engine and database', { sessionEngine: 'memory' }, true],
    ['the engine of both', { sessionEngine: engine }, false],
    ['the database of both', { databases: { default: database } }, false],
    ['the cache of both', { sessionEngine: 'cache', caches: { default: { location: cache } } }, false],
  ])('a site that is replaced is closed unless that closes what another has: %s', (_, settings, isClosed) => {
    vi.stubEnv('NODE_ENV', 'development')
    const close = vi.spyOn(Site.prototype, 'close')
    const { site } = onNext({ secretKey, ...settings })
    onNext({ secretKey, ...settings })
    expect(close).not.toHaveBeenCalled()
    onNext({ secretKey, ...settings, sessionCookieAge: 61 })
    expect(close.mock.contexts).toEqual(isClosed ? [site] : [])
  })

  test('a site that is given is taken, beside any other', () => {
    const site = sojourn({ secretKey, sessionEngine: 'memory' })
    expect([onNext(site).site, onNext(site).site]).toEqual([site, site])
    expect(made()).not.toBe(site)
  })

  test('of a second copy of sojourn in the process somebody is told', () => {
    sites[SITES] = { named: new Map([['default', { site: {}, text: '' }]]), given: new WeakMap() }
    expect(() => made()).toThrow(/serverExternalPackages/)
  })
})

describe('what Next throws to leave', () => {
  test.each([
    ['NEXT_REDIRECT;push;/cart;307;', { location: '/cart', status: 307 }],
    ['NEXT_REDIRECT;replace;/a;b?c=d;e;303;', { location: '/a;b?c=d;e', status: 303 }],
    ['NEXT_HTTP_ERROR_FALLBACK;404', { status: 404 }],
    ['DYNAMIC_SERVER_USAGE', null],
    [undefined, null],
  ])('%s', (digest, expected) => {
    expect(leaving(Object.assign(new Error('x'), { digest }))).toEqual(expected)
  })

  test.each([null, undefined, 'text', 1])('%s is an error', (thrown) => {
    expect(leaving(thrown)).toBeNull()
  })
})

describe('cookies', () => {
  const line = 'sessionid=a"; expires=Sat, 12 Dec 2026 19:34:23 GMT; HttpOnly; Max-Age=60; Path=/; SameSite=Lax; Secure'

  test('a line of ours is taken apart for Next', () => {
    const set: unknown[] = []
    const head = new NextResponseHead({ set: (...given) => set.push(given) }, 200)
    head.append('Set-Cookie', line)
    head.append('X-Other', 'value')
    const expires = new Date('2026-12-12T19:34:23Z')
    const options = { expires, httpOnly: true, maxAge: 60, path: '/', sameSite: 'lax', secure: true }
    expect(set).toEqual([['sessionid', 'a"', options]])
  })

  test('a request is as the next one will be', () => {
    const gone = 'sessionid=; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/'
    expect(cookiesAfter('', [line])).toBe('sessionid=a"')
    expect(cookiesAfter('a=1; sessionid=old ;sessionid=older; b=2', [line])).toBe('a=1; b=2; sessionid=a"')
    expect(cookiesAfter('a=1; sessionid=old', [gone])).toBe('a=1')
    expect(cookiesAfter('xsessionid=1', [line, 'csrftoken=t; Path=/'])).toBe('xsessionid=1; sessionid=a"; csrftoken=t')
  })

  test("a request's colons that Next encodes are colons again, and its scheme is Next's", () => {
    const headers = new Headers({ cookie: 's=a%3Ab%3Ac; t=1:2', referer: 'a%3Ab', 'x-forwarded-proto': 'https, http' })
    const request = new Request('http://shop.example/', { headers })
    for (const head of [new NextHead(headers, 'POST'), new NextRequestHead(request, null)]) {
      expect(head.header('cookie')).toBe('s=a:b:c; t=1:2')
      expect([head.header('referer'), head.header('origin'), head.encrypted]).toEqual(['a%3Ab', undefined, true])
    }
  })
})
