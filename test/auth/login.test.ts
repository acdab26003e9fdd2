import { describe, expect, test } from 'vitest'
import { authenticate, getUser, login, logout, type User, updateSessionAuthHash } from '../../src/auth/index.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { dbEngine } from '../../src/engines/db.js'
import { ImproperlyConfigured, PermissionDenied } from '../../src/errors.js'
import { SECRET, sqliteEngine } from '../support/sites.js'
import { authSite, slowly, usersDatabase, visit } from './site.js'

const nothing = (): undefined => undefined
const who = async (site: ReturnType<typeof authSite>['site'], key: string | undefined): Promise<string | undefined> =>
  (await visit(site, { key }, (request) => getUser(request))).result?.username

/** Store and user table that answer at once, and the same ones that take their time. */
const worlds: readonly (readonly [string, (input?: SettingsInput) => ReturnType<typeof authSite>])[] = [
  ['where everything answers at once', (input = {}) => authSite(input)],
  [
    'where store and users are far away',
    (input = {}) => {
      const engine = dbEngine({
        database: slowly(sqliteEngine({}).database),
        codec: signedCodec({ secretKey: SECRET }),
      })
      return authSite({ ...input, engine, database: slowly(usersDatabase()) })
    },
  ],
]

describe.each(worlds)('login %s', (_, make) => {
  test('T01: the key that an attacker planted is worth nothing after the victim logged in', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    const planted = (await visit(site, {}, (_request, { session }) => void session.set('cart', [1]))).key
    expect(planted).toBeDefined()
    const victim = await visit(site, { key: planted }, (request) => login(request, ann))
    expect(victim.key).toMatch(/^[a-z0-9]{32}$/)
    expect(victim.key).not.toBe(planted)
    expect(await who(site, victim.key)).toBe('ann')
    const attacker = await visit(site, { key: planted }, async (request, { session }) => {
      return [await getUser(request), session.get('cart')]
    })
    expect(attacker.result).toEqual([null, undefined])
  })

  test('T01: a key that the attacker made up is not adopted at login', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    const made = 'a'.repeat(32)
    const victim = await visit(site, { key: made }, (request) => login(request, ann))
    expect(victim.key).not.toBe(made)
    expect(await who(site, made)).toBeUndefined()
    expect(await who(site, victim.key)).toBe('ann')
  })

  test('T01: the same user who logs in again gets a new key, keeps the data, and the old key is dead', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    const first = await visit(site, {}, async (request, { session }) => {
      await login(request, ann)
      session.set('cart', [1])
    })
    const second = await visit(site, { key: first.key }, (request) => login(request, ann))
    expect(second.key).not.toBe(first.key)
    expect(await who(site, first.key)).toBeUndefined()
    const { result } = await visit(site, { key: second.key }, async (request, { session }) => {
      return [(await getUser(request))?.username, session.get('cart')]
    })
    expect(result).toEqual(['ann', [1]])
  })

  test('T01: another user gets a new session with nothing of the first user in it', async () => {
    const { site, users } = make()
    const [ann, bob] = [await users.createUser('ann'), await users.createUser('bob')]
    const first = await visit(site, {}, async (request, { session }) => {
      await login(request, ann)
      session.set('diary', 'secret')
    })
    const second = await visit(site, { key: first.key }, (request) => login(request, bob))
    expect(second.key).not.toBe(first.key)
    const { result } = await visit(site, { key: second.key }, async (request, { session }) => {
      return [(await getUser(request))?.username, session.get('diary')]
    })
    expect(result).toEqual(['bob', undefined])
    expect(await who(site, first.key)).toBeUndefined()
  })

  test('T01: the same user under another password gets a new session with nothing of the old one in it', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann', 'old')
    const first = await visit(site, {}, async (request, { session }) => {
      await login(request, ann)
      session.set('diary', 'secret')
    })
    const changed = await users.setPassword(ann, 'new')
    const second = await visit(site, { key: first.key }, async (request, { session }) => {
      await login(request, changed)
      return session.get('diary')
    })
    expect(second.result).toBeUndefined()
    expect(second.key).not.toBe(first.key)
    expect(await who(site, second.key)).toBe('ann')
  })

  test('what an anonymous visitor had in the session stays', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    const before = await visit(site, {}, (_request, { session }) => void session.set('cart', [1, 2]))
    const after = await visit(site, { key: before.key }, (request) => login(request, ann))
    const { result } = await visit(site, { key: after.key }, (_request, { session }) => session.get('cart'))
    expect(result).toEqual([1, 2])
  })

  test('one that nobody awaits is stored before the response leaves', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    const { key } = await visit(site, {}, (request) => void login(request, ann))
    expect(await who(site, key)).toBe('ann')
    expect((await users.getByUsername('ann'))?.lastLogin).not.toBeNull()
  })

  test('the user is there in the same request, and gone after logout', async () => {
    const { site, users } = make()
    const ann = await users.createUser('ann')
    await visit(site, {}, async (request, { session }) => {
      expect(await getUser(request)).toBeNull()
      await login(request, ann)
      expect((await getUser(request))?.username).toBe('ann')
      await logout(request)
      expect(await getUser(request)).toBeNull()
      await login(request, ann)
      await session.flush()
      expect(await getUser(request)).toBeNull()
    })
  })

  test('logout ends the session in the store and takes the cookie away, awaited or not', async () => {
    const { site, users, engine } = make()
    const ann = await users.createUser('ann')
    const { key } = await visit(site, {}, (request) => login(request, ann))
    const out = await visit(site, { key }, (request) => void logout(request))
    expect(out.key).toBeUndefined()
    expect(out.response.cookies.join()).toMatch(/sessionid="?"?;.*Max-Age=0/)
    expect(await engine.exists(key as string)).toBe(false)
    expect(await who(site, key)).toBeUndefined()
  })

  test('T47: logins of one session at the same time never share a record', async () => {
    const { site, users } = make()
    const [ann, bob] = [await users.createUser('ann'), await users.createUser('bob')]
    const { key } = await visit(site, {}, (_request, { session }) => void session.set('cart', 1))
    const visits = await Promise.all(
      Array.from({ length: 100 }, (_each, i) => visit(site, { key }, (request) => login(request, i % 2 ? ann : bob))),
    )
    expect(new Set(visits.map((each) => each.key)).size).toBe(100)
    for (const [i, each] of visits.entries()) expect(await who(site, each.key)).toBe(i % 2 ? 'ann' : 'bob')
    expect(await who(site, key)).toBeUndefined()
  })
})

