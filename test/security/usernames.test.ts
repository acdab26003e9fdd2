import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsernameTaken } from '../../src/errors.js'
import { authSite } from '../auth/site.js'
import { findDjango } from '../django/home.js'
import { type Django, startDjango } from '../django/server.js'
import { SECRET } from '../support/sites.js'

/** A name as somebody types it, and its NFKC. */
const names: readonly (readonly [typed: string, normal: string])[] = [
  ['ﬁnn', 'finn'],
  ['\u212Aelvin', 'Kelvin'],
  ['ａｎｎ', 'ann'],
  ['ＡＮＮ', 'ANN'],
  ['admin＠example.com', 'admin@example.com'],
  ['root﹫example.com', 'root@example.com'],
  ['ſam', 'sam'],
  ['ﬅar', 'star'],
  ['①', '1'],
  ['e\u0301va', '\u00e9va'],
  ['\u212bsa', '\u00c5sa'],
  ['Ⅳ', 'IV'],
  ['𝐛𝐨𝐛', 'bob'],
  ['ｶﾞ', 'ガ'],
]
/** What only looks alike is another name: NFKC does not fold alphabets or case. */
const others = ['аnn', 'Ann', 'kelvin', 'SAM', 'finn\u200d', 'ıv']

interface Outcomes {
  /** The stored name of each in turn, or that it was taken. */
  readonly created: readonly string[]
  /** By each spelling: who comes in by the password that belongs to it. */
  readonly entered: readonly (string | null)[]
  readonly natural: readonly (string | null)[]
}

const spellings = [...names.flat(), ...others]

const ask = `
import json
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

def create(name):
    try:
        with transaction.atomic():
            return User.objects.create_user(name, password='correct horse').username
    except IntegrityError:
        return 'taken'

def natural(name):
    try:
        return User.objects.get_by_natural_key(name).username
    except User.DoesNotExist:
        return None

def enter(name):
    user = authenticate(None, username=name, password='correct horse')
    return None if user is None else user.username

created = [create(name) for name in args]
print(json.dumps({
    'created': created,
    'entered': [enter(name) for name in args],
    'natural': [natural(name) for name in args],
}))
`

async function ours(): Promise<Outcomes> {
  const { users } = authSite()
  const created: string[] = []
  for (const name of spellings) {
    const made = users.createUser(name, 'correct horse').catch((error: unknown) => {
      if (error instanceof UsernameTaken) return { username: 'taken' }
      throw error
    })
    created.push((await made).username)
  }
  const entered: (string | null)[] = []
  const natural: (string | null)[] = []
  for (const username of spellings) {
    entered.push((await users.authenticate({ username, password: 'correct horse' }))?.username ?? null)
    natural.push((await users.getByUsername(username))?.username ?? null)
  }
  return { created, entered, natural }
}

test('T61: a name is stored in NFKC, so that nobody is a second user of the same name', async () => {
  for (const [typed, normal] of names) {
    expect(typed).not.toBe(normal)
    const { users } = authSite()
    expect((await users.createUser(typed, 'correct horse')).username).toBe(normal)
    for (const name of [normal, typed]) {
      await expect(users.createUser(name, 'another')).rejects.toThrow(UsernameTaken)
    }
    expect(await users.authenticate({ username: normal, password: 'another' })).toBeNull()
    expect((await users.authenticate({ username: normal, password: 'correct horse' }))?.username).toBe(normal)
    expect(await users.authenticate({ username: typed, password: 'correct horse' })).toBeNull()
  }
})

test('T61: the domain of an address is lower case, and nothing that only looks like an @ makes another one', async () => {
  const { users } = authSite()
  const address = async (email: string): Promise<string> =>
    (await users.createUser(`user${Math.random()}`, null, { email })).email
  expect(await address('Ann@EXAMPLE.com')).toBe('Ann@example.com')
  expect(await address('"a@b"@EXAMPLE.com')).toBe('"a@b"@example.com')
  expect(await address('Ann＠EXAMPLE.com')).toBe('Ann＠EXAMPLE.com')
  expect(await address('Ann@\u212Aelvin.example')).toBe('Ann@kelvin.example')
})

const home = await findDjango()
describe.skipIf('missing' in home)('T61: as a real Django', () => {
  let django: Django
  beforeAll(async () => {
    const settings = { PASSWORD_HASHERS: ['django.contrib.auth.hashers.MD5PasswordHasher'] }
    django = await startDjango({ secretKey: SECRET, settings })
  })
  afterAll(() => django?.stop())

  test('T61: createUser stores, refuses and finds the same names, and authenticate takes the same spellings', async () => {
    const theirs = JSON.parse(await django.python(ask, spellings)) as Outcomes
    const here = await ours()
    const table = ({ created, entered, natural }: Outcomes) =>
      spellings.map((name, i) => ({ name, created: created[i], entered: entered[i], natural: natural[i] }))
    expect(table(here)).toEqual(table(theirs))
    // Not for the emptiness of both.
    expect(here.created.filter((name) => name === 'taken')).toHaveLength(names.length)
    expect(here.entered.filter((name) => name === null)).toHaveLength(names.length)
  })

  test('T61: an address is normalised alike', async () => {
    const addresses = [
      'Ann@EXAMPLE.com',
      ' Ann@EXAMPLE.com ',
      'Ann＠EXAMPLE.com',
      '"a@b"@EXAMPLE.com',
      'Ann@\u212Aelvin.EXAMPLE',
      'no',
      '@',
      '',
    ]
    const program = `
import json
from django.contrib.auth.models import User
print(json.dumps([User.objects.normalize_email(each) for each in args]))`
    const theirs = JSON.parse(await django.python(program, addresses)) as string[]
    const { users } = authSite()
    const here: string[] = []
    for (const [i, email] of addresses.entries()) here.push((await users.createUser(`user${i}`, null, { email })).email)
    expect(here).toEqual(theirs)
  })
})
