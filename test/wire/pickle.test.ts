import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PickleRefused, SessionTooLarge, SessionValueError } from '../../src/errors.js'
import { joinObject, parseJson, splitObject } from '../../src/wire/json.js'
import { quoteString } from '../../src/wire/json-string.js'
import { readPickle } from '../../src/wire/pickle-reader.js'
import { writePickle } from '../../src/wire/pickle-writer.js'
import { floatText } from '../../src/wire/python-number.js'
import { python } from '../support/python.js'
import { anyText, hostileKey } from './arbitraries.js'

const bytesOf = (base64: string | undefined): Uint8Array => Buffer.from(base64 ?? '', 'base64')
const bytes = (...parts: readonly (string | number | Uint8Array)[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.of(part) : typeof part === 'string' ? Buffer.from(part, 'latin1') : part,
    ),
  )
const read = (pickle: Uint8Array, max?: number): string | null => {
  const cells = readPickle(pickle, max)
  return cells === null ? null : joinObject(cells)
}

/** Numbers as JSON texts, near every border that pickle's number forms have. */
const number = fc.oneof(
  fc.double().map(floatText),
  fc.integer({ min: -70_000, max: 70_000 }).map(String),
  fc
    .tuple(fc.integer({ min: 6, max: 2100 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([bits, more, minus]) => String((minus ? -1n : 1n) * (1n << BigInt(bits)) + BigInt(more))),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.constantFrom('-0', '-0.0', '1E5', '1e-5', '1.50', '1e16', '1e400', 'NaN', 'Infinity', '-Infinity', '123456789.0'),
)

/** JSON texts as Python reads them: keys that come twice, blanks and text that is not ASCII included. */
const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.oneof(number, anyText.map(quoteString), fc.constantFrom('true', 'false', 'null', '"ключ \u{1f36a}"', '"\\/"')),
    fc.array(tie('value'), { maxLength: 5 }).map((values) => `[${values.join(', ')}]`),
    fc.array(fc.tuple(hostileKey, tie('value')), { maxLength: 5 }).map(objectText),
  ),
}))

function objectText(pairs: readonly (readonly [string, string])[]): string {
  return `{${pairs.map(([key, value]) => `${quoteString(key)} : ${value}`).join(',\t')} }`
}

const DICTS = [
  '{}',
  objectText([['list', `[${Array.from({ length: 2500 }, (_, i) => i).join(',')}]`]]),
  objectText(Array.from({ length: 2500 }, (_, i): [string, string] => [`key ${i}`, `[${i}, {"a": "text ${i}"}]`])),
  objectText([
    ['long', quoteString('x'.repeat(70_000))],
    ['255', quoteString('y'.repeat(255))],
    ['256', quoteString('z'.repeat(256))],
    ['é', quoteString('é'.repeat(200))],
  ]),
  objectText([['deep', '['.repeat(300) + ']'.repeat(300)]]),
  objectText([['wide', String(10n ** 4299n)]]),
  ...fc.sample(fc.array(fc.tuple(hostileKey, jsonText), { maxLength: 6 }).map(objectText), {
    numRuns: 1500,
    seed: 20_260_101,
  }),
]

const DUMPS = `
import base64, json, pickle, pickletools, io, sys
def fast(data):
    out = io.BytesIO()
    pickler = pickle.Pickler(out, 4)
    pickler.fast = True
    pickler.dump(data)
    return out.getvalue()
for line in sys.stdin.buffer.read().decode().split('\\n'):
    data = json.loads(line)
    pickles = [pickle.dumps(data, protocol) for protocol in range(6)]
    pickles += [fast(data), pickletools.optimize(pickles[2]), pickle._dumps(data, 5)]
    print(json.dumps(data, separators=(',', ':')), *(base64.b64encode(p).decode() for p in pickles), sep='\\t')
`