test('a login with a store and users that answer at once is done when it returns', async () => {
  const { site, users } = authSite()
  const ann = await users.createUser('ann')
  await visit(site, {}, (request, scope) => {
    expect(login(request, ann)).toBeUndefined()
    expect(scope.state.key).not.toBeNull()
    expect(getUser(request)).toBe(ann)
    expect(logout(request)).toBeUndefined()
  })
})

test('a login that fails after all fails the response, awaited or not', async () => {
  const guest: User = { id: 1, username: 'guest', password: '', isActive: true }
  const broken = {
    path: 'a.Broken',
    authenticate: () => null,
    getUser: () => guest,
    loggedIn: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      throw new Error('no server')
    },
  }
  const { site } = authSite({ authenticationBackends: [broken] })
  await expect(visit(site, {}, (request) => void login(request, guest))).rejects.toThrow('no server')
  await expect(visit(site, {}, (request) => login(request, guest))).rejects.toThrow('no server')
})

test('the record that a login makes holds the user from the start', async () => {
  const { site, users, engine } = authSite()
  const ann = await users.createUser('ann')
  await visit(site, {}, async (request, { state }) => {
    await login(request, ann)
    const stored = await engine.load(state.key as string)
    expect([...(stored?.cells.keys() ?? [])]).toEqual(['_auth_user_id', '_auth_user_backend', '_auth_user_hash'])
  })
})

