import type { Variant } from './case.js'
import type { Chance } from './chance.js'

/** Where a request goes, and where it says that it comes from: right ones, and what is nearly right. */

const OWN = 'shop.example.com'

const hosts = [
  `${OWN}:443`,
  `${OWN}:80`,
  `${OWN}:8443`,
  'SHOP.Example.com',
  `${OWN}.`,
  `${OWN}.:8443`,
  'sub.shop.example.com',
  'example.com',
  'evil.example',
  `${OWN}.evil.example`,
  'localhost',
  'localhost:8000',
  '127.0.0.1:8000',
  '[::1]',
  '[::1]:8443',
  '[::FFFF:127.0.0.1]',
]

const malformedHosts = [
  '',
  `${OWN}:`,
  `${OWN}:x`,
  `${OWN}:80:80`,
  `user@${OWN}`,
  `${OWN}/evil`,
  `${OWN}, evil.example`,
  `${OWN} `.repeat(2),
  `https://${OWN}`,
  'shop_.example.com',
  '[zz]',
  '[::1',
  '::1',
  'sh\xf6p.example.com',
  '.',
]

export function hostFrom(chance: Chance): string {
  return chance.weighted([
    [12, () => OWN],
    [5, () => chance.of(hosts)],
    [2, () => chance.of(malformedHosts)],
  ])()
}

const strangers = [
  'null',
  'NULL',
  '',
  'https://evil.example',
  'https://evilgood.example',
  'https://good.example.evil.example',
  'https://a.good.example.',
  'https://*.good.example',
  'https:a.good.example',
  'https:/a.good.example',
  '//a.good.example',
  'a.good.example',
  'https://',
  'https://, https://pay.example',
  'https://pay.example, https://evil.example',
  'file://',
  'about:blank',
  'chrome-extension://abcdefgh',
]

const nearlyTrusted = [
  'https://pay.example:443',
  'https://pay.example:8443',
  'https://pay.example/',
  'HTTPS://pay.example',
  'https://PAY.example',
  'https://a.good.example:444',
  'https://a.good.example:8443',
  'http://a.good.example',
  'https://A.good.example',
  'https://a.GOOD.example',
  'https://[::1]:8443',
  'https://[::1].good.example',
]

/** All of these Python reads as something below a wildcard; no browser would send them. */
const disguised = [
  'https://a.good.example/path',
  'https://a.good.example?query',
  'https://user@a.good.example',
  'https://evil.example\\.good.example',
  'https://evil.example%00.good.example',
  'https://evil.example\t.good.example',
  'https://evil\xe9.good.example',
  'https://a@b@.example.com',
]

const trusted = [
  'https://pay.example',
  'http://pay.example',
  'https://a.good.example',
  'https://a.b.good.example',
  'https://good.example',
  'HTTPS://a.good.example',
  'https://a.good.example:8443',
  'https://www.example.com',
  'https://example.com',
  'app://pay.example',
]

export function originFrom(chance: Chance, own: string, { settings }: Variant): string {
  return chance.weighted([
    [10, () => own],
    [2, () => chance.of(changed(own))],
    [3, () => chance.of(trusted)],
    [2, () => chance.of(settings.csrfTrustedOrigins ?? []) ?? own],
    [1, () => chance.of(nearlyTrusted)],
    [1, () => 'null'],
    [1, () => chance.of(strangers)],
    [1, () => chance.of(disguised)],
  ])()
}

/** An origin with one thing wrong. */
function changed(own: string): readonly string[] {
  const [scheme, host = ''] = own.split('://')
  return [
    `${scheme === 'https' ? 'http' : 'https'}://${host}`,
    `${own}:8443`,
    `${own}:443`,
    own.replace(/:\d+$/, ''),
    `${own}/`,
    `${own}.`,
    `${own}, ${own}`,
    own.toUpperCase(),
    `${scheme?.toUpperCase()}://${host}`,
    `${scheme}://user@${host}`,
    `${scheme}://www.${host}`,
    host,
  ]
}

const paths = ['/', '', '/form?next=/a#top', '?', '#', '/%C3%A9?#', '/\xc3\xa9', '//evil.example/', '/a b', '/a\tb']

const badReferers = [
  '',
  'x',
  '/form',
  '//shop.example.com/',
  'https://',
  'https:///form',
  'https:shop.example.com/',
  'https:/shop.example.com/',
  'about:blank',
  'data:text/html,x',
  'https://[::1/',
  'https://::1]/',
  'http://evil.example/',
  'https://evil.example/form?a=b#c',
  'HTTPS://evil.example',
  'https://shop.example.com.evil.example/',
  'https://evilshop.example.com/',
  'android-app://com.example/',
]

export function refererFrom(chance: Chance, own: string, { settings }: Variant): string {
  const host = own.split('://')[1] ?? ''
  const path = chance.of(paths)
  return chance.weighted([
    [14, () => `https://${host}${path}`],
    [1, () => `http://${host}${path}`],
    [2, () => `${chance.of(changed(`https://${host}`))}${path}`],
    [3, () => `${chance.of(trusted)}${path}`],
    [2, () => `${chance.of(settings.csrfTrustedOrigins ?? []) ?? own}${path}`],
    [1, () => `${chance.of(nearlyTrusted)}${path}`],
    [1, () => `${chance.of(disguised)}${path}`],
    [1, () => `https://www.example.com${chance.of(['', ':8443', ':443'])}${path}`],
    [2, () => chance.of(badReferers)],
  ])()
}

export function fetchSiteFrom(chance: Chance): string {
  return chance.weighted([
    [5, 'same-origin'],
    [2, 'none'],
    [3, 'same-site'],
    [3, 'cross-site'],
    [1, 'Same-Origin'],
    [1, ''],
    [1, 'same-origin, cross-site'],
  ])
}
