import { inspect } from 'node:util'
import * as v from 'valibot'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { z as z3 } from 'zod/v3'
import type { SessionSchema } from '../../src/core/session-schema.js'
import type { Session } from '../../src/core/session-types.js'
import type { Site } from '../../src/core/site.js'
import type { Cells } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { ImproperlyConfigured, ReservedName, SessionSchemaMismatch, SessionValueError } from '../../src/errors.js'
import { bareSite } from '../support/sites.js'

const item = { name: z.string(), price: z.number() }
const schemas = {
  zod: z.object({ username: z.string(), cart: z.array(z.object(item)), theme: z.enum(['light', 'dark']).optional() }),
  valibot: v.object({
    username: v.string(),
    cart: v.array(v.object({ name: v.string(), price: v.number() })),
    theme: v.optional(v.picklist(['light', 'dark'])),
  }),
} as const

/** A site, and a session whose data an earlier deployment or a Django stored: the texts, as they are. */
async function stored(sessionSchema: SessionSchema, texts: Readonly<Record<string, string>>) {
  const engine = memoryEngine()
  const key = 'a0123456789012345678901234567890'
  await engine.create(key, { cells: new Map(Object.entries(texts)), expires: Date.now() + 60_000 })
  const site = bareSite({ engine, sessionSchema })
  const heard: { name: string; issues: () => readonly object[] }[] = []
  site.on('session_schema_mismatch', (event) => heard.push(event))
  const cells = async (): Promise<Cells | undefined> => (await engine.load(key))?.cells
  return { site, heard, cells, open: () => site.sessions.open(key) }
}

function opened(sessionSchema: SessionSchema): Session {
  return bareSite({ sessionSchema }).sessions.open()
}

