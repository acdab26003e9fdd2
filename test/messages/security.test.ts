import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sojourn } from '../../src/adapters/node.js'
import { decodeList, decodeText, encodeList, encodeText } from '../../src/messages/encode.js'
import { getMessages, messages } from '../../src/messages/index.js'
import { Client } from '../../src/testing/client.js'
import { serve } from '../../src/testing/serve.js'
import { cookieSigner } from '../../src/wire/signed-cookie.js'
import { TimestampSigner } from '../../src/wire/signing.js'
import { SECRET } from '../support/sites.js'
import { anyText } from '../wire/arbitraries.js'
import { messagesSite, Visitor } from './visits.js'

const SALT = 'django.contrib.messages'
const rows = [['__json_message', 0, 20, 'hello', '']]
const signed = (value: unknown, key = SECRET, salt = SALT): string => cookieSigner({ key }, salt).signObject(value)

describe('T21: header injection', () => {
  const attacks = [
    'x\r\nSet-Cookie: sessionid=stolen',
    'x\n\n<script>',
    'x; Domain=evil.example; Path=/',
    '"\\"; Max-Age=9',
    'x\u0000\u0085\u2028\u010d\u010a',
  ]

  test.each(attacks)('through %j in text and tags gives one cookie line, which decodes back', async (attack) => {
    const visitor = new Visitor(messagesSite())
    const { response } = await visitor.visit((request) => messages.info(request, attack, { extraTags: attack }))
    expect(response.cookies).toHaveLength(1)
    expect(response.cookies[0]).toMatch(/^messages=[\w.:-]+; HttpOnly; Path=\/; SameSite=Lax$/)
    const { result } = await visitor.visit((request) => [...getMessages(request)])
    expect(result).toMatchObject([{ message: attack, extraTags: attack, tags: `${attack} info` }])
  })

  test('stays out of what Node sends', async () => {
    const middleware = sojourn({
      secretKey: SECRET,
      sessionEngine: 'memory',
      databases: { default: 'sqlite::memory:' },
    })
    const served = await serve(
      middleware.handle((request, response) => {
        if (request.url === '/') return response.end(JSON.stringify(getMessages(request)))
        for (const attack of attacks) messages.info(request, attack, { extraTags: attack })
        return response.writeHead(302, { Location: '/' }).end()
      }),
    )
    const client = new Client(served.origin)
    try {
      const added = await client.get('/add')
      expect([added.status, added.setCookies.length]).toEqual([302, 1])
      const shown = (await client.get('/')).json<{ message: string; extraTags: string }[]>()
      expect(shown.map(({ message }) => message)).toEqual(attacks)
      expect(shown.map(({ extraTags }) => extraTags)).toEqual(attacks)
      expect((await client.get('/')).text).toBe('[]')
    } finally {
      client.close()
      await served.close()
      await middleware.site.close()
    }
  })
})

describe('a cookie that is not ours', () => {
  const foreign: readonly (readonly [string, string])[] = [
    ['cut short', signed(rows).slice(0, -1)],
    ['signed with another key', signed(rows, 'another')],
    ['signed under another salt', signed(rows, SECRET, 'django.contrib.sessions.SessionStore')],
    ['signed with the bare secret', new TimestampSigner({ key: SECRET, salt: SALT }).signObject(rows)],
    ['without a signature', Buffer.from(JSON.stringify(rows)).toString('base64url')],
    ['empty', ''],
    ['rubbish', '.:%00"'],
  ]

  test.each(foreign)('has no messages and is taken away once read: %s', async (_, value) => {
    const visitor = new Visitor(messagesSite())
    visitor.cookies.set('messages', value)
    expect(await visitor.shown()).toEqual([])
    expect(visitor.cookies.header('/')).toBe('')
  })

  test.each(foreign)('gives way to a message that is added: %s', async (_, value) => {
    const visitor = new Visitor(messagesSite())
    visitor.cookies.set('messages', value)
    await visitor.visit((request) => messages.info(request, 'ours'))
    expect(await visitor.shown()).toEqual(['ours'])
  })

  test('differs from one that an older key signed, which is read', async () => {
    const visitor = new Visitor(messagesSite({ secretKey: 'the new key', secretKeyFallbacks: [SECRET] }))
    visitor.cookies.set('messages', signed(rows))
    expect(await visitor.shown()).toEqual(['hello'])
  })
})

describe('a signed cookie', () => {
  test.each([
    ['a dictionary', {}],
    ['a text', '__messagesnotfinished__'],
    ['null', null],
    ['no messages', ['x', 7, null, {}, [], ['x', 0, 20, 'x'], ['__json_message'], ['__json_message', 0, 2.5, 'x']]],
    ['a message whose text is none', [['__json_message', 0, 20, { toString: 'x' }]]],
  ])('that holds %s shows nothing', async (_, value) => {
    const visitor = new Visitor(messagesSite())
    visitor.cookies.set('messages', signed(value))
    expect(await visitor.shown()).toEqual([])
  })

  test('without tags, as Django 3.2 writes it, is read', async () => {
    const visitor = new Visitor(messagesSite())
    visitor.cookies.set('messages', signed([['__json_message', 1, 40, '<b>x</b>']]))
    const { result } = await visitor.visit((request) => [...getMessages(request)])
    expect(result).toMatchObject([{ level: 40, message: '<b>x</b>', extraTags: null, tags: 'error', safe: true }])
  })
})

test('tags that are no text are none', async () => {
  const visitor = new Visitor(messagesSite())
  visitor.cookies.set('messages', signed([['__json_message', 0, 20, 'x', { toString: 'x' }]]))
  const { result } = await visitor.visit((request) => [...getMessages(request)])
  expect(result).toMatchObject([{ extraTags: null, tags: 'info' }])
})

describe('T32: prototype keys', () => {
  test('as text and tags are data', async () => {
    const visitor = new Visitor(messagesSite())
    const names = ['__proto__', 'constructor', 'prototype']
    await visitor.visit((request) => {
      for (const name of names) messages.info(request, name, { extraTags: name })
    })
    const { result } = await visitor.visit((request) => [...getMessages(request)].map(({ tags }) => tags))
    expect(result).toEqual(names.map((name) => `${name} info`))
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})

test('any messages come back as they were, from the cookie and from the session', () => {
  const message = fc.record({
    level: fc.integer({ min: 0, max: 1000 }),
    message: anyText,
    extraTags: fc.option(anyText),
    safe: fc.boolean(),
  })
  const signer = cookieSigner({ key: SECRET }, SALT)
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.boolean(), (list, complete) => {
      const cookie = signer.signObject(encodeList({ messages: list, complete }), { compress: true })
      expect(cookie).toMatch(/^[\w.:-]+$/)
      expect(decodeList(signer.unsignObject(cookie))).toEqual({ messages: list, complete })
      expect(decodeText(encodeText(list))).toEqual({ messages: list, complete: true })
    }),
  )
})
