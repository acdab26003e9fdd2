import { describe, expect, test } from 'vitest'
import { csrfInput } from '../../src/adapters/api.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Routes } from '../../src/testing/index.js'
import { findDjango } from '../django/home.js'
import { SECRET } from '../support/sites.js'
import { askDjango } from './ask-django.js'
import { everywhere, standing } from './everywhere.js'

const HOST = 'shop.example.com'
const home = await findDjango()
const secret = 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW'

interface Asked {
  readonly host: string
  readonly proto: string | null
  readonly origin: string | null
  readonly referer: string | null
}

const hosts = [HOST, `${HOST}:8443`, 'evil.example']
const sources = [
  ...[
    null,
    `https://${HOST}`,
    `http://${HOST}`,
    `https://${HOST}:8443`,
    `https://${HOST}:443`,
    'https://www.example.com',
  ],
  ...[
    'https://a.good.example',
    'https://good.example',
    'https://a.b.good.example',
    'http://a.good.example',
    'https://evilgood.example',
  ],
  ...['https://a.good.example:8443', 'https://pay.example', 'https://pay.example:443', 'https://evil.example'],
]
const cases: readonly Asked[] = [undefined, 'http', 'https', 'https, http', 'HTTPS'].flatMap((proto) =>
  hosts.flatMap((host) => [
    ...sources.map((origin) => ({ host, proto: proto ?? null, origin, referer: null })),
    ...sources.map((from) => ({
      host,
      proto: proto ?? null,
      origin: null,
      referer: from === null ? null : `${from}/form?a#b`,
    })),
  ]),
)
const trusted = ['https://*.good.example', 'https://pay.example']

const program = `
import django
from django.conf import settings
settings.configure(
    SECRET_KEY='x' * 50, ALLOWED_HOSTS=['${HOST}'], CSRF_TRUSTED_ORIGINS=${JSON.stringify(trusted)},
    SECURE_PROXY_SSL_HEADER=('HTTP_X_FORWARDED_PROTO', 'https'), LOGGING_CONFIG=None)
django.setup()
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory

class Asked(CsrfViewMiddleware):
    def _reject(self, request, reason):
        return reason

def verdict(case):
    names = {'host': 'HTTP_HOST', 'proto': 'HTTP_X_FORWARDED_PROTO', 'origin': 'HTTP_ORIGIN', 'referer': 'HTTP_REFERER'}
    meta = {names[key]: value for key, value in case.items() if value is not None}
    meta['HTTP_X_REQUESTED_WITH'] = 'XMLHttpRequest'
    request = RequestFactory().post('/', {'csrfmiddlewaretoken': '${secret}'}, **meta)
    request.COOKIES['csrftoken'] = '${secret}'
    middleware = Asked(lambda request: None)
    middleware.process_request(request)
    return middleware.process_view(request, lambda request: None, (), {})

answers = [verdict(case) for case in given]`

describe.skipIf('missing' in home).each(everywhere)('over %s', (adapter) => {
  test('T38: schemes, hosts, ports, wildcards and an XHR’s word count behind a proxy as they do in Django', async () => {
    if ('missing' in home) return
    // One adapter is asked all; the others read the same headers in another way.
    const asked = cases.filter((_, i) => adapter === 'node' || i % 4 === 0)
    const theirs = askDjango<Asked, string | null>(home, program, asked)
    const settings: SettingsInput = {
      secretKey: SECRET,
      allowedHosts: [HOST],
      csrfTrustedOrigins: trusted,
      secureProxySslHeader: ['X-Forwarded-Proto', 'https'],
    }
    const routes: Routes = { '/': ({ request }) => csrfInput(request) }
    await using shop = await standing(adapter, settings, routes)
    let reason: string | null = null
    shop.site.on('csrf_failed', (event) => {
      reason = event.reason
    })
    const visitor = shop.visitor()
    const differ: unknown[] = []
    let passed = 0
    for (const [i, { host, proto, origin, referer }] of asked.entries()) {
      const headers: Record<string, string> = {
        Host: host,
        'X-Requested-With': 'XMLHttpRequest',
        Cookie: `csrftoken=${secret}`,
      }
      if (proto !== null) headers['X-Forwarded-Proto'] = proto
      if (origin !== null) headers.Origin = origin
      if (referer !== null) headers.Referer = referer
      reason = null
      const { status } = await visitor.post('/', { csrfmiddlewaretoken: secret }, { headers })
      if (status === 200) passed++
      // A host that is not ours may be turned away before its form is looked at.
      const agrees =
        status === 400 ? host === 'evil.example' : reason === theirs[i] && (status === 200) === (reason === null)
      if (!agrees) differ.push({ ...asked[i], status, ours: reason, theirs: theirs[i] })
    }
    expect(differ).toEqual([])
    expect(passed).toBeGreaterThan(20)
    expect(passed).toBeLessThan(asked.length * 0.7)
  })
})