test('T02: a login tells the parts, so that forms made before are refused', async () => {
  const { site, users } = authSite()
  const ann = await users.createUser('ann')
  const heard: unknown[] = []
  site.on('user_logged_in', ({ user }) => heard.push(user))
  await visit(site, {}, (request) => login(request, ann))
  expect(heard).toEqual([ann])
})

test('login notes its time as last_login, by the clock of the site', async () => {
  const { site, users } = authSite({ clock: () => Date.UTC(2031, 4, 6, 7, 8, 9) })
  const ann = await users.createUser('ann')
  expect(ann.lastLogin).toBeNull()
  await visit(site, {}, (request) => login(request, ann))
  expect((await users.getByUsername('ann'))?.lastLogin?.toISOString()).toBe('2031-05-06T07:08:09.000Z')
})

describe('T25: a session cannot be talked into a login', () => {
  const ATTEMPTS = {
    set: (session) => session.set('_auth_user_id', '1'),
    'a property': (session) => Object.assign(session, { _auth_user_id: '1' }),
    update: (session) => session.update({ cart: 1, _auth_user_id: '1' }),
    setDefault: (session) => session.setDefault('_auth_user_id', '1'),
    defineProperty: (session) => Object.defineProperty(session, '_auth_user_id', { value: '1' }),
    'the backend': (session) => session.set('_auth_user_backend', 'x.Y'),
    'the hash': (session) => session.set('_auth_user_hash', '0'),
  } satisfies Record<string, (session: import('../../src/core/session-types.js').Session) => unknown>

  test.each(Object.entries(ATTEMPTS))('by %s', async (_name, attempt) => {
    const { site, users } = authSite()
    await users.createUser('admin')
    await visit(site, {}, async (request, { session }) => {
      expect(() => attempt(session)).toThrow(expect.objectContaining({ code: 'reserved_name' }))
      expect(await getUser(request)).toBeNull()
    })
  })

  test('by data of an anonymous session that look like a user', async () => {
    const { site, users } = authSite()
    const admin = await users.createUser('admin')
    const { key } = await visit(site, {}, (_request, { session }) =>
      session.update({ user: admin.id, _auth_user: '1', auth_user_id: '1' }),
    )
    expect(await who(site, key)).toBeUndefined()
  })
})

describe('T28: what is no user is never logged in', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['false', false],
    ['an empty object', {}],
    ['a user without an id', { id: undefined, username: 'x', password: 'x', isActive: true }],
    ['a user whose id is NaN', { id: Number.NaN, username: 'x', password: 'x', isActive: true }],
    ['a user without a hash', { id: 1, username: 'x', isActive: true }],
  ])('%s', async (_name, given) => {
    const { site } = authSite()
    await visit(site, {}, (request, { state }) => {
      expect(() => login(request, given as User)).toThrow(ImproperlyConfigured)
      expect(state.accessed).toBe(false)
    })
  })
})

