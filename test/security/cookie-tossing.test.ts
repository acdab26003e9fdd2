import { CookieJar } from 'tough-cookie'
import { describe, expect, test } from 'vitest'
import { csrfInput, getUser, login, type User } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { maskSecret } from '../../src/csrf/token.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { type Routes, watched } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'
import { given, type Live, raw } from './live.js'

const tossed = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const masked = maskSecret(tossed, 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW')
const HOST = 'shop.example.com'

describe.each(everywhere)('over %s', (adapter) => {
  const routes: Routes = {
    '/': ({ request }) => `<form method="post">${csrfInput(request)}</form>`,
    '/done': () => 'done',
  }
  const marks: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['Sec-Fetch-Site: same-site', { 'Sec-Fetch-Site': 'same-site' }],
    ['Sec-Fetch-Site: same-site, Origin null', { 'Sec-Fetch-Site': 'same-site', Origin: 'null' }],
    ['Sec-Fetch-Site: cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['the sibling’s Origin', { Origin: 'http://evil.example.com' }],
  ]

  test.each(marks)(
    'T03: a sibling that planted the cookie and posts its value is refused by %s',
    async (_, headers) => {
      await using shop = await standing(adapter, { middleware: ['sessions', 'csrf'] }, routes)
      const visitor = shop.visitor()
      await visitor.get('/', { headers: { Host: HOST } })
      const own = `csrftoken=${visitor.cookies.get('csrftoken')}`
      // The control: as it looks where nothing betrays that a sibling did it. Hence the session, below.
      const silent = await visitor.post(
        '/done',
        { csrfmiddlewaretoken: tossed },
        { headers: { Host: HOST, Cookie: `csrftoken=${tossed}` } },
      )
      expect(silent.text).toBe('done')
      for (const cookie of [`csrftoken=${tossed}`, `${own}; csrftoken=${tossed}`, `csrftoken=${tossed}; ${own}`]) {
        for (const token of [tossed, masked]) {
          const all = { Host: HOST, Cookie: cookie, ...headers }
          expect((await visitor.post('/done', { csrfmiddlewaretoken: token }, { headers: all })).status).toBe(403)
          const inHeader = { headers: { ...all, 'X-CSRFToken': token } }
          expect((await visitor.request('PUT', '/done', inHeader)).status).toBe(403)
        }
      }
    },
  )

  test('T03: with the secret in the session a planted cookie is worth nothing, even where no header tells', async () => {
    await using shop = await standing(adapter, { middleware: ['sessions', 'csrf'], csrfUseSessions: true }, routes)
    const visitor = shop.visitor()
    await visitor.get('/')
    expect((await visitor.post('/done')).text).toBe('done')
    const own = visitor.cookies.header('/')
    for (const cookie of [`csrftoken=${tossed}`, `${own}; csrftoken=${tossed}`, `csrftoken=${tossed}; ${own}`]) {
      for (const token of [tossed, masked]) {
        const sent = { csrfmiddlewaretoken: token }
        expect((await visitor.post('/done', sent, { headers: { Cookie: cookie } })).status).toBe(403)
      }
    }
  })
})

describe.each(everywhere)('over %s', (adapter) => {
  async function site(
    settings: SettingsInput,
  ): Promise<Live & { readonly sessionOf: (who: string) => Promise<string> }> {
    const routes: Routes = {
      '/': async ({ request }) => (await getUser(request))?.username ?? 'nobody',
      '/login': async ({ request, query }) => {
        await login(request, (await users.getByUsername(query.get('as') as string)) as User)
        return 'in'
      },
    }
    const live = await standing(adapter, { middleware: ['sessions', 'auth'], ...settings }, routes)
    const users = userBackend(live.site)
    for (const name of ['victim', 'mallory']) await users.createUser(name)
    const sessionOf = async (who: string): Promise<string> => {
      const { setCookies } = await live.visitor().get(`/login?as=${who}`)
      return given(setCookies, live.site.settings.sessionCookieName)[0] as string
    }
    return Object.assign(live, { sessionOf })
  }

  const host = { sessionCookieName: '__Host-sessionid', sessionCookieSecure: true } as const
  const ask = async (origin: string, cookie: string): Promise<{ readonly who: string; readonly head: string }> => {
    const lines = ['GET / HTTP/1.1', `Host: ${HOST}`, 'Connection: close', `Cookie: ${cookie}`, '', '']
    const [head = '', body = ''] = (await raw(origin, Buffer.from(lines.join('\r\n')))).split('\r\n\r\n')
    return { who: /victim|mallory|nobody/.exec(body)?.[0] ?? body, head }
  }

  test('T45: a sibling’s session is never used by a site whose cookie is __Host-, whatever name it is given', async () => {
    const sessionEngine = watched(memoryEngine())
    await using shop = await site({ ...host, sessionEngine })
    const [victim, mallory] = [await shop.sessionOf('victim'), await shop.sessionOf('mallory')]
    const real = `__Host-sessionid=${victim}`
    expect((await ask(shop.origin, real)).who).toBe('victim')
    expect((await ask(shop.origin, `__Host-sessionid=${mallory}`)).who).toBe('mallory')
    const names = [
      'sessionid',
      '__host-sessionid',
      '__HOST-sessionid',
      '__Host-Sessionid',
      '__Secure-sessionid',
      '__Host-sessionid\u00a0',
      '\u2000__Host-sessionid',
      '\u3000__Host-sessionid',
      '\ufeff__Host-sessionid',
      '=__Host-sessionid',
      'x,__Host-sessionid',
      '"__Host-sessionid"',
      '__Host-sessionid[]',
    ]
    for (const name of names) {
      const evil = `${name}=${mallory}`
      for (const cookie of [`${real}; ${evil}`, `${evil}; ${real}`]) {
        expect([name, (await ask(shop.origin, cookie)).who]).toEqual([name, 'victim'])
      }
      sessionEngine.recount()
      const alone = await ask(shop.origin, evil)
      expect([name, alone.who, sessionEngine.count()]).toEqual([name, 'nobody', 0])
      expect(alone.head).not.toMatch(/set-cookie/i)
    }
  })

  test('T45: it does not even get to such a site from a browser, and does get to one that has a domain', async () => {
    const jarOf = (): CookieJar => new CookieJar(undefined, { prefixSecurity: 'silent' })
    const toss = async (jar: CookieJar, line: string): Promise<void> =>
      void (await jar.setCookie(line, 'https://evil.example.com/', { ignoreError: true }))
    await using shop = await site(host)
    const mallory = await shop.sessionOf('mallory')
    const jar = jarOf()
    const { setCookies } = await shop.visitor().get('/login?as=victim')
    const [line = ''] = setCookies.filter((each) => each.startsWith('__Host-sessionid='))
    expect(line).toMatch(/; Secure/)
    expect(line).not.toMatch(/Domain/i)
    await jar.setCookie(line, `https://${HOST}/`)
    for (const attributes of ['Domain=example.com; Path=/; Secure', 'Domain=example.com; Path=/shop; Secure']) {
      for (const name of ['__Host-sessionid', '__host-sessionid', 'sessionid']) {
        await toss(jar, `${name}=${mallory}; ${attributes}`)
      }
    }
    expect((await ask(shop.origin, await jar.getCookieString(`https://${HOST}/shop/cart`))).who).toBe('victim')

    // What the prefix is for: the same attack on a session cookie that siblings share.
    await using shared = await site({ sessionCookieDomain: '.example.com' })
    const stolen = await shared.sessionOf('mallory')
    const open = jarOf()
    const entered = await shared.visitor().get('/login?as=victim')
    await open.setCookie(entered.setCookies[0] as string, `https://${HOST}/`)
    await toss(open, `sessionid=${stolen}; Domain=example.com; Path=/`)
    expect((await ask(shared.origin, await open.getCookieString(`https://${HOST}/`))).who).toBe('mallory')
  })
})
