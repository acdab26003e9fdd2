import { describe, expect, test } from 'vitest'
import { getUser, messages, requireLogin, safeNext } from '../../src/adapters/api.js'
import type { Routes } from '../../src/testing/index.js'
import { findDjango } from '../django/home.js'
import { askDjango } from './ask-django.js'
import { everywhere, standing } from './everywhere.js'
import { raw } from './live.js'

const HOST = 'shop.example.com'
const REFUSED = '/refused'
const home = await findDjango()

const routes: Routes = {
  '/accounts/login/': async ({ request, query }) => {
    const next = query.get('next') ?? ''
    messages.info(request, next, { extraTags: next })
    return { status: 302, headers: { Location: safeNext(request, next, REFUSED) } }
  },
  '/accounts/login/many': ({ request, query }) =>
    JSON.stringify(query.getAll('next').map((next) => safeNext(request, next, REFUSED))),
  '/account': async ({ request }) => {
    const refused = await requireLogin(request)
    return refused ?? `${(await getUser(request))?.username}`
  },
}

const famous = [
  // Django's own tests of `url_has_allowed_host_and_scheme`, with our host in theirs.
  ...['http://example.com', 'http:///example.com', 'https://example.com', 'ftp://example.com', '\\\\example.com'],
  ...['\\\\\\example.com', '/\\\\/example.com', '\\\\\\example.com', '\\\\//example.com', '\\/example.com'],
  ...['\\\\/\\/example.com', '/\\example.com', 'http:///example.com', 'http:/\\//example.com', 'http:\\/example.com'],
  ...[
    'http:/\\example.com',
    'javascript:alert("XSS")',
    '\njavascript:alert(x)',
    'java\nscript:alert(x)',
    '\x08//example.com',
  ],
  ...[
    'http://otherserver\\@example.com',
    'http:\\\\shop.example.com\\@example.com',
    'http://shop.example.com\\me:pass@example.com',
  ],
  ...[
    'http://shop.example.com\\@example.com',
    'http:\\\\shop.example.com\\confirm\\me@example.com',
    'http:999999999',
    'ftp:9999999999',
  ],
  ...[
    '\n',
    'http://[2001:cdba:0000:0000:0000:0000:3257:9652/',
    'http://2001:cdba:0000:0000:0000:0000:3257:9652]/',
    '///example.com',
  ],
  ...[
    'http:shop.example.com',
    '//shop.example.com',
    '/view/?param=http://example.com',
    '/view/?param=https://example.com',
  ],
  ...[
    '/view?param=ftp://example.com',
    'view/?param=//example.com',
    'https://shop.example.com/',
    'HTTPS://shop.example.com/',
  ],
  ...[
    '/url%20with%20spaces/',
    '/path/http:2222222222',
    'path/http:2222222222',
    `http://${HOST}/`,
    `http://${HOST}:80/x`,
  ],
  // CVE-2017-7233, CVE-2025-71403, CVE-2025-27143, CVE-2026-40181, GHSA-wrjc-x8rr-h8h6, RA123.
  ...[
    'http:99999999999999',
    '/..//evil.example',
    '/.//evil.example',
    '/a/../..//evil.example',
    '/%2e%2e//evil.example',
  ],
  ...[
    '/%2E%2e/%2e./\\evil.example',
    '/./\\evil.example',
    '/%5cevil.example',
    '/%2f%2fevil.example',
    '/%09/evil.example',
  ],
  ...[
    '//evil%E3%80%82example',
    '//evil。example',
    '/／evil.example',
    '/⁄evil.example',
    '//ｅvil.example',
    '/\u00ad/evil.example',
  ],
  ...[
    '//google.com/%2f..',
    '///google.com/%2e%2e',
    '/https://evil.example',
    '/;@evil.example',
    '//;@evil.example',
    '/.evil.example',
  ],
  ...[
    'data:text/html,<script>',
    'vbscript:x',
    'blob:http://shop.example.com/x',
    'view-source:http://shop.example.com',
    'x:',
  ],
  ...[
    `http://${HOST}@evil.example`,
    `http://evil.example#@${HOST}`,
    `http://evil.example?@${HOST}`,
    `//${HOST}:80@evil.example`,
  ],
  ...[
    `http://${HOST}.evil.example`,
    `http://evil.example/${HOST}`,
    `http://xn--shop-.example.com`,
    `http://SHOP.example.com/a`,
  ],
  ...[
    `http://sHop.example.com`,
    `http://ſhop.example.com`,
    `http://shop.example.com.`,
    `http://shop.ｅxample.com`,
    `http:////${HOST}/`,
  ],
] as const

/** Made of the pieces that such attacks are made of, always the same ones. */
function madeUp(count: number): readonly string[] {
  const pieces = [
    ...[
      '/',
      '//',
      '///',
      '\\',
      '.',
      '..',
      '/..',
      '/.',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      '%09',
      '@',
      ':',
      ';',
      '?',
      '#',
      '&',
    ],
    ...['\t', '\n', '\r', '\r\n', ' ', '\0', '\x01', '\x1f', '\x7f', '\u0085', '\u00a0', '\u200b', '\ufeff', '\u2028'],
    ...[
      'http:',
      'https:',
      'HTTP://',
      'https://',
      'javascript:',
      'ftp://',
      'data:',
      'evil.example',
      HOST,
      `http://${HOST}`,
    ],
    ...[
      `https://${HOST}/`,
      `//${HOST}`,
      ':80',
      ':443',
      ':8080',
      'user',
      'user:secret@',
      '[::1]',
      '127.0.0.1',
      '2130706433',
    ],
    ...[
      '１',
      '。',
      '．',
      '／',
      '＼',
      '：',
      '＠',
      '\u00ad',
      'ｅvil.example',
      'xn--e28h.example',
      'a',
      '/account',
      '?next=',
      'é',
    ],
  ]
  let seed = 20_270_731
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  const made = new Set<string>()
  while (made.size < count) {
    let url = draw(3) === 0 ? '/' : ''
    for (let i = 1 + draw(6); i > 0; i--) url += pieces[draw(pieces.length)]
    made.add(url)
  }
  return [...made]
}

