import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { authenticate, getUser, login, logout } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { adapters, given, live, type Page } from './live.js'

const MODEL = 'django.contrib.auth.backends.ModelBackend'
const REMOTE = 'django.contrib.auth.backends.RemoteUserBackend'
const settings: SettingsInput = { middleware: ['sessions', 'auth'] }

async function whoami(request: IncomingMessage): Promise<string> {
  return JSON.stringify({ user: (await getUser(request))?.username ?? null, data: { ...request.session } })
}

const page: Page = async (request, response) => {
  const { pathname, searchParams } = new URL(request.url as string, 'http://localhost')
  if (pathname === '/login') {
    const user = await authenticate(request, { username: searchParams.get('as'), password: 'correct horse' })
    if (user !== null) await login(request, user)
  }
  if (pathname === '/logout') await logout(request)
  if (pathname === '/keep') request.session.set('basket', searchParams.get('it'))
  response.end(await whoami(request))
}

/** Copies a posted JSON object into the session, as careless handlers do. */
const copying =
  (copy: (session: IncomingMessage['session'], body: Record<string, unknown>) => void): Page =>
  async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'POST') {
      const body = JSON.parse(Buffer.concat((await request.toArray()) as Buffer[]).toString())
      try {
        copy(request.session, body)
      } catch (error) {
        response.statusCode = 400
        response.end((error as { code?: string }).code)
        return
      }
    }
    response.end(await whoami(request))
  }

describe.each(adapters)('over %s', (adapter) => {
  test('T01: a key that an attacker planted is worth nothing after the victim logged in', async () => {
    await using site = await live(adapter, settings, page)
    await userBackend(site.site).createUser('victim', 'correct horse')
    const [attacker, victim] = [site.visitor(), site.visitor()]
    await attacker.get('/keep?it=apples')
    const planted = attacker.cookies.get('sessionid') as string
    victim.cookies.set('sessionid', planted)
    const entered = await victim.get('/login?as=victim')
    expect(entered.json()).toMatchObject({ user: 'victim', data: { basket: 'apples' } })
    expect(given(entered.setCookies, 'sessionid')).toHaveLength(1)
    expect(victim.cookies.get('sessionid')).not.toBe(planted)
    expect(site.keys()).toEqual([victim.cookies.get('sessionid')])
    expect((await attacker.get('/')).json()).toEqual({ user: null, data: {} })
    expect((await victim.get('/')).json()).toMatchObject({ user: 'victim' })
  })

  test('T01: a key that the attacker made up is not adopted, and a key from before logout is dead', async () => {
    await using site = await live(adapter, settings, page)
    await userBackend(site.site).createUser('victim', 'correct horse')
    const [attacker, victim] = [site.visitor(), site.visitor()]
    const planted = 'a'.repeat(32)
    victim.cookies.set('sessionid', planted)
    await victim.get('/login?as=victim')
    const inside = victim.cookies.get('sessionid') as string
    expect(inside).not.toBe(planted)
    attacker.cookies.set('sessionid', planted)
    expect((await attacker.get('/')).json()).toMatchObject({ user: null })
    await victim.get('/logout')
    expect(site.keys()).toEqual([])
    attacker.cookies.set('sessionid', inside)
    expect((await attacker.get('/')).json()).toEqual({ user: null, data: {} })
  })

  test('T24: the name in the header changes, then vanishes: the session ends each time', async () => {
    const trusting: SettingsInput = {
      ...settings,
      remoteUserHeader: 'X-Remote-User',
      authenticationBackends: [REMOTE, MODEL],
    }
    await using site = await live(adapter, trusting, page)
    const visitor = site.visitor()
    const as = (name: string) => ({ headers: { 'X-Remote-User': name } })
    const ann = await visitor.get('/keep?it=diary', as('ann'))
    expect(ann.json()).toMatchObject({ user: 'ann', data: { basket: 'diary' } })
    const first = visitor.cookies.get('sessionid') as string
    const bob = (await visitor.get('/', as('bob'))).json<{ user: string; data: object }>()
    expect(bob.user).toBe('bob')
    expect(bob.data).not.toHaveProperty('basket')
    const second = visitor.cookies.get('sessionid') as string
    expect(second).not.toBe(first)
    expect(site.keys()).toEqual([second])
    expect((await visitor.get('/')).json()).toEqual({ user: null, data: {} })
    expect(site.keys()).toEqual([])
    const stale = site.visitor()
    stale.cookies.set('sessionid', first)
    expect((await stale.get('/')).json()).toEqual({ user: null, data: {} })
  })

  test.each<[string, Parameters<typeof copying>[0]]>([
    ['update', (session, body) => session.update(body)],
    ['Object.assign', (session, body) => void Object.assign(session, body)],
    ['set', (session, body) => Object.entries(body).forEach(([key, value]) => void session.set(key, value))],
    [
      'defineProperty',
      (session, body) => void Object.defineProperties(session, Object.getOwnPropertyDescriptors(body)),
    ],
  ])('T25: a handler that copies a JSON body into the session by %s makes nobody a user', async (_, copy) => {
    await using site = await live(adapter, settings, copying(copy))
    const victim = await userBackend(site.site).createUser('victim', 'correct horse')
    const attacker = site.visitor()
    for (const name of [
      '_auth_user_id',
      '_auth_user_backend',
      '_auth_user_hash',
      '_session_expiry',
      '_csrftoken',
      '_messages',
    ]) {
      const body = JSON.stringify({ [name]: name.endsWith('id') ? String(victim.id) : MODEL, colour: 'red' })
      const refused = await attacker.request('POST', '/', { body })
      expect([refused.status, refused.text]).toEqual([400, 'reserved_name'])
      expect((await attacker.get('/')).json<{ data: object }>().data).not.toHaveProperty(name)
    }
    expect((await attacker.get('/')).json()).toMatchObject({ user: null })
    expect((await attacker.request('POST', '/', { body: '{"colour":"red"}' })).json()).toEqual({
      user: null,
      data: { colour: 'red' },
    })
  })
})
