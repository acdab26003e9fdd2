import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionValueError } from '../../src/errors.js'
import { encodeJson, isNested, joinObject, parseJson, splitObject } from '../../src/wire/json.js'
import { hasEscapedKey } from '../../src/wire/json-string.js'
import { newestCases, readVectors } from '../vectors/runner.js'
import { anyText, hostileKey, jsonValue, objectOf, sameValue } from './arbitraries.js'

const sessions = newestCases(readVectors(new URL('../vectors/vectors.json', import.meta.url)))
  .filter(({ kind }) => kind === 'session_encode')
  .map(({ expected }) => (expected as { json_after: string }).json_after)

test('any value is written in ASCII and read back as it was', () => {
  fc.assert(
    fc.property(jsonValue, (value) => {
      const text = encodeJson(value)
      expect(text).toMatch(/^[ -~]*$/)
      expect(sameValue(parseJson(text), value)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('any object is split into cells and joined again to the same text, hostile keys and all', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(hostileKey, jsonValue), { maxLength: 8 }), (pairs) => {
      const values = new Map(pairs)
      const cells = new Map([...values].map(([key, value]) => [key, encodeJson(value)]))
      const text = joinObject(cells)
      expect([...splitObject(text)!]).toEqual([...cells])
      expect(joinObject(splitObject(text)!)).toBe(text)
      expect(sameValue(parseJson(text), objectOf(values))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('blanks around keys and values are no part of them', () => {
  fc.assert(
    fc.property(jsonValue, fc.constantFrom(' ', '\n', '\r\n\t', ''), (value, blank) => {
      const cell = encodeJson(value)
      const text = `${blank}{${blank}"a"${blank}:${blank}${cell}${blank},${blank}"b"${blank}:${blank}1${blank}}${blank}`
      expect([...splitObject(text)!]).toEqual([
        ['a', cell],
        ['b', '1'],
      ])
    }),
  )
})

test('a text is an object to splitObject just when it is one to JSON.parse, as far as the top level goes', () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '"a"',
    '"',
    ':',
    ',',
    '1',
    '-',
    'true',
    'nul',
    ' ',
    '\\',
    '0',
    '.5',
    '"b":2',
  )
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 8 }), (fragments) => {
      const text = '{"x":1,' + fragments.join('') + '}'
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      const cells = splitObject(text)
      if (valid) expect(cells).not.toBeNull()
      else if (cells !== null) expect([...cells.values()].some((cell) => !isJson(cell))).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test.each([
  '',
  ' ',
  '[]',
  '"{}"',
  'null',
  '{',
  '{}}',
  '{} x',
  '{,}',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a":1 "b":2}',
  '{"a":1',
  '{"a:1}',
  '{"a":"b}',
  '{"a":"b\\"}',
  '{"a":[1}',
  '{"a":01}',
  '{"a":1.}',
  '{"a":+1}',
  '{"a":tru}',
  '{"a":trueish}',
  '{a:1}',
  '{"\\x":1}',
  '{"a":1}\u00a0',
])('no object, so no cells: %j', (text) => {
  expect(splitObject(text)).toBeNull()
})

test('keys like integers keep their order, and a key that comes twice its first place and last value', () => {
  const cells = splitObject('{"10":1,"9":2,"a":3,"10":4,"\\u0061":5}')
  expect([...cells!]).toEqual([
    ['10', '4'],
    ['9', '2'],
    ['a', '5'],
  ])
})

test('T32 __proto__, constructor and prototype are data, at the top and nested, and no prototype changes', () => {
  const text = '{"__proto__":{"x":1},"constructor":{"prototype":{"x":2}},"prototype":[{"__proto__":{"x":3}}]}'
  const cells = splitObject(text)!
  expect([...cells.keys()]).toEqual(['__proto__', 'constructor', 'prototype'])
  expect(joinObject(cells)).toBe(text)
  for (const cell of cells.values()) expect(encodeJson(parseJson(cell))).toBe(cell)
  expect(encodeJson(parseJson(text))).toBe(text)
  // The same on the way of Python's own words, which JSON.parse refuses.
  const odd = '{"__proto__":{"x":NaN},"a":[{"__proto__":1.0}]}'
  const value = parseJson(odd)
  expect(Object.keys(value as object)).toEqual(['__proto__', 'a'])
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(encodeJson(value, odd)).toBe(odd)
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
})

test('T33 a payload of 100,000 keys like integers is split about as fast as one of other keys', () => {
  const best = (keyOf: (i: number) => string): number => {
    const text = joinObject(new Map(Array.from({ length: 100_000 }, (_, i) => [keyOf(i), '1'])))
    return Math.min(...Array.from({ length: 3 }, () => timed(() => splitObject(text))))
  }
  // Multiples of 2^15 fall together in a table that takes an integer's low bits for its hash; quadratic would be 1,000 times.
  expect(best((i) => String(i * 32_768))).toBeLessThan(20 * best((i) => `key${i}x`) + 20)
})

test('a long text of quotes, backslashes or brackets is split in linear time', () => {
  for (const unit of ['\\"', '\\\\', '[]', '{"a":[', '"', '",', ' ', '\\']) {
    const timeOf = (length: number): number => {
      const text = '{"a":[' + unit.repeat(length / unit.length)
      return Math.min(...Array.from({ length: 5 }, () => timed(() => splitObject(text))))
    }
    timeOf(4096)
    expect(timeOf(1024 * 256), unit).toBeLessThan(64 * 8 * timeOf(4096) + 20)
  }
})

function timed(action: () => unknown): number {
  const start = performance.now()
  action()
  return performance.now() - start
}

test('numbers are written so that Python reads what JavaScript has', () => {
  const written = [0, -0, 1, -1.5, 1e16, 1e21, 1e22, 1e-4, 1e-5, 1.5e-7, -5e-324, 1e100, 0.1, 2 ** 53 + 2].map((n) =>
    encodeJson(n),
  )
  expect(written).toEqual([
    '0',
    '-0.0',
    '1',
    '-1.5',
    '10000000000000000',
    '1e+21',
    '1e+22',
    '0.0001',
    '1e-05',
    '1.5e-07',
    '-5e-324',
    '1e+100',
    '0.1',
    '9007199254740994',
  ])
  expect(encodeJson([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe('[NaN,Infinity,-Infinity]')
  expect(encodeJson([2n ** 53n + 1n, -(2n ** 70n)])).toBe('[9007199254740993,-1180591620717411303424]')
})

test('text is escaped as Python does: lower case, DEL too, the slash raw', () => {
  expect(encodeJson('\0\b\t\n\v\f\r"\\/\x7f\x80é\u2028\ud83d\ude00\ud800')).toBe(
    '"\\u0000\\b\\t\\n\\u000b\\f\\r\\"\\\\/\\u007f\\u0080\\u00e9\\u2028\\ud83d\\ude00\\ud800"',
  )
  fc.assert(fc.property(anyText, (text) => JSON.parse(encodeJson(text)) === text))
})

test('numbers that did not change keep the spelling they came with, wherever they are', () => {
  const original = '{"a":1.0,"b":[1152921504606846977,{"c":1e+22,"d":-0.0}],"n":NaN,"e":7}'
  const value = parseJson(original) as { a: number; b: [number, { c: number; d: number }]; e: number; f?: number }
  expect(encodeJson(value, original)).toBe(original)
  value.e = 8
  value.b[1].d = 2
  value.f = 1
  expect(encodeJson(value, original)).toBe('{"a":1.0,"b":[1152921504606846977,{"c":1e+22,"d":2}],"n":NaN,"e":8,"f":1}')
  expect(encodeJson({ a: 2, b: 'x' }, original)).toBe('{"a":2,"b":"x"}')
  expect(encodeJson([1], original)).toBe('[1]')
  expect(encodeJson({ b: [0, { d: 0 }] }, original)).toBe('{"b":[0,{"d":0}]}')
  expect(encodeJson({ a: 1 }, 'no JSON 1.0')).toBe('{"a":1}')
})

test('every cell of every session Django wrote is read and written again to the same text', () => {
  expect(sessions.length).toBeGreaterThan(40)
  for (const session of sessions) {
    for (const cell of splitObject(session)!.values()) {
      expect(sameValue(parseJson(encodeJson(parseJson(cell), cell)), parseJson(cell))).toBe(true)
      if (!/"\d+":/.test(cell)) expect(encodeJson(parseJson(cell), cell)).toBe(cell)
    }
  }
})

test("Python's bare words are read, and only those", () => {
  expect(parseJson('[NaN,Infinity,-Infinity,"NaN",{"a":NaN}]')).toEqual([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    'NaN',
    { a: Number.NaN },
  ])
  for (const text of [
    '',
    'nan',
    '-NaN',
    '+Infinity',
    '[NaN',
    '[NaN,]',
    '{"a":NaN,}',
    'NaN NaN',
    '{NaN:1}',
    '["NaN]',
    'undefined',
  ]) {
    expect(() => parseJson(text), text).toThrow(SessionValueError)
  }
  expect(() => parseJson('[NaN' + '['.repeat(100_000))).toThrow(SessionValueError)
  expect(parseJson('['.repeat(1000) + 'NaN' + ']'.repeat(1000))).toBeInstanceOf(Array)
  expect(() => parseJson('['.repeat(1001) + 'NaN' + ']'.repeat(1001))).toThrow(SessionValueError)
})

test('an error about malformed JSON does not quote it', () => {
  expect(() => parseJson('{"password":"hunter2"')).toThrow(/^((?!hunter2).)*$/)
})

test('dates and whatever has toJSON are written as it says', () => {
  expect(encodeJson({ at: new Date(0), x: { toJSON: () => ({ deep: [1n] }) } })).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","x":{"deep":[1]}}',
  )
})

class Account {
  readonly secret = 'hunter2'
}

test.each<[string, unknown, string]>([
  ['a function', { a: { b: [1, () => 'hunter2'] } }, 'a.b[1] is a function'],
  ['a symbol', { a: Symbol('hunter2') }, 'a is a symbol'],
  ['undefined in an object', { a: undefined }, 'a is undefined'],
  ['undefined in an array', [undefined], '[0] is undefined'],
  ['undefined', undefined, 'The value is undefined'],
  ['a hole', Array.from<unknown>({ length: 1 }).concat(new Array(1)), '[0] is undefined'],
  ['a Map', { 'a key': new Map([['x', 'hunter2']]) }, '["a key"] is an instance of Map'],
  ['a Set', new Set(['hunter2']), 'The value is an instance of Set'],
  ['bytes', { a: new Uint8Array(2) }, 'a is an instance of Uint8Array'],
  ['a Buffer, though it has toJSON', { a: Buffer.from('hunter2') }, 'a is an instance of Buffer'],
  ['a promise', { a: Promise.resolve('hunter2') }, 'a is an instance of Promise'],
  ['a class instance', { user: new Account() }, 'user is an instance of Account'],
  ['a boxed text', { a: Object('hunter2') }, 'a is an instance of String'],
])('%s cannot be stored, and the error names its place without its content', (_, value, place) => {
  expect(() => encodeJson(value)).toThrow(SessionValueError)
  expect(() => encodeJson(value)).toThrow(place)
  expect(() => encodeJson(value)).toThrow(/^((?!hunter2).)*$/)
})

test('64 levels are written, 65 and what contains itself are refused', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
  expect(encodeJson(nested(64))).toBe('['.repeat(64) + '1' + ']'.repeat(64))
  expect(() => encodeJson(nested(65))).toThrow(SessionValueError)
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  expect(() => encodeJson(loop)).toThrow(/^The value at self contains itself\. /)
  expect(() => encodeJson({ a: [{ b: loop }] })).toThrow(/^The value at a\[0\]\.b\.self contains itself\. /)
})

test('a path of many steps is shortened, of what nests too deep and of what contains itself after a while', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })
  expect(() => encodeJson(deep(65))).toThrow(/^The value at a\.a\.a\.a\.a\.a\.\.\. nests deeper than 64 levels\. Store/)
  const loop: Record<string, unknown> = {}
  loop['a'] = { a: { a: { a: { a: { a: { a: { a: loop } } } } } } }
  expect(() => encodeJson(loop)).toThrow(/^The value at a\.a\.a\.a\.a\.a\.\.\. contains itself\. /)
})

test('objects without a prototype and of another realm are plain', async () => {
  const { runInNewContext } = await import('node:vm')
  expect(encodeJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}')
  expect(encodeJson(runInNewContext('({ a: [1], b: {} })'))).toBe('{"a":[1],"b":{}}')
})

test('nested is what begins with a bracket', () => {
  expect(['{}', '[1]', '"{"', '1', 'null', ''].map(isNested)).toEqual([true, true, false, false, false, false])
})

test('a key written with an escape is read as itself, also by V8 13.6, which mixes it up with others', () => {
  for (const other of ['\\', '\n', '\u00e9']) JSON.parse(JSON.stringify({ [other]: 1 }))
  JSON.parse('{"\\\\":1}')
  expect(Object.keys(parseJson('{"\\u2028":1}') as object)).toEqual(['\u2028'])
})

test('an escape counts where it is in a key, and nowhere else', () => {
  for (const text of ['{"\\n":1}', '{"a":"x","b\\"":[]}', '[{"c":{"\\\\" : 1}}]'])
    expect(hasEscapedKey(text)).toBe(true)
  for (const text of ['{"a":"\\n"}', '["\\u00e9",":"]', '{"a":"\\": ","b":1}', '{}', '"\\'])
    expect(hasEscapedKey(text)).toBe(false)
})
