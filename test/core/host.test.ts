import { describe, expect, test } from 'vitest'
import { getHost, getPort, isSameDomain, isSecure } from '../../src/core/host.js'
import { DisallowedHost } from '../../src/errors.js'
import { requestHead } from '../support/sites.js'

const PLAIN = { secureProxySslHeader: null, useXForwardedHost: false, useXForwardedPort: false, allowedHosts: [] }
const PROXY = { ...PLAIN, secureProxySslHeader: ['x-forwarded-proto', 'https'] as const }

describe('isSecure', () => {
  test.each([
    ['a plain connection', {}, false, PLAIN, false],
    ['an encrypted connection', {}, true, PLAIN, true],
    ["a visitor's own X-Forwarded-Proto", { 'x-forwarded-proto': 'https' }, false, PLAIN, false],
    ["the proxy's word", { 'x-forwarded-proto': 'https' }, false, PROXY, true],
    ["the proxy's word of http, though the way from it is TLS", { 'x-forwarded-proto': 'http' }, true, PROXY, false],
    ['the first of several proxies', { 'x-forwarded-proto': 'https , http' }, false, PROXY, true],
    ['a later one of several', { 'x-forwarded-proto': 'http, https' }, false, PROXY, false],
    ['a proxy that says nothing', {}, true, PROXY, true],
  ])('%s', (_name, headers, encrypted, settings, secure) => {
    expect(isSecure(requestHead(headers as Record<string, string>, { encrypted }), settings)).toBe(secure)
  })
})

describe('getHost', () => {
  const hostOf = (host: string, allowedHosts: string[] = []): string =>
    getHost(requestHead({ host }), { ...PLAIN, allowedHosts })

  test.each(['example.com', 'Example.com:8000', '127.0.0.1', '[::1]:80', 'example.com.'])('%s is a host', (host) => {
    expect(hostOf(host)).toBe(host)
  })

  test.each(['', 'a b', 'example.com/x', 'user@example.com', 'example.com:80x', '[::1', 'a,b', "x'y"])(
    '%j is none',
    (host) => {
      expect(() => hostOf(host)).toThrow(DisallowedHost)
    },
  )

  test.each([
    ['example.com', ['example.com'], true],
    ['EXAMPLE.com:80', ['example.com'], true],
    ['example.com.', ['example.com'], true],
    ['sub.example.com', ['example.com'], false],
    ['sub.example.com', ['.example.com'], true],
    ['example.com', ['.example.com'], true],
    ['badexample.com', ['.example.com'], false],
    ['anything', ['*'], true],
    ['[::1]', ['[::1]'], true],
  ])('%s among %j: %s', (host, allowed, fine) => {
    if (fine) expect(hostOf(host, allowed)).toBe(host)
    else expect(() => hostOf(host, allowed)).toThrow(DisallowedHost)
  })

  test('X-Forwarded-Host counts only where the settings say so', () => {
    const head = requestHead({ host: 'inside', 'x-forwarded-host': 'outside' })
    expect(getHost(head, PLAIN)).toBe('inside')
    expect(getHost(head, { ...PLAIN, useXForwardedHost: true })).toBe('outside')
  })
})

test.each([
  [{ host: 'a:8000' }, false, false, '8000'],
  [{ host: 'a' }, false, false, '80'],
  [{ host: 'a' }, true, false, '443'],
  [{ host: '[::1]:81' }, false, false, '81'],
  [{ host: 'a', 'x-forwarded-port': '444' }, false, false, '80'],
  [{ host: 'a', 'x-forwarded-port': '444' }, false, true, '444'],
])('the port of %j (encrypted %s, forwarded %s) is %s', (headers, encrypted, useXForwardedPort, port) => {
  const head = requestHead(headers as Record<string, string>, { encrypted })
  expect(getPort(head, { ...PLAIN, useXForwardedPort })).toBe(port)
})

test('an empty pattern is no domain', () => {
  expect([isSameDomain('', ''), isSameDomain('a', ''), isSameDomain('a', 'A')]).toEqual([false, false, true])
})

test('a host that is refused is named, if it can be one', () => {
  expect(new DisallowedHost('evil.example:80').message).toBe(
    "The Host header names a host 'evil.example:80' that is not in allowedHosts.",
  )
  expect(() => getHost(requestHead({ host: 'evil.example' }), { ...PLAIN, allowedHosts: ['shop.example'] })).toThrow(
    "'evil.example'",
  )
  for (const host of ['<b>', 'a\nb', 'a'.repeat(101)]) {
    expect(new DisallowedHost(host).message).toBe('The Host header names a host that is not in allowedHosts.')
  }
})
