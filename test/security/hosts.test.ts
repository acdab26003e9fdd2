import { describe, expect, test } from 'vitest'
import { csrfInput } from '../../src/adapters/api.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { type Routes, type WatchedEngine, watched } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'
import { given, type Live, raw } from './live.js'

const routes: Routes = {
  '/': async ({ session }) => JSON.stringify({ ...(await session()) }),
  '/keep': async ({ session }) => {
    ;(await session()).set('diary', 'private')
    return 'kept'
  },
  '/form': ({ request }) => csrfInput(request),
}

const HOSTS = ['shop.example.com', '.pages.example.com']
const own = [
  'shop.example.com',
  'SHOP.example.com',
  'shop.example.com:8000',
  'shop.example.com.',
  'pages.example.com',
  'a.pages.example.com',
]
const foreign = [
  ...[
    'evil.example',
    'shop.example.com.evil.example',
    'evilshop.example.com',
    'notpages.example.com',
    'www.shop.example.com',
  ],
  ...[
    'shop.example.com:80:80',
    'shop.example.com@evil.example',
    'evil.example, shop.example.com',
    '203.0.113.7',
    '[2001:db8::7]',
  ],
]
const loopback = [
  ...[
    'localhost',
    'localhost:8000',
    'LOCALHOST',
    'localhost.',
    'shop.localhost',
    '127.0.0.1',
    '127.0.0.1:8000',
    '127.1',
  ],
  ...['[::1]', '[::1]:8000', '0.0.0.0', '2130706433', '[::ffff:127.0.0.1]', 'localhost.localdomain'],
]

describe.each(everywhere)('over %s', (adapter) => {
  /** Of some texts no Fetch server can make the URL of a request: there is no answer at all. */
  const refusal = (host: string): unknown =>
    adapter === 'fetch' && (!URL.canParse(`http://${host}`) || host.includes('@')) ? expect.toBeOneOf([400, 0]) : 400

  interface Answered {
    readonly status: number
    readonly head: string
    readonly body: string
  }
  async function ask(
    live: Live,
    host: string | null,
    cookie: string,
    path = '/',
    method = 'GET',
    more: readonly string[] = [],
  ): Promise<Answered> {
    const lines = [
      `${method} ${path} HTTP/1.1`,
      ...(host === null ? [] : [`Host: ${host}`]),
      ...(cookie === '' ? [] : [`Cookie: ${cookie}`]),
      ...more,
      'Connection: close',
      '',
      '',
    ]
    const answer = await raw(live.origin, lines.join('\r\n'))
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    return { status: Number(head.slice(9, 12)), head, body }
  }

  async function site(settings: SettingsInput = {}): Promise<{ live: Live; engine: WatchedEngine; cookie: string }> {
    // As across a network: such a store is asked before the handler runs.
    const engine = watched(memoryEngine(), { delay: 0 })
    const live = await standing(
      adapter,
      { sessionEngine: engine, allowedHosts: HOSTS, ...settings } as SettingsInput,
      routes,
    )
    const { head } = await ask(live, 'shop.example.com', '', '/keep')
    const [key] = given([/set-cookie: (.*)/i.exec(head)?.[1] ?? ''], 'sessionid')
    engine.recount()
    return { live, engine, cookie: `sessionid=${key}` }
  }

  test('T44: a Host that is not in allowedHosts is 400 before the session is loaded, whatever is asked', async () => {
    const { live, engine, cookie } = await site()
    await using _ = live
    for (const host of foreign) {
      for (const [path, method] of [
        ['/', 'GET'],
        ['/form', 'GET'],
        ['/keep', 'POST'],
      ] as const) {
        const { status, head, body } = await ask(live, host, cookie, path, method)
        const loads = engine.count()
        expect({
          host,
          path,
          status,
          loads,
          private: body.includes('private'),
          cookie: /set-cookie/i.test(head),
        }).toEqual({
          ...{ host, path, status: refusal(host), loads: 0, private: false, cookie: false },
        })
      }
    }
  })

  test('T44: names of this machine are no exception', async () => {
    const { live, engine, cookie } = await site()
    await using _ = live
    for (const host of loopback) {
      const { status, body } = await ask(live, host, cookie)
      expect({ host, status, loads: engine.count(), private: body.includes('private') }).toEqual({
        ...{ host, status: refusal(host), loads: 0, private: false },
      })
    }
  })

  test('T44: a proxy’s word for the host counts only where the site asks for it, and is held to the list too', async () => {
    const { live, engine, cookie } = await site()
    await using _ = live
    expect((await ask(live, 'evil.example', cookie, '/', 'GET', ['X-Forwarded-Host: shop.example.com'])).status).toBe(
      400,
    )
    expect(engine.count()).toBe(0)
    const proxied = await site({ useXForwardedHost: true })
    await using __ = proxied.live
    const forwarded = (host: string) =>
      ask(proxied.live, 'shop.example.com', proxied.cookie, '/', 'GET', [`X-Forwarded-Host: ${host}`])
    expect((await forwarded('evil.example')).status).toBe(400)
    expect(proxied.engine.count()).toBe(0)
    expect((await forwarded('a.pages.example.com')).body).toContain('private')
  })

  test('T44: the site’s own hosts are served, and without a list any well-formed one', async () => {
    const { live, cookie } = await site()
    await using _ = live
    for (const host of own)
      expect([host, (await ask(live, host, cookie)).body]).toEqual([host, expect.stringContaining('private')])
    const open = await site({ allowedHosts: [] })
    await using __ = open.live
    for (const host of ['evil.example', 'localhost:1'])
      expect((await ask(open.live, host, open.cookie)).status).toBe(200)
  })
})
