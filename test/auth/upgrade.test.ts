import { describe, expect, test } from 'vitest'
import {
  checkPassword,
  getUser,
  type HasherName,
  login,
  makePassword,
  mustUpgradePassword,
} from '../../src/auth/index.js'
import { authSite, visit } from './site.js'

const PASSWORD = 'correct horse'

/** Hashes of the old kinds, made by other means than ours. */
const OLD = {
  md5: 'md5$salt$69e3f6e1dd7bbcfa69a4c4dd6e56d2d0',
  unsalted_md5: '5ebe2294ecd0e0f08eab7690d2a6ee69',
  sha1: 'sha1$abc$de0a408ef519cd62e7379039634152874895c50c',
  unsalted_sha1: 'sha1$$e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4',
} as const

describe('each hasher makes hashes that it reads', () => {
  test.each(['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'scrypt'] as const)('%s', async (name) => {
    const rules = { hashers: [name], iterations: 10 }
    const encoded = await makePassword(PASSWORD, rules)
    expect(encoded.startsWith(`${name}$`)).toBe(true)
    expect(await checkPassword(PASSWORD, encoded, rules)).toBe(true)
    expect(await checkPassword(`${PASSWORD} `, encoded, rules)).toBe(false)
    expect(mustUpgradePassword(encoded, rules)).toBe(false)
    expect(await checkPassword(PASSWORD, encoded.slice(0, -2), rules)).toBe(false)
  })

  test('argon2, bcrypt and scrypt as Django 6.1 does', async () => {
    expect(await makePassword('x', { hashers: ['argon2'] })).toMatch(
      /^argon2\$argon2id\$v=19\$m=102400,t=2,p=8\$[A-Za-z0-9+/]{30}\$[A-Za-z0-9+/]{43}$/,
    )
    expect(await makePassword('x', { hashers: ['bcrypt_sha256'] })).toMatch(
      /^bcrypt_sha256\$\$2b\$12\$[./A-Za-z0-9]{53}$/,
    )
    expect(await makePassword('x', { hashers: ['scrypt'] })).toMatch(
      /^scrypt\$16384\$[A-Za-z0-9]{22}\$8\$5\$[A-Za-z0-9+/]{86}==$/,
    )
  })
})

test("PHP's name for the bcrypt of all others is read", async () => {
  const rules = { hashers: ['bcrypt_sha256', 'bcrypt'] as const }
  const encoded = await makePassword(PASSWORD, rules)
  expect(
    await checkPassword(
      PASSWORD,
      encoded.replace('$2b$', () => '$2y$'),
      rules,
    ),
  ).toBe(true)
  expect(
    await checkPassword(
      'wrong',
      encoded.replace('$2b$', () => '$2y$'),
      rules,
    ),
  ).toBe(false)
})

test.each(Object.entries(OLD).slice(1))(
  'old hashes are read where they are named, and nowhere else: %s',
  async (name, encoded) => {
    const hashers = ['pbkdf2_sha256', name as HasherName] as const
    expect(await checkPassword('secret', encoded, { hashers, iterations: 1 })).toBe(true)
    expect(await checkPassword('Secret', encoded, { hashers, iterations: 1 })).toBe(false)
    expect(await checkPassword('secret', encoded, { iterations: 1 })).toBe(false)
  },
)

test.each<readonly [string, HasherName, boolean]>([
  ['pbkdf2_sha256$9$abcdefghijklmnopqrstuv$x', 'pbkdf2_sha256', true],
  ['pbkdf2_sha256$10$abcdefghijklmnopqrstuv$x', 'pbkdf2_sha256', false],
  ['pbkdf2_sha256$11$abcdefghijklmnopqrstuv$x', 'pbkdf2_sha256', false],
  ['pbkdf2_sha256$10$short$x', 'pbkdf2_sha256', true],
  ['pbkdf2_sha256$11$short$x', 'pbkdf2_sha256', false],
  ['pbkdf2_sha1$99$abcdefghijklmnopqrstuv$x', 'pbkdf2_sha256', true],
  [OLD.sha1, 'pbkdf2_sha256', true],
  [OLD.unsalted_md5, 'scrypt', true],
  ['scrypt$16384$abcdefghijklmnopqrstuv$8$1$x', 'scrypt', true],
  ['scrypt$16384$abcdefghijklmnopqrstuv$8$1$x', 'pbkdf2_sha256', false],
  ['scrypt$32768$abcdefghijklmnopqrstuv$8$1$x', 'scrypt', false],
  ['argon2$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$AAAAAAAA', 'argon2', true],
  ['argon2$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$AAAAAAAA', 'scrypt', false],
  [`bcrypt$$2b$10$${'a'.repeat(53)}`, 'bcrypt_sha256', true],
  ['!unusable', 'pbkdf2_sha256', false],
  ['nonsense', 'pbkdf2_sha256', false],
])('only what is weaker is to be made anew: %s beside %s: %s', (encoded, preferred, isDue) => {
  expect(mustUpgradePassword(encoded, { hashers: [preferred], iterations: 10 })).toBe(isDue)
})

describe('at login', () => {
  const weak = { pbkdf2Iterations: 5 }

  async function withWeakHash(settings: object = {}) {
    const before = authSite(weak)
    await before.users.createUser('ann', PASSWORD)
    const { database, engine } = before
    return { before, ...authSite({ database, engine, pbkdf2Iterations: 20, ...settings }) }
  }

  test('a weak hash becomes a strong one, and the session is of the strong one', async () => {
    const { site, users } = await withWeakHash()
    const ann = await users.authenticate({ username: 'ann', password: PASSWORD })
    expect(ann?.password).toMatch(/^pbkdf2_sha256\$20\$/)
    expect((await users.getByUsername('ann'))?.password).toBe(ann?.password)
    const { key } = await visit(site, {}, (request) => login(request, ann as NonNullable<typeof ann>))
    expect((await visit(site, { key }, getUser)).result?.username).toBe('ann')
    expect(await users.authenticate({ username: 'ann', password: PASSWORD })).toMatchObject({ username: 'ann' })
  })

  test('not with a wrong password, not downwards, and not where the setting says no', async () => {
    const { users } = await withWeakHash()
    expect(await users.authenticate({ username: 'ann', password: 'wrong' })).toBeNull()
    expect((await users.getByUsername('ann'))?.password).toMatch(/^pbkdf2_sha256\$5\$/)
    for (const settings of [{ passwordUpgrade: false }, { pbkdf2Iterations: 3 }]) {
      const other = await withWeakHash(settings)
      expect(await other.users.authenticate({ username: 'ann', password: PASSWORD })).toMatchObject({ username: 'ann' })
      expect((await other.users.getByUsername('ann'))?.password).toMatch(/^pbkdf2_sha256\$5\$/)
    }
  })

  test('a password that is changed meanwhile stays, and the login by the old one ends with the next request', async () => {
    const { site, users, database } = await withWeakHash()
    const changed = await makePassword('another horse', { iterations: 20 })
    const prepare = database.prepare.bind(database)
    database.prepare = (sql) => {
      if (sql.includes('AND password =')) void prepare('UPDATE auth_user SET password = ?1').run(changed)
      return prepare(sql)
    }
    const ann = await users.authenticate({ username: 'ann', password: PASSWORD })
    expect((await users.getByUsername('ann'))?.password).toBe(changed)
    const { key } = await visit(site, {}, (request) => login(request, ann as NonNullable<typeof ann>))
    expect((await visit(site, { key }, getUser)).result).toBeNull()
  })
})
