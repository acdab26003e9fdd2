import { describe, expect, test } from 'vitest'
import { csrfInput } from '../../src/adapters/api.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import type { Routes } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'
import { everywhere, methodOf, standing } from './everywhere.js'

const HOST = 'shop.example.com'

describe.each(everywhere)('over %s', (adapter) => {
  test('T36: Origin null is refused with and without a token, wherever it is said to come from', async () => {
    let ran = 0
    const routes: Routes = {
      '/': ({ request }) => {
        if (methodOf(request) !== 'GET') ran++
        return csrfInput(request)
      },
    }
    const settings: SettingsInput = {
      csrfTrustedOrigins: ['https://pay.example.com', 'https://*.good.example'],
      secureProxySslHeader: ['X-Forwarded-Proto', 'https'],
    }
    await using shop = await standing(adapter, settings, routes)
    const visitor = shop.visitor()
    const own = { Host: HOST }
    await visitor.get('/', { headers: own })
    const token = visitor.token as string
    for (const fetchSite of [undefined, 'same-origin', 'none', 'same-site', 'cross-site']) {
      for (const scheme of ['http', 'https']) {
        for (const referer of [undefined, `${scheme}://${HOST}/`, 'https://pay.example.com/']) {
          const headers: Record<string, string> = { ...own, Origin: 'null', 'X-Forwarded-Proto': scheme }
          if (fetchSite !== undefined) headers['Sec-Fetch-Site'] = fetchSite
          if (referer !== undefined) headers.Referer = referer
          const statuses = [
            (await visitor.post('/', { csrfmiddlewaretoken: token }, { headers })).status,
            (await visitor.post('/', { csrfmiddlewaretoken: '' }, { headers })).status,
            (await visitor.request('PUT', '/', { headers: { ...headers, 'X-CSRFToken': token } })).status,
          ]
          expect([fetchSite, scheme, referer, statuses]).toEqual([fetchSite, scheme, referer, [403, 403, 403]])
        }
      }
    }
    expect(ran).toBe(0)
    const good = { ...own, Origin: `http://${HOST}` }
    expect((await visitor.post('/', { csrfmiddlewaretoken: token }, { headers: good })).status).toBe(200)
    expect(ran).toBe(1)
  })
})

test('T36: nobody can trust the origin null by a setting', () => {
  for (const origin of ['null', 'null://', '*', 'https://*']) {
    expect(() => resolveSettings({ secretKey: SECRET, csrfTrustedOrigins: [origin] })).toThrow(ImproperlyConfigured)
  }
})