describe('what Python pickled', () => {
  test('is read as the JSON that Python would write of it, in each of its protocols', () => {
    for (const [i, line] of python(DUMPS, DICTS.map(ascii)).entries()) {
      const [json, ...pickles] = line.split('\t')
      expect(pickles).toHaveLength(9)
      for (const [protocol, pickle] of pickles.entries()) {
        expect(read(bytesOf(pickle)), `protocol ${protocol} of ${DICTS[i]?.slice(0, 200)}`).toBe(json)
      }
    }
  })

  /** Python expressions, with the JSON of what is read. */
  const PLAIN: readonly (readonly [string, string])[] = [
    [
      "{'a': (), 'b': (1,), 'c': (1, 2), 'd': (1, 2, 3), 'e': (1, 2, 3, (4,))}",
      '{"a":[],"b":[1],"c":[1,2],"d":[1,2,3],"e":[1,2,3,[4]]}',
    ],
    ["{1: 'a', True: 'b'}", '{"1":"b"}'],
    [
      '{True: 1, False: 2, None: 3, 1.5: 4, -7: 5, 1e300: 6}',
      '{"true":1,"false":2,"null":3,"1.5":4,"-7":5,"1e+300":6}',
    ],
    ["{'n': {2: {3: 'x'}, float('inf'): 1}}", '{"n":{"2":{"3":"x"},"Infinity":1}}'],
    [
      "(lambda x: {'a': x, 'b': x, 'c': [x, x]})([1, {'k': 'v'}])",
      '{"a":[1,{"k":"v"}],"b":[1,{"k":"v"}],"c":[[1,{"k":"v"}],[1,{"k":"v"}]]}',
    ],
    ["(lambda x: {'a': x, 'b': x, x: x})('same')", '{"a":"same","b":"same","same":"same"}'],
    [
      "{'k%d' % i: ['k%d' % i] for i in range(700)}",
      `{${Array.from({ length: 700 }, (_, i) => `"k${i}":["k${i}"]`).join(',')}}`,
    ],
    [
      "{'': '', '\\n': '\\\\u0041\\\\', '\\x00': '\\x7f\\x80\\xff'}",
      '{"":"","\\n":"\\\\u0041\\\\","\\u0000":"\\u007f\\u0080\\u00ff"}',
    ],
    ["{'__proto__': {'__proto__': 1}, 'constructor': 2}", '{"__proto__":{"__proto__":1},"constructor":2}'],
  ]

  const EVALUATED = `
import base64, pickle, sys, datetime, decimal, collections
class Thing: pass
if hasattr(sys, 'set_int_max_str_digits'): sys.set_int_max_str_digits(0)
def loop(kind):
    if kind == 'tuple':
        a = []; t = (a,); a.append(t); return {'x': t}
    if kind == 'pair':
        a = []; b = [a]; a.append(b); return {'x': a}
    if kind == 'dict':
        d = {}; d['d'] = d; return d
    a = []; a.append(a); return {'x': a}
for line in sys.stdin.buffer.read().decode().split('\\n'):
    data = eval(line)
    print(*(base64.b64encode(pickle.dumps(data, p)).decode() for p in range(6)), sep='\\t')
`

  test('may have tuples, other keys than text and shared parts, and becomes what JSON has for them', () => {
    const lines = python(
      EVALUATED,
      PLAIN.map(([source]) => source),
    )
    for (const [i, [source, json]] of PLAIN.entries()) {
      for (const pickle of lines[i]?.split('\t') ?? []) expect(read(bytesOf(pickle)), source).toBe(json)
    }
    expect(lines).toHaveLength(PLAIN.length)
  })

  const REFUSED = [
    "{'x': b'bytes'}",
    "{'x': b'y' * 300}",
    "{'x': bytearray(b'bytes')}",
    "{'x': {1}}",
    "{'x': frozenset([1])}",
    "{'x': datetime.datetime(2026, 1, 1)}",
    "{'x': datetime.timedelta(1)}",
    "{'x': decimal.Decimal('1.5')}",
    "{'x': 1j}",
    "{'x': Thing()}",
    "{'x': Thing}",
    "{'x': len}",
    "{'x': collections.OrderedDict(a=1)}",
    'collections.defaultdict(list)',
    "{(1, 2): 'a key'}",
    "{'x': 10 ** 4300}",
    "{'x': -(10 ** 5000)}",
    "loop('list')",
    "loop('dict')",
    "loop('tuple')",
    "loop('pair')",
    "'no dict', b'but bytes'",
  ]

  test('is refused, and never taken for nothing, where it holds more than plain data', () => {
    const lines = python(EVALUATED, REFUSED)
    expect(lines).toHaveLength(REFUSED.length)
    for (const [i, source] of REFUSED.entries()) {
      for (const [protocol, pickle] of (lines[i] ?? '').split('\t').entries()) {
        expect(() => readPickle(bytesOf(pickle)), `${source} in protocol ${protocol}`).toThrow(PickleRefused)
      }
    }
  })

  test('and is no dict is null', () => {
    const lines = python(EVALUATED, ['1', "'text'", '[1]', '({},)', 'None', '1.5', '10 ** 30'])
    expect(lines).toHaveLength(7)
    for (const pickle of lines.flatMap((line) => line.split('\t'))) expect(readPickle(bytesOf(pickle))).toBeNull()
  })
})

