import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { authenticate, type ModelUser } from '../../src/auth/index.js'
import { authTables } from '../../src/auth/schema.js'
import { ImproperlyConfigured, StoreUnavailable, UsernameTaken } from '../../src/errors.js'
import { authSite, slowly, usersDatabase, visit } from './site.js'

describe.each([
  ['that answers at once', () => authSite()],
  ['that is far away', () => authSite({ database: slowly(usersDatabase()) })],
] as const)('with a user table %s', (_, make) => {
  test('a user is found by the right name and password alone', async () => {
    const { users } = make()
    await users.createUser('ann', 'secret')
    await users.createUser('bob')
    expect((await users.authenticate({ username: 'ann', password: 'secret' }))?.username).toBe('ann')
    for (const credentials of [
      { username: 'ann', password: 'Secret' },
      { username: 'Ann', password: 'secret' },
      { username: 'nobody', password: 'secret' },
      { username: 'bob', password: '' },
      { username: 'ann' },
      { password: 'secret' },
      { username: ['ann'], password: 'secret' },
      { username: 'ann', password: { length: 6 } },
      {},
    ]) {
      expect(await users.authenticate(credentials)).toBeNull()
    }
  })

  test('a user who is inactive is not found, whatever the password', async () => {
    const { users } = make()
    const off = await users.createUser('off', 'secret', { isActive: false })
    expect(await users.authenticate({ username: 'off', password: 'secret' })).toBeNull()
    expect(await users.getUser(String(off.id))).toBeNull()
    expect((await users.getByUsername('off'))?.isActive).toBe(false)
  })

  test('a name is taken once', async () => {
    const { users } = make()
    await users.createUser('ann', 'secret')
    await expect(users.createUser('ann', 'mine now')).rejects.toThrow(UsernameTaken)
    expect(await users.authenticate({ username: 'ann', password: 'mine now' })).toBeNull()
  })

  test('a new password replaces the old one', async () => {
    const { users } = make()
    const ann = await users.createUser('ann', 'old')
    const changed = await users.setPassword(ann, 'new')
    expect(changed.password).not.toBe(ann.password)
    expect(await users.authenticate({ username: 'ann', password: 'old' })).toBeNull()
    expect((await users.authenticate({ username: 'ann', password: 'new' }))?.id).toBe(ann.id)
    await users.setPassword(ann, null)
    expect(await users.authenticate({ username: 'ann', password: 'new' })).toBeNull()
  })
})

test('a name that nobody has takes as long as a wrong password', async () => {
  const { users } = authSite({ pbkdf2Iterations: 100_000 })
  await users.createUser('ann', 'secret')
  const fastest = async (username: string): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      await users.authenticate({ username, password: 'wrong' })
      times.push(performance.now() - start)
    }
    return Math.min(...times)
  }
  expect(await fastest('nobody')).toBeGreaterThan((await fastest('ann')) / 5)
})

test('a user is made as Django makes one: the name in NFKC, the domain in lower case', async () => {
  const { users, database } = authSite({ clock: () => Date.UTC(2031, 4, 6, 7, 8, 9) })
  const ann = await users.createUser('ａｎｎ', null, { email: ' Ann@Example.COM ', firstName: 'Ann', isStaff: true })
  expect(ann).toMatchObject({
    id: 1,
    username: 'ann',
    email: 'Ann@example.com',
    firstName: 'Ann',
    lastName: '',
    isActive: true,
    isStaff: true,
    isSuperuser: false,
    lastLogin: null,
    dateJoined: new Date('2031-05-06T07:08:09Z'),
  })
  expect(await database.prepare('SELECT is_staff, date_joined, last_login FROM auth_user').get()).toEqual({
    is_staff: 1,
    date_joined: '2031-05-06 07:08:09',
    last_login: null,
  })
})

test('T27: a user who is printed or sent as JSON shows no password hash', async () => {
  const { users } = authSite()
  const ann = await users.createUser('ann', 'secret')
  expect(ann.password).toContain('pbkdf2_sha256')
  for (const shown of [JSON.stringify(ann), inspect(ann, { showHidden: true, depth: 9 }), JSON.stringify({ ...ann })]) {
    expect(shown).not.toContain('pbkdf2_sha256')
  }
})

test('a form that names a remote user logs nobody in', async () => {
  const { site, users } = authSite({
    authenticationBackends: [
      'django.contrib.auth.backends.RemoteUserBackend',
      'django.contrib.auth.backends.ModelBackend',
    ],
  })
  await users.createUser('admin')
  const forms = [{ remote_user: 'admin' }, { remoteUser: 'admin' }, { 'Symbol(remote user)': 'admin' }]
  for (const form of forms) {
    expect((await visit(site, {}, (request) => authenticate(request, form))).result).toBeNull()
  }
})

test('T28: a user table that fails is an error, and tells nothing of who asked', async () => {
  const { users, database } = authSite()
  await database.execute('DROP TABLE auth_user')
  const failure: unknown = await users.authenticate({ username: 'xerxes', password: 'secret' }).catch((error) => error)
  expect(failure).toBeInstanceOf(StoreUnavailable)
  expect(String(failure)).not.toMatch(/xerxes|secret/)
})

test('the table is the one that Django’s migrations leave behind, and is made once', async () => {
  const database = usersDatabase()
  await authTables(database)
  const { sql } = (await database.prepare("SELECT sql FROM sqlite_master WHERE name = 'auth_user'").get()) as {
    sql: string
  }
  // What Django 5.2 has in sqlite_master after `migrate`.
  expect(sql).toBe(
    'CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL)',
  )
})

test('another user model has its own table, which may lack what is not needed', async () => {
  const database = usersDatabase()
  await database.execute(
    'CREATE TABLE shop_customer (id integer PRIMARY KEY, username text UNIQUE, password text, is_active bool)',
  )
  const { users } = authSite({ database, authUserModel: 'shop.Customer' })
  await database.execute("INSERT INTO shop_customer VALUES (7, 'eve', '!', 1)")
  const eve = (await users.getUser('7')) as ModelUser
  expect(eve).toMatchObject({ username: 'eve', email: '', isStaff: false, lastLogin: null })
  expect((await users.setPassword(eve, 'secret')).password).toMatch(/^pbkdf2_sha256\$/)
})

test('a user table that is not there is named, with what makes it, also for an open handle', async () => {
  const { database, users } = authSite()
  await database.execute('DROP TABLE auth_user')
  await expect(users.createUser('ann', 'x')).rejects.toThrow(
    /^The user table 'auth_user' is not there\. .* run 'sojourn migrate', or `await site\.migrate\(\)`/,
  )
})

test('tables of permissions, which Django makes, are not told to be made by sojourn', async () => {
  const { users } = authSite()
  const user = await users.createUser('ann', 'x')
  await expect((async () => users.getAllPermissions(user))()).rejects.toThrow(/cannot be reached\.$/)
})

test.each([undefined, null, 5, ''])('createUser(%j) is told what a user needs', async (username) => {
  const { users } = authSite()
  await expect(users.createUser(username as never)).rejects.toThrow(
    new ImproperlyConfigured(
      'createUser needs a username, a text that is not empty: createUser(username, password, { email }).',
    ),
  )
})
