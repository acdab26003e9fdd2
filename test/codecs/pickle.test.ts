import { expect, test } from 'vitest'
import { pickleCodec } from '../../src/codecs/pickle.js'
import { PickleRefused, SessionTooLarge } from '../../src/errors.js'
import { python } from '../support/python.js'

const cells = (data: Record<string, string>) => new Map(Object.entries(data))
const codec = pickleCodec()

test('a session comes back as it was, in order and to the byte', () => {
  const session = new Map([
    ['b', '1.0'],
    ['10', '1152921504606846977'],
    ['__proto__', '{"__proto__":null}'],
    ['é"\ud800', '"\\u00e9\\ud800"'],
    ['a', '[true,NaN,-0.0]'],
  ])
  expect([...(codec.decode(codec.encode(session)) ?? [])]).toEqual([...session])
  expect(codec.decode(codec.encode(new Map()))?.size).toBe(0)
})

test('bytes that are no pickle of a dict are null', () => {
  for (const text of ['', '{}', 'I1\n.', ']K\x01a.', '(K\x01'])
    expect(codec.decode(Buffer.from(text, 'latin1'))).toBeNull()
})

test('bytes are read where they lie in a larger buffer', () => {
  const bytes = codec.encode(cells({ a: '1' }))
  const larger = new Uint8Array(bytes.length + 20).fill(0x2e)
  larger.set(bytes, 7)
  expect(codec.decode(larger.subarray(7, 7 + bytes.length))).toEqual(cells({ a: '1' }))
})

test('what we wrote shares no memory with what else is written', () => {
  const first = codec.encode(cells({ a: '1' }))
  const copy = Uint8Array.from(first)
  for (let i = 0; i < 100; i++) codec.encode(cells({ a: `"${i}"` }))
  expect(Uint8Array.from(first)).toEqual(copy)
  expect(first.buffer.byteLength).toBe(first.length)
})

test('a refusal names the kind of thing, and nothing of what is stored', () => {
  const program = `
import base64, datetime, pickle
class Secret: pass
value = Secret(); value.password = 'hunter2'
for data in ({'token': b'hunter2'}, {'token': value}, {'token': {'hunter2'}}, {'token': datetime.date(1999, 9, 9)}):
    print(base64.b64encode(pickle.dumps(data, 5)).decode())
`
  const kinds = [
    /bytes \(SHORT_BINBYTES\)/,
    /class or function \(STACK_GLOBAL\)/,
    /a set \(EMPTY_SET\)/,
    /STACK_GLOBAL/,
  ]
  const refusals = python(program, []).map((base64) => {
    try {
      return codec.decode(Buffer.from(base64, 'base64'))
    } catch (error) {
      return error
    }
  })
  expect(refusals).toHaveLength(kinds.length)
  for (const [i, refusal] of refusals.entries()) {
    expect(refusal).toBeInstanceOf(PickleRefused)
    const { message, code, status } = refusal as PickleRefused
    expect(message).toMatch(kinds[i] ?? 'more kinds')
    expect(message).not.toMatch(/hunter2|Secret|password|token|1999/)
    expect([code, status]).toEqual(['pickle_refused', 500])
  }
})

test('a session past sessionMaxBytes is refused when it is written and when it is read', () => {
  const session = cells({ big: `"${'x'.repeat(100)}"` })
  const small = pickleCodec({ sessionMaxBytes: 50 })
  expect(() => small.encode(session)).toThrow(SessionTooLarge)
  expect(() => small.encode(session)).toThrow(/'big'/)
  expect(() => small.decode(codec.encode(session))).toThrow(SessionTooLarge)
  const exact = pickleCodec({ sessionMaxBytes: 110 })
  expect(exact.decode(exact.encode(session))).toEqual(session)
  expect(() => pickleCodec({ sessionMaxBytes: 109 }).encode(session)).toThrow(SessionTooLarge)
})