/** JSON with no character past ASCII, for a pipe. */
function ascii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

describe('what we pickle', () => {
  test("Python's pickle.loads reads as its json.loads reads the JSON, types and all", () => {
    const program = `
import base64, json, pickle, pickletools, sys
for line in sys.stdin.buffer.read().decode().split('\\n'):
    text, *pickles = line.split(chr(0))
    for p in pickles:
        raw = base64.b64decode(p)
        data = pickle.loads(raw)
        assert repr(data) == repr(pickle._loads(raw))
        print(ascii(repr(data) == repr(json.loads(text)) or (text, data)))
        pickletools.dis(raw, out=open('/dev/null', 'w'))
`
    const lines = DICTS.map((json) => {
      const cells = splitObject(json)
      if (cells === null) throw new Error('no object')
      const pickles = [writePickle(json), writePickle(joinObject(cells))]
      return [ascii(json), ...pickles.map((pickle) => Buffer.from(pickle).toString('base64'))].join('\0')
    })
    const answers = python(program, lines)
    expect(answers).toHaveLength(DICTS.length * 2)
    expect([...new Set(answers)]).toEqual(['True'])
  })

  test('we read as the same', () => {
    for (const json of DICTS) {
      const once = read(writePickle(json))
      expect(once).not.toBeNull()
      expect(read(writePickle(once ?? ''))).toBe(once)
    }
  })

  test('says protocol 4, takes the smallest form of a number, and is no larger than its text', () => {
    const hex = (json: string) => Buffer.from(writePickle(json)).toString('hex')
    expect(hex('{}')).toBe('80047d2e')
    expect(hex('{"a":255,"b":65535}')).toBe('80047d288c01614bff8c01624dffff752e')
    expect(hex('{"a":-1,"b":2147483647}')).toBe('80047d288c01614affffffff8c01624affffff7f752e')
    expect(hex('{"a":2147483648,"b":-32768}')).toBe('80047d288c01618a0500000080008c01624a0080ffff752e')
    expect(hex('{"a":-9223372036854775808}')).toBe('80047d288c01618a080000000000000080752e')
    expect(hex('{"a":1.0}')).toBe('80047d288c0161473ff0000000000000752e')
  })

  test.each([
    '',
    '[]',
    '[}',
    'x"a":1}',
    '1',
    '{',
    '{}x',
    '{"a":}',
    '{"a":1,}',
    '{"a" 1}',
    '{a:1}',
    '{1:1}',
    '{"a":[1,]}',
    '{"a":[1 2]}',
    '{"a":[1}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":+1}',
    '{"a":nul}',
    '{"a":undefined}',
    '{"a":"',
    '{"a":"\\"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a":"line\nbreak"}',
    '{"a":"b}',
    `{"a":1${'0'.repeat(4300)}}`,
  ])('%j is refused before a byte is stored, and not quoted', (json) => {
    expect(() => writePickle(json)).toThrow(SessionValueError)
    expect(() => writePickle(json)).not.toThrow(/x41|line/)
  })

  test('may nest as deep as what we read, and no deeper', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(read(writePickle(nested(1000)))).toBe(nested(1000))
    expect(() => writePickle(nested(1001))).toThrow(SessionTooLarge)
    const tooDeep = bytes('}X', 1, 0, 0, 0, 'a', ']'.repeat(1000), 'a'.repeat(999), 's.')
    expect(() => readPickle(tooDeep)).toThrow(SessionTooLarge)
  })
})