/** What is thrown, for a look at it. */
function thrown(run: () => unknown): SessionSchemaMismatch {
  try {
    run()
  } catch (error) {
    if (error instanceof SessionSchemaMismatch) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(Object.entries(schemas))('with a schema of %s', (_, schema) => {
  test('what does not fit is refused where it is put in, by each way in, and what was there stays', () => {
    const session = opened(schema)
    session.username = 'john_doe'
    const ways: readonly ((value: unknown) => unknown)[] = [
      (value) => {
        session.username = value
      },
      (value) => session.set('username', value),
      (value) => session.update({ username: value }),
      (value) => Object.defineProperty(session, 'username', { value }),
    ]
    for (const way of ways) {
      expect(() => way(1)).toThrow(SessionSchemaMismatch)
      way('jane_doe')
      expect(session.username).toBe('jane_doe')
    }
    expect(() => session.setDefault('theme', 'blue')).toThrow(SessionSchemaMismatch)
    expect('theme' in session).toBe(false)
    expect(session.setDefault('theme', 'dark')).toBe('dark')
  })

  test('each key may be missing, whatever the schema requires', async () => {
    const session = opened(schema)
    session.theme = 'dark'
    await session.save()
    expect({ ...session }).toEqual({ theme: 'dark' })
  })

  test('a nested value that no longer fits is refused at the save, and nothing of it is stored', async () => {
    const { open, cells } = await stored(schema, { cart: '[{"name": "book", "price": 12.0}]', username: '"ann"' })
    const session = open()
    const cart = session.cart as { name: string; price: unknown }[]
    ;(cart[0] as { price: unknown }).price = 'free'
    session.username = 'bob'
    const saved = session.save()
    await expect(saved).rejects.toThrow(SessionSchemaMismatch)
    await expect(saved).rejects.toMatchObject({ issues: [{ path: expect.anything() }] })
    expect((await cells())?.get('username')).toBe('"ann"')
    ;(cart[0] as { price: unknown }).price = 5
    await session.save()
    expect((await cells())?.get('cart')).toBe('[{"name":"book","price":5}]')
  })

  test('what is stored and does not fit reads as missing, in every way of reading, and the rest is there', async () => {
    const { open, heard } = await stored(schema, { cart: '"3 books"', username: '"ann"', other: '{"a": 1.0}' })
    const session = open()
    expect(session.cart).toBeUndefined()
    expect(session.get('cart', 'none')).toBe('none')
    expect('cart' in session).toBe(false)
    expect(session.has('cart')).toBe(false)
    expect(Object.keys(session)).toEqual(['username', 'other'])
    expect([...session]).toEqual([
      ['username', 'ann'],
      ['other', { a: 1 }],
    ])
    expect({ ...session }).toEqual({ username: 'ann', other: { a: 1 } })
    expect(session.modified).toBe(false)
    expect(heard.map(({ name }) => name)).toEqual(['cart'])
    expect(heard[0]?.issues()).toMatchObject([{ message: expect.stringMatching(/array/i) }])
  })

  test('what does not fit stays stored to the byte, until its key is written', async () => {
    const texts = {
      cart: '"3  books"',
      _auth_user_id: '"1"',
      other: '{"a": 1.0, "b": 12345678901234567890}',
      username: '"ann"',
    }
    const { open, cells } = await stored(schema, texts)
    const session = open()
    void [session.cart, session.other, session._auth_user_id]
    session.username = 'bob'
    await session.save()
    expect(Object.fromEntries((await cells()) ?? [])).toEqual({ ...texts, username: '"bob"' })
    session.cart = []
    await session.save()
    expect((await cells())?.get('cart')).toBe('[]')
  })

  test.each<[string, (session: Session) => unknown]>([
    ['delete', (session) => session.delete('cart')],
    ['delete as a property', (session) => delete session['cart']],
    ['pop', (session) => session.pop('cart', 'none') === 'none'],
  ])('what does not fit is removed by %s', async (_name, remove) => {
    const { open, cells } = await stored(schema, { cart: '"3 books"', username: '"ann"' })
    const session = open()
    expect(remove(session)).toBe(true)
    await session.save()
    expect([...((await cells()) ?? [])]).toEqual([['username', '"ann"']])
  })

  test('a transaction is checked as everything else', async () => {
    const { open, cells } = await stored(schema, { cart: '"3 books"', username: '"ann"' })
    const session = open()
    await expect(session.transact((own) => own.set('username', 1))).rejects.toThrow(SessionSchemaMismatch)
    await session.transact((own) => own.setDefault('cart', []))
    expect((await cells())?.get('cart')).toBe('[]')
    expect(session.cart).toEqual([])
  })
})

describe('a schema', () => {
  /** Counts what it is asked. */
  function counting(): { readonly schema: SessionSchema; readonly asked: object[] } {
    const asked: object[] = []
    const validate = (value: unknown) => {
      asked.push(value as object)
      return {}
    }
    return { schema: { '~standard': { version: 1, vendor: 'test', validate } }, asked }
  }

  test('is asked of what is read, of nothing else, and once for each text', async () => {
    const { schema, asked } = counting()
    const { open } = await stored(schema, { a: '1', b: '{}', _messages: '"x"' })
    asked.length = 0
    const session = open()
    await session.load()
    expect(session.isEmpty()).toBe(false)
    expect(asked).toEqual([])
    void [session.a, session.a, session.has('a'), session._messages, session.missing]
    expect(asked).toEqual([{ a: 1 }])
    session.c = true
    session.getExpiryAge()
    await session.save()
    await session.save()
    expect(asked.slice(1)).toEqual([{ c: true }, { c: true }])
    void [session.c, session.c]
    expect(asked.length).toBe(3)
  })

  test('sees what a value will be read as, not only what was put in', async () => {
    const session = opened(z.object({ since: z.date() }))
    session.since = new Date(0)
    await expect(session.save()).rejects.toThrow(SessionSchemaMismatch)
  })

  test('changes nothing: no default, no transformation', async () => {
    const schema = z.object({ visits: z.coerce.number().default(7), name: z.string().trim() })
    const { open, cells } = await stored(schema, { visits: '"3"', name: '" ann "' })
    const session = open()
    expect([session.visits, session.name, session.other]).toEqual(['3', ' ann ', undefined])
    session.name = ' bob '
    await session.save()
    expect((await cells())?.get('name')).toBe('" bob "')
    expect(opened(schema).get('visits', 1)).toBe(1)
  })

  test('that is strict refuses other keys, but none of sojourn and Django', async () => {
    const schema = z.strictObject({ username: z.string() })
    const { open, heard } = await stored(schema, { _auth_user_id: '"1"', _of_django: '[]', other: '1' })
    const session = open()
    expect(session._auth_user_id).toBe('1')
    expect(session._of_django).toEqual([])
    session.setTestCookie()
    session.setExpiry(60)
    await session.save()
    expect(session.testCookieWorked()).toBe(true)
    expect(() => session.set('usename', 'ann')).toThrow(SessionSchemaMismatch)
    expect(() => session.set('testcookies', 'worked')).toThrow(SessionSchemaMismatch)
    expect(session.other).toBeUndefined()
    expect(heard.map(({ name }) => name)).toEqual(['other'])
  })

  test('comes after the rules of every session', () => {
    const session = opened(schemas.zod)
    expect(() => session.set('username', undefined)).toThrow(SessionValueError)
    expect(() => session.set('_auth_user_id', '1')).toThrow(ReservedName)
  })

  test('that is null is no schema', () => {
    const session = bareSite({ sessionSchema: null }).sessions.open()
    session.username = 1
    expect(session.username).toBe(1)
  })

  const ofKinds = {
    zod: [z.object({ kind: z.literal('a'), n: z.number() }), z.object({ kind: z.literal('b') })],
    zod3: [z3.object({ kind: z3.literal('a'), n: z3.number() }), z3.object({ kind: z3.literal('b') })],
    valibot: [v.object({ kind: v.literal('a'), n: v.number() }), v.object({ kind: v.literal('b') })],
  } as const

  test.each<[string, SessionSchema]>([
    ['zod', z.object({ kind: z.enum(['a', 'b']), shape: z.discriminatedUnion('kind', ofKinds.zod) })],
    [
      'zod, with a default that it does not take itself',
      z.object({ kind: z.enum(['a', 'b']), shape: z.discriminatedUnion('kind', ofKinds.zod).prefault({} as never) }),
    ],
    ['valibot', v.object({ kind: v.picklist(['a', 'b']), shape: v.variant('kind', ofKinds.valibot) })],
  ])('may have a key whose value is told apart by one of its own: %s', (_, schema) => {
    const session = opened(schema)
    session.set('kind', 'a')
    session.set('shape', { kind: 'a', n: 1 })
    expect(() => session.set('shape', { kind: 'a', n: 'not a number' })).toThrow(SessionSchemaMismatch)
  })

  /** As arktype and zod do: a check that knows the objects it is to choose between, and tells of them in JSON Schema. */
  const described = (words: unknown, result: object = { value: {} }): object => ({
    '~standard': { version: 1, vendor: 'own', validate: () => result, jsonSchema: { input: () => words } },
  })
  const objects = [{ type: 'object' }, { type: 'object' }]
  const missingKind = { issues: [{ message: 'kind must be "a" or "b"', path: ['kind'] }] }
  const { validate, ...ofZod } = z.discriminatedUnion('kind', ofKinds.zod)['~standard']
  const beforeZod42 = { '~standard': { ...ofZod, validate, jsonSchema: undefined } }

  const wrong: readonly [string, unknown, string][] = [
    ['no schema', { username: 'string' }, 'must be a Standard Schema of an object'],
    ['text', 'z.object', "it is the text 'z.object'"],
    ['not of an object', z.string(), 'each key must stand for itself'],
    ['of either of two objects', z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), 'each key must'],
    ['one that must not be empty', z.object({}).refine((data) => Object.keys(data).length > 0), 'each key must'],
    ['of objects told apart by a key, of zod', z.discriminatedUnion('kind', ofKinds.zod), 'a union of objects'],
    [
      'that and more, of zod',
      z.object({ a: z.string() }).and(z.discriminatedUnion('kind', ofKinds.zod)),
      'a union of objects',
    ],
    ['of objects told apart by a key, of zod 3', z3.discriminatedUnion('kind', ofKinds.zod3), 'a union of objects'],
    ['of objects told apart by a key, of valibot', v.variant('kind', ofKinds.valibot), 'a union of objects'],
    [
      'that and more, of valibot',
      v.intersect([v.object({ a: v.string() }), v.variant('kind', ofKinds.valibot)]),
      'a union of objects',
    ],
    ['the same of a zod that does not describe itself', beforeZod42, 'a union of objects'],
    [
      'of objects that are all fine without data',
      z.union([
        z.object({ n: z.number().optional(), at: z.date().optional() }),
        z.object({ s: z.string().optional() }),
      ]),
      'a union of objects',
    ],
    ['that says it is one of several', described({ anyOf: objects }, missingKind), 'a union of objects'],
    ['that says it is exactly one of several', described({ oneOf: objects }), 'a union of objects'],
    ['that says so of a part', described({ allOf: [{ type: 'object' }, { anyOf: objects }] }), 'a union of objects'],
    [
      'that says so by a name, which names itself too',
      described({ $ref: '#/$defs/U', $defs: { U: { allOf: [{ $ref: '#/$defs/U' }, { anyOf: objects }] } } }),
      'a union of objects',
    ],
    ['one that answers later', v.objectAsync({ a: v.string() }), 'with a promise'],
  ]
  test.each(wrong)('that cannot be used is refused when the site is made: %s', (_, sessionSchema, message) => {
    const make = (): Site => bareSite({ sessionSchema: sessionSchema as SessionSchema })
    expect(make).toThrow(ImproperlyConfigured)
    expect(make).toThrow(message)
  })

  test.each<[string, unknown]>([
    ['of words for one object', described({ type: 'object', properties: { a: { anyOf: objects } } })],
    ['of two objects at once', described({ allOf: objects })],
    ['of one object, or of nothing', described({ anyOf: [{ type: 'object' }, { type: 'null' }] })],
    ['of a name that names itself', described({ $ref: '#/$defs/U', $defs: { U: { $ref: '#/$defs/U' } } })],
    ['of nothing', described(null)],
    [
      'of an error',
      {
        '~standard': { version: 1, vendor: 'own', validate: () => ({}), jsonSchema: { input: () => JSON.parse('-') } },
      },
    ],
    ['of no words for dates', z.object({ at: z.date(), size: z.bigint().optional() })],
  ])('that describes itself by %s can be used', (_, sessionSchema) => {
    expect(() => bareSite({ sessionSchema: sessionSchema as SessionSchema })).not.toThrow()
  })

  test('that answers later for some key is an error of the settings, and never a pass', async () => {
    const schema = z.object({ username: z.string().refine(async () => false) })
    const { open } = await stored(schema, { username: '"ann"' })
    expect(() => open().username).toThrow(ImproperlyConfigured)
    expect(() => opened(schema).set('username', 'ann')).toThrow('with a promise')
  })
})

test('an update with one value that does not fit changes nothing', () => {
  const session = opened(schemas.zod)
  session.theme = 'dark'
  for (const wrong of [{ cart: 5 }, { fine: undefined }, { _auth_user_id: '1' }]) {
    expect(() => session.update({ theme: 'light', ...wrong })).toThrow()
    expect({ ...session }).toEqual({ theme: 'dark' })
  }
})

test('a check that throws is not said to be asynchronous alone', () => {
  const schema = z.object({
    a: z.string().refine(() => {
      throw new Error('on purpose')
    }),
  })
  expect(() => opened(schema).set('a', 'x')).toThrow('One of its checks is asynchronous, or throws.')
})

test('what another writer stored meanwhile is judged by itself, though its key was judged before', async () => {
  const { site, open } = await stored(schemas.zod, { theme: '"dark"', username: '"ann"' })
  const session = open()
  expect(session.theme).toBe('dark')
  const other = bareSite({ engine: site.engine }).sessions.open(session.sessionKey)
  other.set('theme', 'blue')
  await other.save()
  session.username = 'bob'
  await session.save()
  expect(session.theme).toBeUndefined()
})

describe('nobody is told a value', () => {
  const schema = z.object({ pin: z.string().refine(() => false, { error: ({ input }) => `not ${input}` }) })

  test('who prints the error of a refused write sees the name alone; the issues are for whoever asks', () => {
    const error = thrown(() => opened(schema).set('pin', 'hunter2'))
    expect(error.code).toBe('session_schema_mismatch')
    expect(error.message).toContain("'pin'")
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain('hunter2')
    expect(error.issues[0]?.message).toBe('not hunter2')
  })

  test('where nobody listens a stored value that does not fit is printed once, by its name', async () => {
    const engine = memoryEngine()
    const key = 'a0123456789012345678901234567890'
    await engine.create(key, { cells: new Map([['pin', '"hunter2"']]), expires: Date.now() + 60_000 })
    const site = bareSite({ engine, sessionSchema: schema })
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    for (let i = 0; i < 3; i++) expect(site.sessions.open(key).pin).toBeUndefined()
    expect(printed.mock.calls.map((call) => inspect(call))).toEqual([expect.stringContaining("'pin'")])
    expect(inspect(printed.mock.calls)).not.toContain('hunter2')
  })

  test('where nobody listens fifty names are printed and no more: visitors may choose some', async () => {
    const texts = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`name${n}`, '1']))
    const engine = memoryEngine()
    const key = 'a0123456789012345678901234567890'
    await engine.create(key, { cells: new Map(Object.entries(texts)), expires: Date.now() + 60_000 })
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    expect(Object.keys(bareSite({ engine, sessionSchema: z.strictObject({}) }).sessions.open(key))).toEqual([])
    expect(printed).toHaveBeenCalledTimes(50)
  })

  test('where somebody listens nothing is printed', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const { open, heard } = await stored(schema, { pin: '"hunter2"' })
    expect(open().pin).toBeUndefined()
    expect(heard.length).toBe(1)
    expect(printed).not.toHaveBeenCalled()
  })
})
