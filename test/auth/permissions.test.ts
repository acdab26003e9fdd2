import { describe, expect, test } from 'vitest'
import {
  getAllPermissions,
  hasPerm,
  login,
  permissionRequired,
  requireRecentAuth,
  type User,
  type UserBackend,
  type UserFields,
  userPassesTest,
} from '../../src/auth/index.js'
import type { Database } from '../../src/databases/database.js'
import { ImproperlyConfigured, PermissionDenied, StoreUnavailable } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { type AuthSite, authSite, slowly, usersDatabase, visit } from './site.js'

/** Django's tables, as its migrations make them on SQLite, with two permissions: one by a group and one of the user's own. */
const DJANGO = `
CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label varchar(100), model varchar(100));
CREATE TABLE auth_permission (id integer PRIMARY KEY, name varchar(255), content_type_id integer, codename varchar(100));
CREATE TABLE auth_group (id integer PRIMARY KEY, name varchar(150));
CREATE TABLE auth_group_permissions (id integer PRIMARY KEY, group_id integer, permission_id integer);
CREATE TABLE auth_user_groups (id integer PRIMARY KEY, user_id integer, group_id integer);
CREATE TABLE auth_user_user_permissions (id integer PRIMARY KEY, user_id integer, permission_id integer);
INSERT INTO django_content_type VALUES (1, 'shop', 'order'), (2, 'blog', 'order');
INSERT INTO auth_permission VALUES (1, '', 1, 'change_order'), (2, '', 1, 'view_order'), (3, '', 2, 'change_order'), (4, '', 1, 'delete_order');
INSERT INTO auth_group VALUES (1, 'sellers'), (2, 'others');
INSERT INTO auth_group_permissions VALUES (1, 1, 1), (2, 2, 4);
INSERT INTO auth_user_groups VALUES (1, 1, 1), (2, 99, 2);
INSERT INTO auth_user_user_permissions VALUES (1, 1, 2), (2, 1, 1), (3, 99, 3);`

function usersWithPermissions(): Database {
  const database = usersDatabase()
  for (const statement of DJANGO.split(';\n')) void database.execute(statement)
  return database
}

async function entered({ site, users }: AuthSite, fields: UserFields = {}) {
  const user = await users.createUser('ann', null, fields)
  const { key } = await visit(site, {}, (request) => login(request, user))
  return { user, ask: <T>(ask: (request: object) => T) => visit(site, { key, url: '/order' }, ask) }
}

describe.each([
  ['at once', () => authSite({ database: usersWithPermissions() })],
  ['later', () => authSite({ database: slowly(usersWithPermissions()) })],
])('permissions that are answered %s', (_, make) => {
  test('are those of the user and of the groups', async () => {
    const { ask } = await entered(make())
    expect([...(await ask(getAllPermissions)).result].sort()).toEqual(['shop.change_order', 'shop.view_order'])
    const may = async (permission: string | string[]) => (await ask((request) => hasPerm(request, permission))).result
    expect(await may('shop.change_order')).toBe(true)
    expect(await may(['shop.change_order', 'shop.view_order'])).toBe(true)
    for (const other of ['shop.delete_order', 'blog.change_order', 'change_order', '', ['shop.view_order', 'x.y']]) {
      expect(await may(other)).toBe(false)
    }
    expect(await may([])).toBe(true)
  })

  test('of a superuser are all, and of nobody none', async () => {
    const all = await entered(make(), { isSuperuser: true })
    expect((await all.ask((request) => hasPerm(request, 'any.thing'))).result).toBe(true)
    const { site } = make()
    expect((await visit(site, {}, (request) => hasPerm(request, 'shop.view_order'))).result).toBe(false)
    expect((await visit(site, {}, (request) => hasPerm(request, []))).result).toBe(false)
    expect((await visit(site, {}, getAllPermissions)).result.size).toBe(0)
  })

  test('guard a page: who may not goes to the login page, or gets 403', async () => {
    const { ask } = await entered(make())
    expect((await ask(permissionRequired('shop.view_order'))).result).toBeNull()
    expect((await ask(permissionRequired('shop.delete_order', { loginUrl: '/in' }))).result).toMatchObject({
      status: 302,
      headers: { Location: '/in?next=/order' },
    })
    const strict = permissionRequired('shop.delete_order', { raiseException: true })
    await expect(ask((request) => strict(request))).rejects.toBeInstanceOf(PermissionDenied)
  })
})

