import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SettingsInput } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { type Client, type ClientResponse, watched } from 'sojourn/testing'
import { describe, expect, test, vi } from 'vitest'
import { deviceName } from '../../examples/site/device-name.js'
import { siteSettings } from '../../examples/site/settings.js'
import { languages, type TextName } from '../../examples/site/texts.js'
import { demoUsers } from '../../examples/site/users.js'
import { startSite } from './site-process.js'
import { ada, add, dataOf, folder, logIn, opened, submit, visit, visitorOf } from './site-visit.js'

const textOf = (page: ClientResponse, id: string): string | undefined =>
  new RegExp(`id="${id}"[^>]*>(.*?)</(?:h1|dd)>`, 's').exec(page.text)?.[1]
const cookieNames = (response: ClientResponse): readonly string[] =>
  response.setCookies.map((line) => line.slice(0, line.indexOf('=')))

describe.each(['db', 'memory', 'signed_cookies'] as const)('on the engine %s', (sessionEngine) => {
  test('a guest gives a name, fills a cart, logs in and keeps all of it; logout ends it', async () => {
    const { visitor } = await visit({ sessionEngine })
    expect(textOf(await visitor.get('/'), 'greeting')).toBe('Hello, Guest')
    await submit(visitor, '/', '/name', { username: 'Augusta <3' })
    expect(textOf(await visitor.get('/'), 'greeting')).toBe('Hello, Augusta &lt;3')
    await add(visitor, 'mug')
    await add(visitor, 'map')
    await submit(visitor, '/cart', '/cart/change', { item: 'mug', quantity: '3' })
    const anonymous = visitor.cookies.get('sessionid')

    expect((await logIn(visitor)).status).toBe(303)
    expect(visitor.cookies.get('sessionid')).not.toBe(anonymous)
    expect(textOf(await visitor.get('/'), 'greeting')).toBe('Hello, ada')
    expect(await dataOf(visitor)).toMatchObject({ cart: { mug: 3, map: 1 }, username: 'ada', _auth_user_id: '1' })

    const loggedOut = await submit(visitor, '/', '/logout')
    expect(loggedOut.setCookies.join('\n')).toMatch(/sessionid="?"?;.*Max-Age=0/)
    expect(await dataOf(visitor)).toEqual({})
    expect(textOf(await visitor.get('/'), 'greeting')).toBe('Hello, Guest')
  })

  test('what the session page expects of its own response is what then happens', async () => {
    const { site, visitor } = await visit({ sessionEngine })
    let happened = ''
    site.on('decided', ({ action, reason }) => {
      happened = `${action}: ${reason}`
    })
    const expected = async (): Promise<string | undefined> => textOf(await visitor.get('/session'), 'this-response')
    expect(await expected()).toBe('none: the session was read, and it is empty')
    expect(happened).toBe('none: the session was read, and it is empty')
    await add(visitor, 'mug')
    expect(await expected()).toBe('none: the session was read only')
    expect(happened).toBe('none: the session was read only')
    visitor.cookies.set('sessionid', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz')
    expect(await expected()).toBe('delete-cookie: the cookie named no session, so it is deleted')
    expect(happened).toBe('delete-cookie: the cookie named no session, so it is deleted')
  })
})

describe('the page "this session"', () => {
  test('sets no cookie for a guest, who has no session to speak of', async () => {
    const { visitor } = await visit()
    const page = await visitor.get('/session')
    expect(page.setCookies).toEqual([])
    expect(textOf(page, 'key')).toContain('none')
  })

  test('shows four characters of the key and of the login hash, never more', async () => {
    const { visitor } = await visit()
    await logIn(visitor)
    const key = visitor.cookies.get('sessionid') as string
    const { _auth_user_hash: hash } = (await dataOf(visitor)) as { _auth_user_hash: string }
    const { text } = await visitor.get('/session')
    expect(text).toContain(`<code>${key.slice(0, 4)}…</code>`)
    expect(text).not.toContain(key.slice(0, 5))
    expect(text).toContain(`${hash.slice(0, 4)}…`)
    expect(text).not.toContain(hash.slice(0, 5))
  })

  test('tells why the last responses did or did not set a cookie, across the new key of a login', async () => {
    const { visitor } = await visit()
    await logIn(visitor)
    await visitor.get('/cart?ref=mail')
    const { text } = await visitor.get('/session')
    const rows = [...text.matchAll(/<code>((?:GET|POST) [^<]+)<\/code> (\d+).*?<strong>([^<]+)<\/strong>: ([^<]+)</gs)]
    expect(rows.map(([, ...row]) => row.join(' | '))).toEqual([
      'GET /cart | 200 | none | the session was read only',
      'POST /login | 303 | save | the session was changed',
    ])
  })

  test('says that the flash text it shows is saved away, where messages are in the session', async () => {
    const { site, visitor } = await visit({ messageStorage: 'session' })
    const happened: string[] = []
    site.on('decided', ({ action }) => happened.push(action))
    await add(visitor, 'mug')
    expect(textOf(await visitor.get('/session'), 'this-response')).toMatch(/^save: /)
    expect(happened.at(-1)).toBe('save')
    expect(textOf(await visitor.get('/session'), 'this-response')).toMatch(/^none: /)
    expect(happened.at(-1)).toBe('none')
  })

  test('shows the stored end, which reading does not move', async () => {
    let now = Date.parse('2026-03-01T12:00:00Z')
    const { visitor } = await visit({ clock: () => now })
    await add(visitor, 'mug')
    const ends = async (): Promise<string | undefined> =>
      /id="ends" datetime="([^"]+)"/.exec((await visitor.get('/session')).text)?.[1]
    expect(await ends()).toBe('2026-03-15T12:00:00.000Z')
    now += 3_600_000
    expect(await ends()).toBe('2026-03-15T12:00:00.000Z')
    await add(visitor, 'mug')
    expect(await ends()).toBe('2026-03-15T13:00:00.000Z')
  })
})