describe('the backend of a login', () => {
  const keeper = (path: string, user: User | null = null) => ({ path, authenticate: () => user, getUser: () => user })
  const guest: User = { id: 'g', username: 'guest', password: '', isActive: true }

  test('is the one that authenticate found the user by', async () => {
    const { site } = authSite({ authenticationBackends: [keeper('a.First'), keeper('b.Second', guest)] })
    await visit(site, {}, async (request, { session }) => {
      await login(request, (await authenticate(request, {})) as User)
      expect(session.get('_auth_user_backend')).toBe('b.Second')
    })
  })

  test('must be named where there are several', async () => {
    const { site } = authSite({ authenticationBackends: [keeper('a.First'), keeper('b.Second')] })
    await visit(site, {}, async (request, { session }) => {
      expect(() => login(request, { ...guest })).toThrow(/several authenticationBackends/)
      await login(request, { ...guest }, 'a.First')
      expect(session.get('_auth_user_backend')).toBe('a.First')
    })
  })

  test('must be one that is listed', async () => {
    const { site } = authSite({ authenticationBackends: [keeper('a.First')] })
    await visit(site, {}, (request) => {
      expect(() => login(request, guest, 'x.Y')).toThrow(/'x\.Y'/)
    })
  })

  test('stops the others when it throws PermissionDenied', async () => {
    const strict = { path: 'a.Strict', authenticate: () => Promise.reject(new PermissionDenied()), getUser: nothing }
    const failed: unknown[] = []
    const { site } = authSite({ authenticationBackends: [strict, keeper('b.Second', guest)] })
    site.on('user_login_failed', (event) => failed.push(event.request))
    const { result, scope } = await visit(site, {}, (request) => authenticate(request, {}))
    expect(result).toBeNull()
    expect(failed).toEqual([scope.request])
  })

  test.each([undefined, null, 'ann'])('is not asked about %j, which is a body that nobody parsed', async (body) => {
    const { site } = authSite()
    const asked = visit(site, {}, (request) => authenticate(request, body as never))
    await expect(asked).rejects.toThrow(
      new ImproperlyConfigured(
        'authenticate was given no credentials: has a body parser run (express.urlencoded(), express.json())?',
      ),
    )
  })

  test('T28: that fails makes authenticate fail, not pass or ask the next one', async () => {
    const broken = { path: 'a.Broken', authenticate: () => Promise.reject(new Error('no server')), getUser: nothing }
    const { site } = authSite({ authenticationBackends: [broken, keeper('b.Second', guest)] })
    await visit(site, {}, (request) => expect(authenticate(request, {})).rejects.toThrow('no server'))
  })
})

describe('a new password', () => {
  test('T49: ends all other sessions, and updateSessionAuthHash keeps this one under a new key', async () => {
    const { site, users } = authSite()
    const ann = await users.createUser('ann', 'old')
    const here = await visit(site, {}, (request) => login(request, ann))
    const elsewhere = await visit(site, {}, (request) => login(request, ann))
    const changed = await visit(site, { key: here.key }, async (request) => {
      expect((await getUser(request))?.username).toBe('ann')
      await updateSessionAuthHash(request, await users.setPassword(ann, 'new'))
    })
    expect(changed.key).not.toBe(here.key)
    expect(await who(site, changed.key)).toBe('ann')
    expect(await who(site, here.key)).toBeUndefined()
    expect(await who(site, elsewhere.key)).toBeUndefined()
  })

  test('does not make a session the user’s that was not', async () => {
    const { site, users } = authSite()
    const [ann, bob] = [await users.createUser('ann', 'old'), await users.createUser('bob')]
    for (const key of [undefined, (await visit(site, {}, (request) => login(request, bob))).key]) {
      const before = await who(site, key)
      const after = await visit(site, { key }, async (request) => {
        await updateSessionAuthHash(request, await users.setPassword(ann, 'new'))
      })
      expect(await who(site, after.key)).toBe(before)
    }
  })

  test('does not wake a session that an earlier new password has ended', async () => {
    const { site, users } = authSite()
    const ann = await users.createUser('ann', 'old')
    const stolen = await visit(site, {}, (request) => login(request, ann))
    await users.setPassword(ann, 'new')
    const after = await visit(site, { key: stolen.key }, async (request) => {
      await updateSessionAuthHash(request, await users.setPassword(ann, 'newer'))
    })
    expect(await who(site, after.key)).toBeUndefined()
  })
})

test('logout tells who it was where the request knew, and does not ask the user table', async () => {
  const { site, users } = authSite()
  const ann = await users.createUser('ann')
  const heard: unknown[] = []
  site.on('user_logged_out', ({ user }) => heard.push((user as User | null)?.username ?? null))
  const { key } = await visit(site, {}, (request) => login(request, ann))
  await visit(site, { key }, async (request) => {
    await getUser(request)
    await logout(request)
  })
  await visit(site, {}, (request) => logout(request))
  expect(heard).toEqual(['ann', null])
})

test('logout without a session stores and sends nothing', async () => {
  const { site } = authSite()
  const { response } = await visit(site, {}, (request) => logout(request))
  expect(response.cookies).toEqual([])
})
