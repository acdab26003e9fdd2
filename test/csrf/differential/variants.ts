import type { Variant } from './case.js'
import type { Chance } from './chance.js'

const trustedSets: readonly (readonly string[])[] = [
  [],
  ['https://pay.example'],
  ['https://pay.example', 'https://*.good.example'],
  ['https://pay.example:8443', 'http://pay.example', 'https://*.good.example:8443', 'http://*.good.example'],
  ['https://[::1]:8443', 'https://*.example.com', 'app://pay.example'],
]

const hostSets: readonly (readonly string[])[] = [
  [],
  ['*'],
  ['shop.example.com'],
  ['.example.com', '[::1]'],
  ['SHOP.example.com', 'localhost', '127.0.0.1', '[::1]'],
]

const domains = [null, '.example.com', 'example.com', 'shop.example.com'] as const

/** A site with settings by chance; most of them have few. */
export function variantFrom(chance: Chance): Variant {
  const adapter = chance.weighted([
    [4, 'express'],
    [4, 'node'],
    [2, 'fetch'],
  ] as const)
  return {
    adapter,
    parsesMultipart: adapter !== 'fetch' && chance.happens(0.8),
    settings: {
      csrfTrustedOrigins: chance.of(trustedSets),
      allowedHosts: chance.of(hostSets),
      csrfUseSessions: chance.happens(0.3),
      ...(chance.happens(0.4) ? { csrfCookieDomain: chance.of(domains) } : {}),
      ...(chance.happens(0.4) ? { sessionCookieDomain: chance.of(domains) } : {}),
      ...(chance.happens(0.2) ? { csrfCookieName: chance.of(['XSRF-TOKEN', 'shop.csrf', 'c']) } : {}),
      ...(chance.happens(0.2) ? { csrfHeaderName: chance.of(['X-XSRF-TOKEN', 'X-CSRF2Token']) } : {}),
      ...(chance.happens(0.4) ? { secureProxySslHeader: chance.of(proxies) } : {}),
      ...(chance.happens(0.2) ? { useXForwardedHost: true } : {}),
      ...(chance.happens(0.2) ? { useXForwardedPort: true } : {}),
    },
  }
}

const proxies: readonly (readonly [string, string])[] = [
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Ssl', 'on'],
]