describe('/session.json', () => {
  test('is exactly the data, the expiry, and what was done to the session before it looked', async () => {
    const { visitor } = await visit({ sessionCookieAge: 3600 })
    const untouched = { expiryAge: 3600, expireAtBrowserClose: false, accessed: false, modified: false }
    const first = await visitor.get('/session.json')
    expect(first.json()).toEqual({ data: {}, ...untouched })
    expect(first.setCookies).toEqual([])
    await add(visitor, 'lantern')
    expect((await visitor.get('/session.json')).json()).toEqual({ data: { cart: { lantern: 1 } }, ...untouched })
  })
})

describe('preferences', () => {
  test('speak the language, paint the theme, and forget the visitor with the browser', async () => {
    const { visitor } = await visit()
    const saved = await submit(visitor, '/preferences', '/preferences', { theme: 'dark', language: 'de', forget: 'on' })
    expect(saved.setCookies.find((line) => line.startsWith('sessionid='))).not.toMatch(/max-age|expires/i)
    const page = await visitor.get('/preferences')
    expect(page.text).toContain('<html lang="de" data-theme="dark">')
    expect(page.text).toContain('Ihre Einstellungen sind gespeichert.')
    expect(await dataOf(visitor)).toEqual({ theme: 'dark', language: 'de', _session_expiry: 0 })

    const again = await submit(visitor, '/preferences', '/preferences', { theme: 'pink', language: 'toString' })
    expect(again.setCookies.find((line) => line.startsWith('sessionid='))).toContain('Max-Age=1209600')
    expect(await dataOf(visitor)).toEqual({ theme: 'dark', language: 'de' })
  })

  test('a flash text is shown once', async () => {
    const { visitor } = await visit()
    await add(visitor, 'mug')
    expect((await visitor.get('/')).text).toContain('<li class="success">Enamel mug is in your cart.</li>')
    expect((await visitor.get('/')).text).not.toContain('Enamel mug is in your cart.')
  })
})

