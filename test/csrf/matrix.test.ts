/** Every combination of what a request may say of itself, against a reference that was written from the rules. */
import { expect, test } from 'vitest'
import { maskSecret } from '../../src/csrf/token.js'
import { HOST, reasonFor, type Submitted, TRUSTED } from './matrix-reference.js'
import { csrfSite, randomSecret, secret, send } from './requests.js'

const methods = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'PATCH', 'DELETE', 'post']
const fetchSites = [undefined, 'same-origin', 'none', 'same-site', 'cross-site']
const origins = [
  undefined,
  `https://${HOST}`,
  `http://${HOST}`,
  `https://${HOST}:8443`,
  'https://pay.example',
  'https://a.good.example',
  'https://evilgood.example',
  'https://evil.example',
  'null',
]
const referers = [
  undefined,
  `https://${HOST}/form?a=b`,
  `http://${HOST}/form`,
  'https://a.good.example/',
  `https://${HOST}.evil.example/`,
  'x',
]
const types = [
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'application/json',
  undefined,
]
const right = maskSecret(secret, randomSecret())
const tokens: readonly (readonly [field: string | undefined, header: string | undefined])[] = [
  [undefined, undefined],
  [right, undefined],
  ['', secret],
  [randomSecret(), right],
  [undefined, maskSecret(randomSecret(), randomSecret())],
  [`${secret.slice(1)}!`, secret.slice(1)],
]

test('72,900 combinations get the verdict and the reason of the rules', { timeout: 60_000 }, async () => {
  const site = csrfSite({ csrfTrustedOrigins: TRUSTED, allowedHosts: [HOST] })
  const reasons = new Map<string | null, number>()
  let asked = 0
  for (const { type, ...submitted } of everything()) {
    const { method, fetchSite, origin, referer, field, header } = submitted
    const { refused, reason } = await send(site, {
      method,
      encrypted: true,
      cookie: `csrftoken=${secret}`,
      headers: { origin, referer, 'sec-fetch-site': fetchSite, 'content-type': type, 'x-csrftoken': header },
      form: { csrfmiddlewaretoken: field },
    })
    const expected = reasonFor(submitted)
    if ((reason ?? null) !== expected || refused?.status !== (expected === null ? undefined : 403)) {
      expect.fail(
        `${JSON.stringify({ ...submitted, type })}: ${refused?.status} ${reason}, but the rules say ${expected}`,
      )
    }
    reasons.set(expected, (reasons.get(expected) ?? 0) + 1)
    asked++
  }
  expect(asked).toBe(72_900)
  expect(reasons.get(null)).toBeGreaterThan(33_000)
  expect(reasons.size).toBeGreaterThanOrEqual(16)
  expect(Math.min(...reasons.values())).toBeGreaterThanOrEqual(30)
})

function* everything(): Iterable<Submitted & { readonly type: string | undefined }> {
  for (const method of methods)
    for (const fetchSite of fetchSites)
      for (const origin of origins)
        for (const referer of referers)
          for (const type of types)
            for (const [field, header] of tokens) {
              // Adapters read a form where the Content-Type says that it is one; no verdict may hang on the type otherwise.
              const readable = /form/.test(type ?? '') ? field : undefined
              yield { method, fetchSite, origin, referer, type, secret, field: readable, header }
            }
}