test('are asked for once in a request', async () => {
  const world = authSite({ database: usersWithPermissions() })
  const { ask } = await entered(world)
  const { getAllPermissions: ofBackend } = world.users
  let asked = 0
  world.users.getAllPermissions = (user) => {
    asked++
    return ofBackend.call(world.users, user)
  }
  await ask(async (request) => {
    for (const permission of ['a.b', 'shop.view_order']) await hasPerm(request, permission)
  })
  expect(asked).toBe(1)
})

test('are asked for anew in the next request, also of a backend that gives the same user, and after a failure', async () => {
  const user: User = { id: 7, username: 'x', password: 'h', isActive: true }
  let permissions: Set<string> | null = new Set(['a.b'])
  const backend: UserBackend = {
    path: 'a.A',
    authenticate: () => null,
    getUser: () => user,
    getAllPermissions: async () => permissions ?? Promise.reject(new StoreUnavailable('gone')),
  }
  const { site } = authSite({ authenticationBackends: [backend] })
  const { key } = await visit(site, {}, (request) => login(request, user))
  const may = async () => (await visit(site, { key }, (request) => hasPerm(request, 'a.b'))).result
  expect(await may()).toBe(true)
  permissions = new Set()
  expect(await may()).toBe(false)
  permissions = null
  await visit(site, { key }, async (request) => {
    await expect(Promise.resolve(hasPerm(request, 'a.b'))).rejects.toBeInstanceOf(StoreUnavailable)
    permissions = new Set(['a.b'])
    expect(await hasPerm(request, 'a.b')).toBe(true)
  })
})

test('that two backends cannot tell are one failure, which is heard', async () => {
  const user: User = { id: 7, username: 'x', password: 'h', isActive: true }
  const failing = (path: string, getAllPermissions: UserBackend['getAllPermissions']): UserBackend => ({
    path,
    authenticate: () => null,
    getUser: () => user,
    ...(getAllPermissions ? { getAllPermissions } : {}),
  })
  const { site } = authSite({
    authenticationBackends: [
      failing('a.A', () => Promise.reject(new Error('A is down'))),
      failing('b.B', () => {
        throw new Error('B is down')
      }),
    ],
  })
  const { key } = await visit(site, {}, (request) => login(request, user, 'a.A'))
  await visit(site, { key }, (request) => expect(Promise.resolve(hasPerm(request, 'a.b'))).rejects.toThrow(/is down/))
})

test('of a number in another list of users are not those of the user table', async () => {
  const world = authSite({ database: usersWithPermissions() })
  await world.users.createUser('ann')
  const stranger: User = { id: 1, username: 'x', password: 'h', isActive: true }
  expect((await world.users.getAllPermissions(stranger)).size).toBe(0)
})

test('of several backends count together, and of one that knows none none', async () => {
  const user: User = { id: 7, username: 'x', password: 'h', isActive: true }
  const backend = (path: string, more: Partial<UserBackend>): UserBackend => ({
    path,
    authenticate: () => null,
    getUser: () => user,
    ...more,
  })
  const { site } = authSite({
    authenticationBackends: [
      backend('a.A', {}),
      backend('b.B', { getAllPermissions: async () => new Set(['b.b']) }),
      backend('c.C', { getAllPermissions: () => new Set(['c.c']) }),
    ],
  })
  const { key } = await visit(site, {}, (request) => login(request, user, 'a.A'))
  expect((await visit(site, { key }, (request) => hasPerm(request, ['b.b', 'c.c']))).result).toBe(true)
})

