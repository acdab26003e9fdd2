import { bodyFrom } from './bodies.js'
import { type Case, cameByHttps, headerOf, type Variant } from './case.js'
import type { Chance } from './chance.js'
import { fetchSiteFrom, hostFrom, originFrom, refererFrom } from './places.js'
import { cookiesFrom, tokensFrom } from './tokens.js'

type Line = readonly [name: string, value: string]

/** Of WebDAV and its like; which of them a server knows is its own affair. */
const rareMethods = [
  'PROPFIND',
  'MKCOL',
  'COPY',
  'LOCK',
  'SEARCH',
  'QUERY',
  'REPORT',
  'PURGE',
  'M-SEARCH',
  'LINK',
  'ACL',
]
const oddMethods = ['post', 'Post', 'get', 'put', 'delete', 'options', 'foo', 'FOO', 'POSTED', 'GETS', 'CONNECT']

/** A request by chance. Most things in it are right, so that what comes after them matters; each may be wrong in its own way. */
export function caseFrom(chance: Chance, variant: Variant): Case {
  const { settings } = variant
  const secret = chance.letters(32)
  const tls = chance.happens(0.5)
  const lines: Line[] = [...whereTo(chance, variant)]
  const own = ownOrigin({ lines, tls }, variant)
  if (chance.happens(0.45)) lines.push(['Origin', originFrom(chance, own, variant)])
  if (chance.happens(0.01)) lines.push(['origin', originFrom(chance, own, variant)])
  if (chance.happens(0.75)) lines.push(['Referer', refererFrom(chance, own, variant)])
  if (chance.happens(0.2)) lines.push(['Sec-Fetch-Site', fetchSiteFrom(chance)])
  if (chance.happens(0.05)) lines.push(['X-Requested-With', 'XMLHttpRequest'])
  const tokens = tokensFrom(chance, secret)
  const { type, bytes } = bodyFrom(chance, tokens.fields)
  if (type !== undefined) lines.push(['Content-Type', type])
  lines.push(...cookiesFrom(chance, variant, secret))
  lines.push(...tokenLines(chance, settings.csrfHeaderName ?? 'X-CSRFToken', tokens.header))
  return { method: methodFrom(chance), tls, asksToken: chance.happens(0.4), lines, body: bytes, secret }
}

function methodFrom(chance: Chance): string {
  return chance.weighted([
    [60, () => 'POST'],
    [15, () => chance.of(['PUT', 'PATCH', 'DELETE'])],
    [10, () => chance.of(['GET', 'HEAD', 'OPTIONS', 'TRACE'])],
    [8, () => chance.of(rareMethods)],
    [3, () => chance.of(oddMethods)],
  ])()
}

/** The lines that say where it goes: the host, and what proxies add to it. */
function whereTo(chance: Chance, { adapter, settings }: Variant): Line[] {
  const lines: Line[] = adapter === 'fetch' || chance.happens(0.98) ? [['Host', hostFrom(chance)]] : []
  const [proxyHeader = 'X-Forwarded-Proto', proof = 'https'] = settings.secureProxySslHeader ?? []
  if (chance.happens(settings.secureProxySslHeader === undefined ? 0.1 : 0.7)) {
    const said = [proof, `${proof}, http`, `http, ${proof}`, proof.toUpperCase(), 'http', '', ` ${proof} ,x`]
    lines.push([proxyHeader, chance.happens(0.6) ? proof : chance.of(said)])
  }
  if (chance.happens(settings.useXForwardedHost ? 0.5 : 0.05)) lines.push(['X-Forwarded-Host', hostFrom(chance)])
  if (chance.happens(settings.useXForwardedPort ? 0.5 : 0.05)) {
    lines.push(['X-Forwarded-Port', chance.of(['443', '80', '8443', '', 'x'])])
  }
  return lines
}

/** What a page of the very site would send as its Origin. */
function ownOrigin(asked: Pick<Case, 'lines' | 'tls'>, variant: Variant): string {
  const forwarded = variant.settings.useXForwardedHost ? headerOf(asked, 'x-forwarded-host') : undefined
  const host = forwarded ?? headerOf(asked, 'host') ?? 'shop.example.com'
  return `${cameByHttps(asked, variant) ? 'https' : 'http'}://${host}`
}

function tokenLines(chance: Chance, name: string, header: string | undefined): Line[] {
  if (header === undefined) return []
  const spelled = chance.weighted([
    [20, name],
    [2, name.toLowerCase()],
    [2, name.toUpperCase()],
    // Another header, although CGI would spell both of them alike.
    [1, name.replaceAll('-', '_')],
    [1, 'X-Token'],
  ])
  const line: Line = [spelled, header]
  return chance.happens(0.02) ? [line, line] : [line]
}
