import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonCodec } from '../../src/codecs/json.js'
import { SessionTooLarge } from '../../src/errors.js'
import { encodeJson } from '../../src/wire/json.js'
import { hostileKey, jsonValue } from '../wire/arbitraries.js'

const codec = jsonCodec()

test('a session comes back as it was, in order and to the byte', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(hostileKey, jsonValue), { selector: ([key]) => key }), (pairs) => {
      const session = new Map(pairs.map(([key, value]) => [key, encodeJson(value)]))
      expect([...(codec.decode(codec.encode(session)) ?? [])]).toEqual([...session])
    }),
  )
})

test('what is stored is the JSON text itself, in UTF-8', () => {
  const session = new Map([
    ['a', '[1, 2.0]'],
    ['é', '"ключ"'],
  ])
  expect(Buffer.from(codec.encode(session)).toString()).toBe('{"a":[1, 2.0],"\\u00e9":"ключ"}')
  expect(codec.decode(codec.encode(session))).toEqual(session)
})

test('bytes that are no JSON object are null', () => {
  const texts = ['', '[]', '1', '{"a"}', '{"a":1', '{"a":1}x', '\ufeff{}', '\x80\x04}.']
  for (const text of texts) expect(codec.decode(Buffer.from(text)), text).toBeNull()
  expect(codec.decode(Buffer.from('{"a":"\xff"}', 'latin1'))).toBeNull()
  expect(codec.decode(Buffer.from(' {} '))?.size).toBe(0)
})

test('a session past sessionMaxBytes is refused when it is written and when it is read', () => {
  const session = new Map([['big', `"${'é'.repeat(20)}"`]])
  const bytes = codec.encode(session)
  expect(bytes).toHaveLength(50)
  expect(jsonCodec({ sessionMaxBytes: 50 }).decode(bytes)).toEqual(session)
  const small = jsonCodec({ sessionMaxBytes: 49 })
  expect(() => small.encode(session)).toThrow(/'big'/)
  expect(() => small.decode(bytes)).toThrow(SessionTooLarge)
})