describe('bytes that are no pickle', () => {
  const whole = writePickle('{"a":[1,"two",3.0,12345678901234567890],"b":{"c":null}}')

  test('cut off anywhere are null', () => {
    for (let length = 0; length < whole.length; length++) expect(readPickle(whole.subarray(0, length))).toBeNull()
    expect(readPickle(bytes(whole, 'what Python ignores as well'))).toEqual(readPickle(whole))
  })

  test.each<[string, Uint8Array]>([
    ['JSON', bytes('{"a":1}')],
    ["a number as Django's Redis cache keeps one", bytes('42')],
    ['zlib', bytes(0x78, 0x9c)],
    ['nothing but an end', bytes('.')],
    ['two values', bytes('}}.')],
    ['an open mark', bytes('(}.')],
    ['no mark', bytes('}u.')],
    ['a key without a value', bytes('}(K', 1, 'u.')],
    ['a value for a list in a dict', bytes('}K', 1, 'a.')],
    ['a pair for a list', bytes('}', 0x8c, 1, 'a]K', 1, 'K', 1, 'ss.')],
    ['a tuple that grows', bytes('}', 0x8c, 1, 'a)K', 1, 'as.')],
    ['a number that grows', bytes('K', 1, 'K', 1, 'a.')],
    ['a dict that grows beneath a mark', bytes('}(K', 1, 'Ns1.')],
    ['a tuple from beneath a mark', bytes('}K', 1, '(', 0x85, '.')],
    ['a pop from nothing', bytes('0}.')],
    ['a memo of nothing', bytes(0x94, '}.')],
    ['a memo beneath a mark', bytes('}', 0x8c, 1, 'a(', 0x94, 'ts.')],
    ['a reference to nothing', bytes('}h', 0, 'h', 0, 's.')],
    ['a reference past everything', bytes('}r', 0xff, 0xff, 0xff, 0xff, '.')],
    ['text that is no UTF-8', bytes('}', 0x8c, 1, 0xff, 'Ns.')],
    ['text of a byte too many', bytes('}', 0x8c, 2, 0xc1, 0x81, 'Ns.')],
    ['text cut within a character', bytes('}', 0x8c, 1, 0xc3, 'Ns.')],
    ['text past Unicode', bytes('}', 0x8c, 4, 0xf4, 0x90, 0x80, 0x80, 'Ns.')],
    ['text of 2**63 bytes', bytes('}', 0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80, 'Ns.')],
    ['a strange escape', bytes('}Va\\x41\nNs.')],
    ['a strange whole number', bytes('}I1_0\nNs.')],
    ['a strange fraction', bytes('}F0x1p3\nNs.')],
    ['a strange place in the memo', bytes('}p-1\n.')],
    ['a line without an end', bytes('}V')],
    ['a frame that is longer than the rest', bytes(0x95, 9, 0, 0, 0, 0, 0, 0, 0, '}.')],
    ['a frame within a frame', bytes(0x95, 11, 0, 0, 0, 0, 0, 0, 0, 0x95, 2, 0, 0, 0, 0, 0, 0, 0, '}.')],
    ['an unknown opcode', bytes('}', 0xff, '.')],
  ])('are null: %s', (_name, pickle) => {
    expect(readPickle(pickle)).toBeNull()
  })
})

test('what a pickle holds of JSON is bounded to the character, however it is written', () => {
  const json = '{"a":[1,2.5,"é"],"b":{"c":[]}}'.replace('é', '\\u00e9')
  expect(read(writePickle(json), json.length)).toBe(json)
  expect(() => readPickle(writePickle(json), json.length - 3)).toThrow(SessionTooLarge)
  const text = writePickle(`{"a":"${'x'.repeat(1000)}"}`)
  expect(() => readPickle(text, 1000)).toThrow(SessionTooLarge)
  expect(read(text, 1008)).toHaveLength(1008)
})

test('numbers are written as Python writes them', () => {
  const numbers = [
    ...fc.sample(fc.double(), { numRuns: 2000, seed: 1 }),
    1e16,
    1e15,
    9999999999999998,
    1e-4,
    1e-5,
    5e-324,
    1e22,
  ]
  const program = 'import sys, json\nfor line in sys.stdin: print(json.dumps(float(line)))'
  expect(
    python(
      program,
      numbers.map((value) => (Object.is(value, -0) ? '-0.0' : String(value))),
    ),
  ).toEqual(numbers.map(floatText))
})

test('every value that is read is a whole JSON text', () => {
  for (const json of DICTS) for (const text of readPickle(writePickle(json))?.values() ?? []) parseJson(text)
})
