import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { safeNext } from '../../src/auth/index.js'
import { authSite, visit } from './site.js'

const REFUSED = '/refused'

async function next(url: unknown, asked: { encrypted?: boolean; url?: string } = {}): Promise<string> {
  return (await visit(authSite().site, asked, (request) => safeNext(request, url, REFUSED))).result
}

describe('a way back on this site is taken', () => {
  test.each([
    ['/', '/'],
    ['/account?tab=1#top', '/account?tab=1#top'],
    ['?page=2', '/accounts/login/?page=2'],
    ['detail', '/accounts/login/detail'],
    ['../b', '/accounts/b'],
    ['/a//b', '/a//b'],
    ['/a/../b', '/b'],
    ['/a?next=//evil.example', '/a?next=//evil.example'],
    ['/a?next=http://evil.example', '/a?next=http://evil.example'],
    ['/ü b', '/%C3%BC%20b'],
    ['/@user', '/@user'],
    ['http://example.com/x', '/x'],
    ['HTTP://example.com/x', '/x'],
    ['//example.com/x', '/x'],
  ])('%j leads to %j', async (url, path) => {
    expect(await next(url, { url: '/accounts/login/' })).toBe(path)
  })
})

describe('T21, T40: a way back that leads away is not', () => {
  test.each([
    'http://evil.example',
    'https://evil.example/',
    '//evil.example',
    '///evil.example',
    '////evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '\\/evil.example',
    '/\\/evil.example',
    '/\\\\evil.example',
    'http:\\\\evil.example',
    'http:/\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '\x00//evil.example',
    '\x08//evil.example',
    '\u200b//evil.example',
    '\ufeff//evil.example',
    'h\nttp://evil.example',
    'java\nscript:alert(1)',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    '\x01javascript:alert(1)',
    'data:text/html,x',
    'ftp://example.com/',
    'http:evil.example',
    'http:/evil.example',
    'http:///evil.example',
    'http:path',
    'http://example.com@evil.example/',
    'http://evil.example\\@example.com/',
    'http://user@example.com/',
    'http://user:secret@example.com/',
    'http://@example.com/',
    'http://example.com:80/',
    'http://example.com:8080/',
    'http://example.com.evil.example/',
    'http://EXAMPLE.com/',
    'http://example.com./',
    'http://ｅxample.com/',
    'http://example%2ecom/',
    'http://2130706433',
    '//example.com:@evil.example',
    '//[::1]/',
    '//[',
    'http://',
    '/..//evil.example',
    '/.//evil.example',
    '/%2e%2e//evil.example',
    '/a/..//evil.example',
    '/a/%2E%2e//evil.example/%2e%2e',
    '/a\r\nSet-Cookie: a=b',
    '/a\x7f',
    '/'.repeat(2),
    `/${'a'.repeat(2048)}`,
    '',
  ])('%j', async (url) => {
    expect(await next(url)).toBe(REFUSED)
  })

  test.each([undefined, null, 1, ['/'], { toString: () => '/' }])('%j, which is no text', async (url) => {
    expect(await next(url)).toBe(REFUSED)
  })

  test('and neither is plain HTTP, on a visit by HTTPS', async () => {
    expect(await next('http://example.com/x', { encrypted: true })).toBe(REFUSED)
    expect(await next('//example.com/x', { encrypted: true })).toBe(REFUSED)
    expect(await next('https://example.com/x', { encrypted: true })).toBe('/x')
  })

  test('and neither is a relative one, asked from a path that is a host', async () => {
    expect(await next('x', { url: '//evil.example/' })).toBe(REFUSED)
  })
})

test('T40: whatever is taken is a path of this site once more when a browser reads it', async () => {
  const { site } = authSite()
  const piece = fc.constantFrom(
    ...['/', '//', '\\', '.', '..', '%2e', '%2f', '%5c', '@', ':', '?', '#', '&', '\t', '\n', '\r', ' ', '\0'],
    ...[
      'http:',
      'https:',
      'javascript:',
      'evil.example',
      'example.com',
      '[::1]',
      '１',
      '。',
      '／',
      '\u00ad',
      '\ud800',
      'a',
    ],
  )
  const urls = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
  await visit(site, { url: '/accounts/login/' }, (request) => {
    fc.assert(
      fc.property(urls, (url) => {
        const path = safeNext(request, url, REFUSED)
        expect(path).toMatch(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/)
        for (const base of ['http://example.com/', 'https://example.com/a/b']) {
          expect(new URL(path, base).origin).toBe(new URL(base).origin)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

test('without a way back it goes to loginRedirectUrl', async () => {
  const { site } = authSite({ loginRedirectUrl: '/home' })
  const { result } = await visit(site, {}, (request) => [safeNext(request, undefined), safeNext(request, '//evil')])
  expect(result).toEqual(['/home', '/home'])
})
