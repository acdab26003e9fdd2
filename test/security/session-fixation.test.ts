import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { authenticate, csrfInput, getUser, login, logout } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { unmaskToken } from '../../src/csrf/token.js'
import type { Client, Routes, Visit } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'
import { given } from './live.js'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-fixation-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const engines: Readonly<Record<string, SettingsInput>> = {
  db: {},
  memory: { sessionEngine: 'memory' },
  file: { sessionEngine: 'file', sessionFilePath: folder, sessionFileSync: false },
  cache: { sessionEngine: 'cache', caches: { default: 'locmem:' } },
  cached_db: { sessionEngine: 'cached_db', caches: { default: 'locmem:' } },
  signed_cookies: { sessionEngine: 'signed_cookies' },
}

async function whoami({ request, session }: Visit): Promise<string> {
  return JSON.stringify({ user: (await getUser(request))?.username ?? null, data: { ...(await session()) } })
}

const routes: Routes = {
  '/': whoami,
  '/keep': async (visit) => {
    ;(await visit.session()).set('basket', visit.query.get('it'))
    return whoami(visit)
  },
  '/login': async (visit) => {
    const user = await authenticate(visit.request, { username: visit.query.get('as'), password: 'correct horse' })
    if (user !== null) await login(visit.request, user)
    return whoami(visit)
  },
  '/logout': async (visit) => {
    await logout(visit.request)
    return whoami(visit)
  },
  '/form': ({ request }) => `<form method="post">${csrfInput(request)}</form>`,
  '/done': () => 'done',
}

interface Seen {
  readonly user: string | null
  readonly data: Readonly<Record<string, unknown>>
}
const seen = async (visitor: Client): Promise<Seen> => (await visitor.get('/')).json<Seen>()

describe.each(Object.entries(engines))('on the engine %s', (name, settings) => {
  const site = async () => {
    const standingSite = await standing('fetch', { middleware: ['sessions', 'auth'], ...settings }, routes)
    for (const user of ['victim', 'mallory']) await userBackend(standingSite.site).createUser(user, 'correct horse')
    return standingSite
  }
  /** A signed cookie is its own session, so what an attacker had he still has; it is just nobody's. */
  const left = (data: Seen['data']): Seen => ({ user: null, data: name === 'signed_cookies' ? data : {} })

  test('T01: a key that an attacker planted is worth nothing after the victim logged in', async () => {
    await using shop = await site()
    const [attacker, victim] = [shop.visitor(), shop.visitor()]
    await attacker.get('/keep?it=apples')
    const planted = attacker.cookies.get('sessionid') as string
    victim.cookies.set('sessionid', planted)
    const entered = await victim.get('/login?as=victim')
    expect(entered.json()).toMatchObject({ user: 'victim', data: { basket: 'apples' } })
    expect(given(entered.setCookies, 'sessionid')).toHaveLength(1)
    expect(victim.cookies.get('sessionid')).not.toBe(planted)
    expect(await seen(attacker)).toEqual(left({ basket: 'apples' }))
    expect(await seen(victim)).toMatchObject({ user: 'victim' })
  })

  test('T01: a session in which the attacker is logged in gives the victim nothing, and ends', async () => {
    await using shop = await site()
    const [attacker, victim] = [shop.visitor(), shop.visitor()]
    await attacker.get('/login?as=mallory')
    await attacker.get('/keep?it=bait')
    const planted = attacker.cookies.get('sessionid') as string
    victim.cookies.set('sessionid', planted)
    expect((await victim.get('/login?as=victim')).json<Seen>().data).not.toHaveProperty('basket')
    expect(victim.cookies.get('sessionid')).not.toBe(planted)
    expect(await seen(victim)).toMatchObject({ user: 'victim' })
    // Without a store nobody can end a copy of a cookie, but it never becomes the victim's.
    expect((await seen(attacker)).user).toBe(name === 'signed_cookies' ? 'mallory' : null)
  })

  test('T01: neither the key from before a second login nor the one from before logout is anybody’s', async () => {
    await using shop = await site()
    const victim = shop.visitor()
    await victim.get('/login?as=victim')
    const first = victim.cookies.get('sessionid') as string
    await victim.get('/keep?it=diary')
    await victim.get('/login?as=victim')
    const second = victim.cookies.get('sessionid') as string
    expect(second).not.toBe(first)
    await victim.get('/logout')
    await victim.get('/keep?it=pears')
    const third = victim.cookies.get('sessionid') as string
    expect([first, second]).not.toContain(third)
    expect(await seen(victim)).toEqual({ user: null, data: { basket: 'pears' } })
    if (name === 'signed_cookies') return
    for (const old of [first, second]) {
      const thief = shop.visitor()
      thief.cookies.set('sessionid', old)
      expect(await seen(thief)).toEqual({ user: null, data: {} })
    }
  })
})