test('of a user model of another name are in tables of that name', async () => {
  const database = usersDatabase()
  await database.execute('ALTER TABLE auth_user RENAME TO shop_customer')
  for (const statement of DJANGO.replaceAll('auth_user', 'shop_customer')
    .replaceAll('user_id', 'customer_id')
    .split(';\n'))
    await database.execute(statement)
  const { ask } = await entered(authSite({ database, authUserModel: 'shop.Customer' }))
  expect((await ask((request) => hasPerm(request, 'shop.change_order'))).result).toBe(true)
})

test('without the tables are an error, not a no', async () => {
  const { ask } = await entered(authSite())
  await expect(ask((request) => hasPerm(request, 'a.b'))).rejects.toBeInstanceOf(StoreUnavailable)
})

test('userPassesTest asks about the user, also about nobody, and only a true is a yes', async () => {
  const world = authSite()
  const { ask } = await entered(world)
  const isAnn = userPassesTest((user) => user?.username === 'ann')
  expect((await ask((request) => isAnn(request))).result).toBeNull()
  expect((await visit(world.site, {}, (request) => isAnn(request))).result?.status).toBe(302)
  expect(
    (await ask((request) => userPassesTest(async () => false, { loginUrl: '/in' })(request))).result?.headers.Location,
  ).toBe('/in?next=/order')
  expect((await ask((request) => userPassesTest(() => 1 as unknown as boolean)(request))).result?.status).toBe(302)
})

describe('requireRecentAuth', () => {
  const recent = requireRecentAuth(300)
  const clocked = () => {
    const clock = testClock()
    return { clock, ...authSite({ clock, sessionAuthTime: true }) }
  }

  test('lets pass whose login is not older than so many seconds', async () => {
    const world = clocked()
    const { ask, user } = await entered(world)
    world.clock.turn(300)
    expect((await ask((request) => recent(request))).result).toBeNull()
    world.clock.turn(1)
    const { result } = await ask((request) => recent(request))
    expect(result).toMatchObject({ status: 302, headers: { Location: '/accounts/login/?next=/order' } })
    const again = await ask((request) => login(request, user))
    expect((await visit(world.site, { key: again.key }, (request) => recent(request))).result).toBeNull()
  })

  test('goes along with a new key, and not to another user or out of a logout', async () => {
    const world = clocked()
    const { ask } = await entered(world)
    const cycled = await ask((_) => undefined)
    const renewed = await visit(world.site, { key: cycled.key }, (__, { session }) => session.cycleKey())
    expect((await visit(world.site, { key: renewed.key }, (request) => recent(request))).result).toBeNull()
    world.clock.turn(200)
    const bob = await world.users.createUser('bob')
    const other = await visit(world.site, { key: renewed.key }, (request) => login(request, bob))
    world.clock.turn(299)
    expect((await visit(world.site, { key: other.key }, (request) => recent(request))).result).toBeNull()
    expect((await visit(world.site, {}, (request) => recent(request))).result?.status).toBe(302)
  })

  test('does not take for recent a login of a Django beside, nor what a page wrote', async () => {
    const world = clocked()
    const { user } = await entered(world)
    const { key } = await visit(world.site, {}, (request) => login(request, user))
    const without = await visit(world.site, { key }, (_, { state }) => void state.delete('_sojourn_auth_time'))
    expect((await visit(world.site, { key: without.key }, (request) => recent(request))).result?.status).toBe(302)
    await expect(
      visit(world.site, { key }, (_, { session }) => session.set('_sojourn_auth_time', 9e9)),
    ).rejects.toThrow(/belongs to sojourn/)
    const ahead = await visit(world.site, { key }, (_, { state }) => state.put('_sojourn_auth_time', 9e9))
    expect((await visit(world.site, { key: ahead.key }, (request) => recent(request))).result?.status).toBe(302)
  })

  test('without its setting says which one', async () => {
    const { ask } = await entered(authSite())
    await expect(ask((request) => recent(request))).rejects.toThrow(ImproperlyConfigured)
    await expect(ask((request) => recent(request))).rejects.toThrow(/sessionAuthTime/)
  })
})