describe('the page "devices"', () => {
  /** Two browsers of ada's, the second of which looks at the page. */
  async function twoDevices(settings: SettingsInput = {}): Promise<Record<'other' | 'visitor', Client>> {
    const { served, visitor } = await visit(settings)
    const other = visitorOf(served)
    await logIn(other)
    await logIn(visitor)
    return { other, visitor }
  }
  const isLoggedIn = async (client: Client): Promise<boolean> => (await client.get('/checkout')).status === 200
  const idsOf = ({ text }: ClientResponse): readonly (string | undefined)[] =>
    [...text.matchAll(/name="id" value="([^"]+)"/g)].map(([, id]) => id)

  test('is for who is logged in', async () => {
    const { visitor } = await visit()
    expect((await visitor.get('/')).text).not.toContain('href="/devices"')
    expect((await visitor.get('/devices')).headers.location).toBe('/login?next=/devices')
    await logIn(visitor)
    expect((await visitor.get('/')).text).toContain('href="/devices"')
  })

  test('is not there without the list of sessions', async () => {
    const { visitor } = await visit({ sessionUserIndex: false })
    await logIn(visitor)
    expect((await visitor.get('/')).text).not.toContain('href="/devices"')
    expect((await visitor.get('/devices')).status).toBe(404)
  })

  test('lists both sessions and no part of a key, ends the other, and marks this one', async () => {
    const { other, visitor } = await twoDevices()
    const page = await visitor.get('/devices')
    const ids = idsOf(page)
    expect(ids).toHaveLength(2)
    const keys = [other, visitor].map(({ cookies }) => cookies.get('sessionid') as string)
    expect(keys.filter((key) => page.text.includes(key.slice(0, 6)))).toEqual([])
    const [mine] = idsOf({
      ...page,
      text: /<li class="device" aria-current="true">.*?<\/li>/s.exec(page.text)?.[0] ?? '',
    })
    await visitor.post('/devices/end', { id: ids.find((id) => id !== mine) as string })
    expect(idsOf(await visitor.get('/devices'))).toEqual([mine])
    expect([await isLoggedIn(other), await isLoggedIn(visitor)]).toEqual([false, true])
  })

  test('ends this one as a logout does', async () => {
    const { other, visitor } = await twoDevices()
    const page = await visitor.get('/devices')
    const [mine] = idsOf({
      ...page,
      text: /<li class="device" aria-current="true">.*?<\/li>/s.exec(page.text)?.[0] ?? '',
    })
    const ended = await visitor.post('/devices/end', { id: mine as string })
    expect([ended.status, ended.headers.location]).toEqual([303, '/'])
    expect([await isLoggedIn(other), await isLoggedIn(visitor)]).toEqual([true, false])
  })

  test('ends nothing of another user', async () => {
    const { served, visitor } = await visit()
    const [, grace] = demoUsers as readonly [unknown, (typeof demoUsers)[0]]
    const stranger = visitorOf(served)
    await logIn(visitor)
    await submit(stranger, '/login', '/login', { ...grace })
    const [id] = idsOf(await visitor.get('/devices'))
    await submit(stranger, '/devices', '/devices/end', { id: id as string })
    expect(await isLoggedIn(visitor)).toBe(true)
  })

  test.each(['db', 'memory', 'signed_cookies'] as const)('ends all others, on the engine %s', async (sessionEngine) => {
    const { other, visitor } = await twoDevices({ sessionEngine })
    const page = await visitor.get('/devices')
    expect(idsOf(page)).toHaveLength(sessionEngine === 'signed_cookies' ? 0 : 2)
    await visitor.post('/devices/end-others')
    expect([await isLoggedIn(other), await isLoggedIn(visitor)]).toEqual([false, true])
  })

  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0', 'Firefox · Linux'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0',
      'Edge · Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36',
      'Chrome · Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1',
      'Safari · iPhone',
    ],
    ['<script>alert(1)</script>', ''],
    ['', ''],
  ])('calls a browser by its name: %s', (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name)
  })
})

describe('the cart', () => {
  test('loses nothing when six tabs add at the same moment', async () => {
    const engine = watched(memoryEngine(), { delay: 0 })
    const { visitor } = await visit({ sessionEngine: engine })
    await add(visitor, 'mug')
    await visitor.get('/')
    const items = ['map', 'pack', 'map', 'mug', 'notebook', 'map']
    let allLoaded = (): void => undefined
    const loaded = new Promise<void>((resolve) => {
      allLoaded = resolve
    })
    // Nobody saves before each of the six has seen the cart with one mug in it.
    engine.recount()
    engine.delay = (operation) => {
      if (engine.count('load') === items.length) allLoaded()
      return operation === 'save' ? loaded : 0
    }
    await Promise.all(items.map((item) => visitor.post('/cart/add', { item })))
    expect(await dataOf(visitor)).toEqual({ cart: { mug: 2, map: 3, pack: 1, notebook: 1 } })
  })

  test.each([
    ['a quantity that is no number', '/cart/change', { item: 'mug', quantity: '1e3' }, { mug: 1 }],
    ['a negative quantity', '/cart/change', { item: 'mug', quantity: '-1' }, { mug: 1 }],
    ['a product nobody sells', '/cart/add', { item: '__proto__' }, { mug: 1 }],
    ['the quantity 0', '/cart/change', { item: 'mug', quantity: '0' }, undefined],
    ['the button "remove"', '/cart/remove', { item: 'mug' }, undefined],
  ])('given %s', async (_, path, fields, cart) => {
    const { visitor } = await visit()
    await add(visitor, 'mug')
    expect((await submit(visitor, '/cart', path, fields)).status).toBe(303)
    expect(await dataOf(visitor)).toEqual(cart === undefined ? {} : { cart })
  })

  test('is ordered after login, and the way back to the order is kept', async () => {
    const { visitor } = await visit()
    await add(visitor, 'mug')
    const refused = await visitor.get('/checkout')
    expect([refused.status, refused.headers.location]).toEqual([302, '/login?next=/checkout'])
    const login = await visitor.get('/login?next=/checkout')
    expect(login.text).toContain('name="next" value="/checkout"')
    const entered = await visitor.post('/login', { ...ada, next: '/checkout' })
    expect(entered.headers.location).toBe('/checkout')
    await submit(visitor, '/checkout', '/checkout')
    expect(await dataOf(visitor)).not.toHaveProperty('cart')
  })
})