const urls = [...new Set<string>([...famous, ...madeUp(2000 - famous.length + 20)])]

describe.skipIf('missing' in home)('T40: against Django’s url_has_allowed_host_and_scheme', () => {
  const verdicts = (secure: boolean): readonly boolean[] =>
    'missing' in home
      ? []
      : askDjango<string, boolean>(
          home,
          `
from django.utils.http import url_has_allowed_host_and_scheme as safe
answers = [safe(url, allowed_hosts={${JSON.stringify(HOST)}}, require_https=${secure ? 'True' : 'False'}) for url in given]`,
          urls,
        )

  /** One redirect each, as a browser gets it; or, where only the reading of requests is another, many a request. */
  const ways = [
    ['express', 'https', 1],
    ['express', 'http', 50],
    ['node', 'http', 50],
    ['node', 'https', 50],
    ['fetch', 'http', 50],
  ] as const

  test.each(ways)(
    'T40: of 2,000 URLs over %s and %s (%i at a time), what is taken stays on this site however often it is read',
    async (adapter, scheme, batch) => {
      const django = verdicts(scheme === 'https')
      const settings = { secureProxySslHeader: ['X-Forwarded-Proto', 'https'] as const }
      await using shop = await standing(adapter, settings, routes)
      const visitor = shop.visitor()
      const headers = { Host: HOST, 'X-Forwarded-Proto': scheme }
      const own = `${scheme}://${HOST}`
      const page = `${own}/accounts/login/`
      const locations: string[] = []
      for (let from = 0; from < urls.length; from += batch) {
        const query = urls.slice(from, from + batch).map((url) => `next=${encodeURIComponent(url)}`)
        const path = batch === 1 ? '/accounts/login/' : '/accounts/login/many'
        const answer = await visitor.get(`${path}?${query.join('&')}`, { headers })
        locations.push(...(batch === 1 ? [answer.headers.location as string] : answer.json<string[]>()))
        visitor.cookies.delete('messages')
      }
      expect(locations).toHaveLength(urls.length)
      const wrong: unknown[] = []
      const counts = { taken: 0, stricter: 0 }
      for (const [i, url] of urls.entries()) {
        const location = locations[i] as string
        if (location === REFUSED) {
          if (django[i]) counts.stricter++
          continue
        }
        counts.taken++
        const given = URL.canParse(url, page) ? new URL(url, page) : null
        const once = new URL(location, page)
        const again = new URL(once.pathname + once.search + once.hash, page)
        const origins = [given?.origin, once.origin, again.origin]
        const isPath = /^\/(?![/\\])[\x21-\x7e]*$/.test(location)
        if (!isPath || origins.some((origin) => origin !== own) || again.href !== once.href || django[i] !== true) {
          wrong.push({ url, location, origins, django: django[i] })
        }
      }
      expect(urls.length).toBeGreaterThanOrEqual(2000)
      expect(wrong).toEqual([])
      expect(counts.taken).toBeGreaterThan(200)
      expect(counts.stricter).toBeLessThan(counts.taken)
    },
  )
})

describe.each(everywhere)('over %s', (adapter) => {
  const line = (answer: string, name: string): readonly string[] =>
    (answer.split('\r\n\r\n', 1)[0] as string)
      .split('\r\n')
      .filter((each) => each.toLowerCase().startsWith(`${name}:`))
      .map((each) => each.slice(name.length + 1).trim())
  const ask = (origin: string, path: string): Promise<string> =>
    raw(origin, `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)

  test.each([
    '/a\r\nSet-Cookie: evil=1',
    '/a\nSet-Cookie: evil=1',
    '/a\rSet-Cookie: evil=1',
    '/a\r\n\r\n<script>',
    '/a\u010d\u010aSet-Cookie: evil=1',
    '/a\u0085Set-Cookie: evil=1',
    '/a\u2028Set-Cookie: evil=1',
    '/a\u0000Set-Cookie: evil=1',
    '/é ü',
  ])('T21: %j as next and as a message is one Location and one cookie, encoded', async (next) => {
    await using shop = await standing(adapter, {}, routes)
    const answer = await ask(shop.origin, `/accounts/login/?next=${encodeURIComponent(next)}`)
    const [location = '', ...others] = line(answer, 'location')
    expect(others).toEqual([])
    // What ends a line is refused; what only would if it were cut to bytes is encoded.
    if (/[\x00-\x1f\x7f]/.test(next)) expect(location).toBe(REFUSED)
    else expect(decodeURIComponent(location)).toBe(next)
    expect(location).toMatch(/^[\x21-\x7e]+$/)
    expect(line(answer, 'set-cookie')).toEqual([expect.stringMatching(/^messages=[\w.:-]+; HttpOnly; /)])
  })

  test('T21: a path with controls in it is one Location of the login page', async () => {
    await using shop = await standing(adapter, {}, routes)
    const [location = '', ...others] = line(await ask(shop.origin, '/account?a=%0d%0aSet-Cookie:%20evil=1'), 'location')
    expect(others).toEqual([])
    expect(location).toMatch(/^\/accounts\/login\/\?next=\/account%3F[\x21-\x7e]+$/)
    expect(location).not.toMatch(/%0d%0a(?!Set)/i)
  })
})