test.each(everywhere)('T01: over %s, a planted key is not the one of whom a proxy names', async (adapter) => {
  const settings: SettingsInput = {
    middleware: ['sessions', 'auth'],
    remoteUserHeader: 'X-Remote-User',
    authenticationBackends: ['django.contrib.auth.backends.RemoteUserBackend'],
  }
  await using shop = await standing(adapter, settings, routes)
  const [attacker, victim] = [shop.visitor(), shop.visitor()]
  await attacker.get('/keep?it=apples')
  const planted = attacker.cookies.get('sessionid') as string
  victim.cookies.set('sessionid', planted)
  expect((await victim.get('/', { headers: { 'X-Remote-User': 'victim' } })).json()).toMatchObject({ user: 'victim' })
  expect(victim.cookies.get('sessionid')).not.toBe(planted)
  expect(await seen(attacker)).toEqual({ user: null, data: {} })
})

describe.each(everywhere)('over %s', (adapter) => {
  test('T24: the name in the header changes, then vanishes: the session ends each time', async () => {
    const settings: SettingsInput = {
      middleware: ['sessions', 'auth'],
      remoteUserHeader: 'X-Remote-User',
      authenticationBackends: ['django.contrib.auth.backends.RemoteUserBackend'],
    }
    await using shop = await standing(adapter, settings, routes)
    const visitor = shop.visitor()
    const as = (name: string) => ({ headers: { 'X-Remote-User': name } })
    await visitor.get('/keep?it=diary', as('ann'))
    const first = visitor.cookies.get('sessionid') as string
    const bob = (await visitor.get('/', as('bob'))).json<Seen>()
    expect([bob.user, bob.data.basket]).toEqual(['bob', undefined])
    const second = visitor.cookies.get('sessionid') as string
    expect(shop.keys()).toEqual([second])
    expect(await seen(visitor)).toEqual({ user: null, data: {} })
    expect(shop.keys()).toEqual([])
    for (const old of [first, second]) {
      visitor.cookies.set('sessionid', old)
      expect(await seen(visitor)).toEqual({ user: null, data: {} })
    }
  })

  describe.each([
    ['in a cookie', false],
    ['in the session', true],
  ])('with the secret of forms %s', (_, csrfUseSessions) => {
    test('T02: a form token from before login is refused after it, and the secret is another one', async () => {
      await using shop = await standing(adapter, { csrfUseSessions }, routes)
      await userBackend(shop.site).createUser('victim', 'correct horse')
      const [attacker, victim] = [shop.visitor(), shop.visitor()]
      await attacker.get('/form')
      const before = attacker.token as string
      const planted = attacker.cookies.header('/')
      for (const name of ['sessionid', 'csrftoken']) {
        const value = attacker.cookies.get(name)
        if (value !== undefined) victim.cookies.set(name, value)
      }
      expect((await victim.post('/done', { csrfmiddlewaretoken: before })).text).toBe('done')
      expect((await victim.post('/login?as=victim', { csrfmiddlewaretoken: before })).json()).toMatchObject({
        user: 'victim',
      })

      expect((await victim.post('/done', { csrfmiddlewaretoken: before })).status).toBe(403)
      expect((await victim.request('POST', '/done', { headers: { 'X-CSRFToken': unmaskToken(before) } })).status).toBe(
        403,
      )
      await victim.get('/form')
      expect(unmaskToken(victim.token as string)).not.toBe(unmaskToken(before))
      expect((await victim.post('/done')).text).toBe('done')
      if (!csrfUseSessions) return
      // Planted once more from a sibling host: with the secret in the session no cookie says what it is.
      const inside = `sessionid=${victim.cookies.get('sessionid')}`
      for (const cookie of [`${inside}; csrftoken=${unmaskToken(before)}`, planted]) {
        const again = { csrfmiddlewaretoken: before }
        expect((await victim.post('/done', again, { headers: { Cookie: cookie } })).status).toBe(403)
      }
    })
  })
})