describe('what is not let in', () => {
  test.each([
    '/name',
    '/cart/add',
    '/cart/change',
    '/cart/remove',
    '/login',
    '/logout',
    '/preferences',
    '/checkout',
    '/devices/end',
    '/devices/end-others',
    '/register',
    '/password',
  ])('a form without its token is refused: %s', async (path) => {
    const { visitor } = await visit()
    await visitor.get('/')
    expect((await visitor.post(path, { csrfmiddlewaretoken: '' })).status).toBe(403)
  })

  test('a wrong password', async () => {
    const { visitor } = await visit()
    const answer = await submit(visitor, '/login', '/login', { username: 'ada', password: '"><b>' })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('do not match')
    expect(answer.text).not.toContain('<b>')
    expect(cookieNames(answer)).not.toContain('sessionid')
  })

  test.each(['//evil.example/', 'https://evil.example/', 'javascript:alert(1)'])(
    'a next page elsewhere: %s',
    async (next) => {
      const { visitor } = await visit()
      const answer = await submit(visitor, `/login?next=${encodeURIComponent(next)}`, '/login', { ...ada, next })
      expect(answer.headers.location).toBe('/')
    },
  )
})

test('every form that posts carries its token', async () => {
  const { served, visitor } = await visit()
  const look = async (): Promise<readonly string[]> => {
    const pages = await Promise.all(
      ['/', '/cart', '/checkout', '/preferences', '/login', '/register', '/devices', '/password'].map((path) =>
        visitor.get(path),
      ),
    )
    return pages.flatMap(({ text }) => text.match(/<form\b.*?<\/form>/gs) ?? [])
  }
  await add(visitor, 'mug')
  const anonymous = await look()
  await logIn(visitorOf(served))
  await logIn(visitor)
  const forms = [...anonymous, ...(await look())]
  const actions = new Set(forms.map((form) => /action="([^"]+)"/.exec(form)?.[1]))
  expect([...actions].sort()).toEqual([
    '/cart/add',
    '/cart/change',
    '/cart/remove',
    '/checkout',
    '/devices/end',
    '/devices/end-others',
    '/login',
    '/logout',
    '/name',
    '/name/forget',
    '/password',
    '/preferences',
    '/register',
  ])
  expect(forms.filter((form) => !/method="post".*name="csrfmiddlewaretoken" value="\w{64}"/s.test(form))).toEqual([])
})

test('a store that fails is a 503 page, and the visitor keeps the cookie', async () => {
  const { visitor } = await visit({ sessionEngine: watched(memoryEngine(), { fail: ['load'] }) })
  visitor.cookies.set('sessionid', 'abcdefghijabcdefghijabcdefghij12')
  const log = vi.spyOn(console, 'error').mockReturnValue(undefined)
  opened.push(() => log.mockRestore())
  const answer = await visitor.get('/')
  expect(log).toHaveBeenCalledOnce()
  expect(answer.status).toBe(503)
  expect(answer.headers['retry-after']).toBe('1')
  expect(answer.setCookies).toEqual([])
  expect(answer.text).toContain('Something went wrong')
})

