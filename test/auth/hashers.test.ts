import { describe, expect, test } from 'vitest'
import { checkPassword, identifyHasher, isPasswordUsable, makePassword } from '../../src/auth/index.js'

const cheap = { iterations: 10 }

test('a password is right for its own hash and no other', async () => {
  const encoded = await makePassword('correct horse', cheap)
  expect(encoded).toMatch(/^pbkdf2_sha256\$10\$[A-Za-z0-9]{22}\$[A-Za-z0-9+/]{43}=$/)
  expect(await checkPassword('correct horse', encoded, cheap)).toBe(true)
  for (const wrong of ['correct hors', 'Correct horse', 'correct horse ', '', encoded, null]) {
    expect(await checkPassword(wrong, encoded, cheap)).toBe(false)
  }
})

test('two hashes of one password have nothing in common', async () => {
  const [one, two] = [await makePassword('secret', cheap), await makePassword('secret', cheap)]
  expect(one.split('$')[2]).not.toBe(two.split('$')[2])
  expect(one.split('$')[3]).not.toBe(two.split('$')[3])
})

test('no password opens an unusable hash, and each is another', async () => {
  const [one, two] = [await makePassword(null), await makePassword(null)]
  expect(one).toMatch(/^![A-Za-z0-9]{40}$/)
  expect(one).not.toBe(two)
  expect([isPasswordUsable(one), isPasswordUsable(await makePassword('x', cheap))]).toEqual([false, true])
  for (const password of ['', one, one.slice(1), null]) expect(await checkPassword(password, one, cheap)).toBe(false)
})

describe('a damaged hash is a wrong password', () => {
  test.each([
    '',
    '!',
    '$',
    'pbkdf2_sha256',
    'pbkdf2_sha256$',
    'pbkdf2_sha256$10',
    'pbkdf2_sha256$10$salt',
    'pbkdf2_sha256$10$$hash',
    'pbkdf2_sha256$0$salt$hash',
    'pbkdf2_sha256$-1$salt$hash',
    'pbkdf2_sha256$1e3$salt$hash',
    'pbkdf2_sha256$9999999999$salt$hash',
    'toString$10$salt$hash',
    '__proto__$10$salt$hash',
    'md5$salt$hash',
    'scrypt$3$salt$8$1$AAAA',
    'scrypt$1$salt$8$1$AAAA',
    'scrypt$16384$salt$9999999$9999999$AAAA',
    'scrypt$16384$salt$8$9999$AAAA',
    'scrypt$8388608$salt$8$1$AAAA',
    'pbkdf2_sha256$2147483647$salt$hash',
    'argon2$argon2id$v=19$m=1,t=2,p=8$YWJjZGVmZ2hpamtsbW5v$AAAAAAAA',
    'argon2$argon2id$v=19$m=99999999,t=2,p=8$YWJjZGVmZ2hpamtsbW5v$AAAAAAAA',
    'argon2$argon2id$v=19$m=64,t=999,p=8$YWJjZGVmZ2hpamtsbW5v$AAAAAAAA',
    'argon2$argon2id$v=19$m=64,t=2,p=8$YWJj$AAAAAAAA',
    'argon2$argon2id$v=19$m=64,t=2,p=8$YWJjZGVmZ2hpamtsbW5v$AAAAA=',
    `bcrypt_sha256$$2b$00$${'a'.repeat(53)}`,
    `bcrypt_sha256$$2b$31$${'a'.repeat(53)}`,
    `bcrypt_sha256$$2x$04$${'a'.repeat(53)}`,
  ])('%j', async (encoded) => {
    expect(await checkPassword('secret', encoded, cheap)).toBe(false)
  })

  test('and so is one whose number of iterations is written otherwise', async () => {
    const encoded = await makePassword('secret', cheap)
    expect(await checkPassword('secret', encoded.replace('$10$', '$010$'), cheap)).toBe(false)
    expect(await checkPassword('secret', encoded.replace('$10$', '$11$'), cheap)).toBe(false)
  })
})

test('the hasher of a hash is known by its first word', () => {
  for (const name of ['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'bcrypt', 'scrypt', 'md5', 'sha1']) {
    expect(identifyHasher(`${name}$1$s$h`)).toBe(name)
  }
  for (const bare of ['a'.repeat(32), `md5$$${'a'.repeat(32)}`]) expect(identifyHasher(bare)).toBe('unsalted_md5')
  expect(identifyHasher(`sha1$$${'a'.repeat(40)}`)).toBe('unsalted_sha1')
  for (const other of ['rot13$x', 'argon2', 'constructor$x', '!x', '']) expect(identifyHasher(other)).toBeNull()
})

test('hashing leaves the event loop free', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await makePassword('secret', { iterations: 200_000 })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(2)
})

describe('time does not tell', () => {
  const work = 100_000

  /** Of the processor, in microseconds: what others do meanwhile counts for nothing. */
  async function fastest(run: () => Promise<unknown>): Promise<number> {
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = process.cpuUsage()
      await run()
      const { user, system } = process.cpuUsage(start)
      times.push(user + system)
    }
    return Math.min(...times)
  }

  test('whether a hash is unusable, damaged, weak or strong, when the password is wrong', async () => {
    const rules = { iterations: work }
    const strong = await makePassword('secret', rules)
    const weak = await makePassword('secret', { iterations: 1 })
    const full = await fastest(() => checkPassword('wrong', strong, rules))
    const other = await makePassword('secret', { hashers: ['pbkdf2_sha1'], iterations: 1 })
    for (const encoded of [weak, other, '!', '', 'argon2$x']) {
      expect(await fastest(() => checkPassword('wrong', encoded, rules))).toBeGreaterThan(full / 5)
    }
  })

  test('nor whether a hash of bcrypt has fewer rounds than new ones', async () => {
    const rules = { hashers: ['bcrypt_sha256'] as const }
    const strong = await makePassword('secret', rules)
    const weak = 'bcrypt_sha256$$2b$04$7EPFrN2KtjCxNgphO5PM../C8X/GVIkputNdQBoHFCB5oUkpKLh2u'
    expect(await checkPassword('secret', weak, rules)).toBe(true)
    const full = await fastest(() => checkPassword('wrong', strong, rules))
    expect(await fastest(() => checkPassword('wrong', weak, rules))).toBeGreaterThan(full / 5)
  })
})