test('a page that is not there is a 404 in the visitor’s language', async () => {
  const { visitor } = await visit()
  await submit(visitor, '/preferences', '/preferences', { theme: 'auto', language: 'fr' })
  const answer = await visitor.get('/nowhere')
  expect(answer.status).toBe(404)
  expect(answer.text).toContain('Il n’y a rien ici')
})

test('every text has the same blanks in every language', () => {
  const blanks = (text: string): number => text.split('%s').length
  for (const name of Object.keys(languages.en) as TextName[]) {
    const counts = Object.values(languages).map((texts) => blanks(texts[name]))
    expect(new Set(counts), name).toHaveLength(1)
  }
})

describe('the settings', () => {
  test('come from the environment, over the demonstration’s defaults', () => {
    const path = join(folder(), 'a b.sqlite3')
    const settings = siteSettings({
      DATABASE_URL: `sqlite:${path.replace(' ', '%20')}?synchronous=full`,
      SESSION_ENGINE: 'memory',
      DEBUG: 'false',
    })
    expect(settings).toMatchObject({ sessionEngine: 'memory', debug: false, loginUrl: '/login' })
    expect(readFileSync(`${path}.secret-key`, 'utf8')).toBe(`${settings.secretKey}\n`)
  })

  test('the secret key is made once, kept for its owner only, and never made where one is given', () => {
    const path = join(folder(), 'db.sqlite3')
    const env = { DATABASE_URL: `sqlite:${path}` }
    expect(() => statSync(`${path}.secret-key`)).toThrow()
    expect(siteSettings({ ...env, SECRET_KEY: 'a given key' }).secretKey).toBe('a given key')
    expect(() => statSync(`${path}.secret-key`)).toThrow()
    const { secretKey } = siteSettings(env)
    expect(secretKey).toMatch(/^[\w-]{64}$/)
    expect(siteSettings(env).secretKey).toBe(secretKey)
    expect(statSync(`${path}.secret-key`).mode & 0o777).toBe(0o600)
  })

  test('the secret key of a site on a server is kept in the folder it was started from', () => {
    const home = process.cwd()
    process.chdir(folder())
    opened.push(() => process.chdir(home))
    const { secretKey } = siteSettings({ DATABASE_URL: 'postgres://site:hunter2@127.0.0.1/shop' })
    expect(readFileSync('site.secret-key', 'utf8')).toBe(`${secretKey}\n`)
  })
})

test('kill -9 and a new start on the same file: nothing is lost; after logout the old cookie is nobody', async () => {
  const env = { DATABASE_URL: `sqlite:${join(folder(), 'db.sqlite3')}` }
  const first = await startSite(env)
  opened.push(() => first.kill())
  expect(first.printed.join('\n')).toContain('Made 2 users')
  const before = visitorOf(first)
  await add(before, 'mug')
  await submit(before, '/preferences', '/preferences', { theme: 'dark', language: 'fr' })
  await logIn(before)
  const key = before.cookies.get('sessionid') as string
  await first.kill()

  const second = await startSite(env)
  opened.push(() => second.kill())
  expect(second.printed.join('\n')).not.toContain('Made')
  const after = visitorOf(second)
  after.cookies.set('sessionid', key)
  expect(await dataOf(after)).toMatchObject({
    cart: { mug: 1 },
    theme: 'dark',
    language: 'fr',
    username: 'ada',
    _auth_user_id: '1',
  })
  expect((await after.get('/checkout')).status).toBe(200)

  await submit(after, '/', '/logout')
  expect(after.cookies.get('sessionid')).toBeUndefined()
  after.cookies.set('sessionid', key)
  expect(await dataOf(after)).toEqual({})
  expect((await after.get('/checkout')).status).toBe(302)
})

test('a database that is not there is a sentence, not a stack trace, and no password', async () => {
  const start = startSite({ DATABASE_URL: 'postgres://site:hunter2@127.0.0.1:1/shop', SECRET_KEY: 'a given key' })
  const message = await start.then(
    () => '',
    (error: unknown) => String(error),
  )
  expect(message).toContain('StoreUnavailable: The tables could not be made. (')
  expect(message).not.toMatch(/hunter2|\n +at /)
})

test('a port that is taken is a sentence, not a stack trace', async () => {
  const { served } = await visit()
  const port = new URL(served.origin).port
  const start = startSite({ PORT: port, DATABASE_URL: 'sqlite::memory:' })
  await expect(start).rejects.toThrow(`port ${port} is taken`)
})
