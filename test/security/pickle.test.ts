import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pickleCodec } from '../../src/codecs/pickle.js'
import { PickleRefused, SessionTooLarge, SojournError } from '../../src/errors.js'
import { parseJson } from '../../src/wire/json.js'
import { REFUSED } from '../../src/wire/pickle-opcodes.js'
import { python } from '../support/python.js'

/** Fixed, so that a failure can be had again. */
const SEED = 20_260_101
const codec = pickleCodec()
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const uint32 = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('latin1')
}

/** What decoding comes to: cells that are whole JSON, null, or a typed error; anything else fails the test. */
function outcome(bytes: Uint8Array): 'cells' | 'null' | 'refused' {
  try {
    const cells = codec.decode(bytes)
    for (const text of cells?.values() ?? []) parseJson(text)
    return cells === null ? 'null' : 'cells'
  } catch (error) {
    if (error instanceof PickleRefused || error instanceof SessionTooLarge) return 'refused'
    throw new Error(`thrown for ${Buffer.from(bytes).toString('hex')}`, { cause: error })
  }
}

describe('T30: a pickle that would have Python call something', () => {
  const attacks = python(
    `
import base64, os, pickle, copyreg
class Reduce:
    def __reduce__(self): return (os.system, ('echo pwned',))
class State:
    def __reduce__(self): return (dict, (), {'__proto__': {'polluted': 1}})
class Slots:
    def __reduce_ex__(self, protocol): return copyreg.__newobj__, (State,)
class Keywords:
    def __getnewargs_ex__(self): return (), {'a': 1}
copyreg.add_extension('os', 'system', 240)
for data in ({'x': Reduce()}, Reduce(), {'x': State()}, {'x': Slots()}, {'x': Keywords()}, {'x': os.system}):
    for protocol in range(6):
        try: print(base64.b64encode(pickle.dumps(data, protocol)).decode())
        except pickle.PicklingError: pass
`,
    [],
  )

  test('is refused', () => {
    expect(attacks.length).toBeGreaterThan(30)
    for (const attack of attacks) expect(() => codec.decode(Buffer.from(attack, 'base64'))).toThrow(PickleRefused)
  })

  // What would stand before and after each of them if it were followed.
  test.each([...REFUSED])('is refused at opcode 0x%s, %s, wherever it stands', (code, what) => {
    const opcode = String.fromCharCode(code)
    const rest = `cos\nsystem\n\x00\x00\x00\x00s.`
    for (const before of ['', '}', '\x80\x04}\x8c\x01a', '}(\x8c\x02os\x8c\x06system', '(']) {
      expect(() => codec.decode(latin1(before + opcode + rest))).toThrow(PickleRefused)
      expect(() => codec.decode(latin1(before + opcode + rest))).toThrow(what)
      expect(() => codec.decode(latin1(before + opcode))).toThrow(PickleRefused)
    }
  })

  test('is known by each opcode that pickletools has: all of them are followed or refused', () => {
    const known = python(
      "import pickletools\nfor o in pickletools.opcodes: print(ord(o.code), o.name, o.proto, sep=' ')",
      [],
    ).map((line) => line.split(' '))
    expect(known).toHaveLength(68)
    const followed = known.filter(([code]) => !REFUSED.has(Number(code))).map(([, name]) => name)
    // biome-ignore format: a list to be read as one
    expect(followed.sort()).toEqual([
      'APPEND', 'APPENDS', 'BINFLOAT', 'BINGET', 'BININT', 'BININT1', 'BININT2', 'BINPUT', 'BINUNICODE', 'BINUNICODE8', 'DICT',
      'EMPTY_DICT', 'EMPTY_LIST', 'EMPTY_TUPLE', 'FLOAT', 'FRAME', 'GET', 'INT', 'LIST', 'LONG', 'LONG1', 'LONG4', 'LONG_BINGET',
      'LONG_BINPUT', 'MARK', 'MEMOIZE', 'NEWFALSE', 'NEWTRUE', 'NONE', 'POP', 'POP_MARK', 'PROTO', 'PUT', 'SETITEM', 'SETITEMS',
      'SHORT_BINUNICODE', 'STOP', 'TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'UNICODE',
    ])
    for (const [code, name] of known) {
      if (REFUSED.has(Number(code))) expect(REFUSED.get(Number(code))).toContain(`(${name})`)
    }
  })

  test('is refused in a protocol that is not known', () => {
    expect(() => codec.decode(latin1('\x80\x06}.'))).toThrow(PickleRefused)
  })
})

describe('T30: a pickle that would fill the memory', () => {
  const bomb = (levels: number): string => {
    // Each list is twice the one before: a list in the memo, put into the next one two times.
    let pickle = '}X\x01\0\0\0a]q\0X\x03\0\0\0lola'
    for (let i = 0; i < levels; i++)
      pickle += `0]q${String.fromCharCode(i + 1)}(h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`
    return `${pickle}s.`
  }
  const dictBomb = (): string => {
    let pickle = '}X\x01\0\0\0a}\x94'
    for (let i = 0; i < 30; i++) {
      pickle += `0}\x94(X\x01\0\0\0ah${String.fromCharCode(i)}X\x01\0\0\0bh${String.fromCharCode(i)}u`
    }
    return `${pickle}s.`
  }
  const million = 1_000_000

  const PAYLOADS: readonly (readonly [string, string])[] = [
    ['a list of lists of lists, 30 times doubled', bomb(30)],
    ['a dict of dicts of dicts, 30 times doubled', dictBomb()],
    [
      'a tuple of tuples, 30 times doubled',
      `}X\x01\0\0\0a)\x940h\0h\0\x86${Array.from({ length: 30 }, (_, i) => `\x940h${String.fromCharCode(i + 1)}h${String.fromCharCode(i + 1)}\x86`).join('')}s.`,
    ],
    [
      'one text of 100 KB, a thousand times',
      `}(X\x01\0\0\0aX${uint32(100_000)}${'x'.repeat(100_000)}\x94${'\x94X\x01\0\0\0ah\0'.repeat(1000)}u.`,
    ],
    ['one text of 2 MB', `}X\x01\0\0\0aX${uint32(2 * million)}${'\xc3\xa9'.repeat(million)}s.`],
    ['a number of 2 GB', `}X\x01\0\0\0a\x8b${uint32(2 ** 31 - 1)}`],
    ['a number of -1 bytes', `}X\x01\0\0\0a\x8b${uint32(2 ** 32 - 1)}s.`],
    ['a number of a million bytes, all there', `}X\x01\0\0\0a\x8b${uint32(million)}${'\x7f'.repeat(million)}s.`],
    ['a number of a million digits', `}X\x01\0\0\0aL${'9'.repeat(million)}L\ns.`],
    ['depth 10^6, by marks', `}X\x01\0\0\0a${']('.repeat(million)}`],
    ['depth 10^6, by lists alone', `}X\x01\0\0\0a${']'.repeat(million)}${'a'.repeat(million - 1)}s.`],
    ['depth 10^6, by lists under a mark', `}X\x01\0\0\0a(${']'.repeat(million)}${'a'.repeat(million - 1)}ts.`],
    ['depth 10^6, by dicts', `${'}X\x01\0\0\0a'.repeat(million / 2)}N${'s'.repeat(million / 2)}.`],
    ['depth 10^6, by tuples', `}X\x01\0\0\0aN${'\x85'.repeat(million)}s.`],
    ['a million marks', `}${'('.repeat(million)}`],
    ['a million nothings', `}X\x01\0\0\0a(${'N'.repeat(million)}ts.`],
    ['a list that contains itself', '}X\x01\0\0\0a]\x94h\x00as.'],
    ['two lists that contain each other', '}X\x01\0\0\0a]\x94]\x94h\x00aas.'],
    [
      'a list that is put into ten thousand others, and then grows',
      `}X\x01\0\0\0a]\x94${']h\x00a0'.repeat(10_000)}h\x00as.`,
    ],
    ['more bytes than any session has', '}'.padEnd(64 * million, '\x80\x05') + '.'],
  ]

  test.each(PAYLOADS)('is refused within 10 ms and 8 MiB: %s', (_name, payload) => {
    const bytes = latin1(payload)
    const attempt = (): { readonly milliseconds: number; readonly bytes: number } => {
      const before = process.memoryUsage()
      const start = performance.now()
      let thrown: unknown
      try {
        codec.decode(bytes)
      } catch (error) {
        thrown = error
      }
      const milliseconds = performance.now() - start
      const after = process.memoryUsage()
      expect(thrown).toBeInstanceOf(SojournError)
      return { milliseconds, bytes: after.heapUsed + after.external - before.heapUsed - before.external }
    }
    const tries = Array.from({ length: 9 }, attempt)
    // The best of some, and of many where others use this machine.
    while (tries.length < 100 && tries.every(({ milliseconds }) => milliseconds >= 10)) tries.push(attempt())
    expect(Math.min(...tries.map(({ milliseconds }) => milliseconds))).toBeLessThan(10)
    // Where garbage was collected meanwhile, a try tells nothing.
    expect(Math.max(...tries.map((one) => one.bytes))).toBeLessThan(8 * 2 ** 20)
  })

  test('is stopped by the size that a session may have, not by the number of references', () => {
    expect(outcome(latin1(bomb(10)))).toBe('cells')
    expect(outcome(latin1(bomb(30)))).toBe('refused')
    const members = (count: number) => `[${'1,'.repeat(count - 1)}1]`
    const tuple = (count: number) => latin1(`}X\x01\0\0\0a(${'K\x01'.repeat(count)}ts.`)
    expect(codec.decode(tuple(32_000))?.get('a')).toBe(members(32_000))
    expect(outcome(tuple(33_000))).toBe('refused')
    const long = new Map([['a', members(200_000)]])
    expect(codec.decode(codec.encode(long))).toEqual(long)
  })
})

test('T30: no prototype is touched by keys that name one', () => {
  const before = Object.getOwnPropertyNames(Object.prototype)
  const json = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
  const pickles = python(
    `import base64, json, pickle\nfor p in range(6): print(base64.b64encode(pickle.dumps(json.loads('${json}'), p)).decode())`,
    [],
  )
  expect(pickles).toHaveLength(6)
  for (const pickle of pickles) {
    const cells = codec.decode(Buffer.from(pickle, 'base64'))
    expect([...(cells ?? [])]).toEqual([
      ['__proto__', '{"polluted":1}'],
      ['constructor', '{"prototype":{"polluted":1}}'],
    ])
    for (const text of cells?.values() ?? []) parseJson(text)
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

describe('T30: whatever bytes come', () => {
  const anyByte = fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte))
  /** One opcode with an argument that it could have. */
  const step = fc.oneof(
    {
      weight: 30,
      arbitrary: fc.constantFrom(...'()(.0]}]}aeuusstldN', '\x88', '\x89', '\x94', '\x85', '\x86', '\x87'),
    },
    {
      weight: 12,
      arbitrary: fc.constantFrom('\x8c\x01a', '\x8c\x02\xc3\xa9', 'X\x01\0\0\0b', 'Vc\\u0041\n', '\x8c\x00'),
    },
    {
      weight: 12,
      arbitrary: fc.constantFrom('K\x01', 'M\x01\x02', 'J\xff\xff\xff\xff', 'I01\n', 'I7\n', 'L8L\n', '\x8a\x01\x80'),
    },
    { weight: 4, arbitrary: fc.constantFrom('G?\xf0\0\0\0\0\0\0', 'F1.5\n', 'Fnan\n', '\x8b\x01\0\0\0\x05') },
    {
      weight: 12,
      arbitrary: fc.tuple(fc.constantFrom('h', 'q', 'h'), fc.nat(4)).map(([op, at]) => op + String.fromCharCode(at)),
    },
    { weight: 3, arbitrary: fc.constantFrom('g0\n', 'p1\n', 'j\x01\0\0\0', 'r\x02\0\0\0', '1', '\x80\x04') },
    { weight: 1, arbitrary: anyByte },
  )
  const soup = fc
    .tuple(
      fc.constantFrom('', '}', '}\x94(', '\x80\x04}\x94('),
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom('', '.', 'u.', 'us.'),
    )
    .map(([head, steps, tail]) => latin1(head + steps.join('') + tail))

  test('opcodes at random come to cells, to null or to a typed error', () => {
    const seen = new Map<string, number>()
    const count = (bytes: Uint8Array): void => {
      const came = outcome(bytes)
      seen.set(came, (seen.get(came) ?? 0) + 1)
    }
    fc.assert(fc.property(soup, count), { numRuns: 12_000, seed: SEED })
    // Not one of the ways may be without a single case.
    expect([...seen.keys()].sort()).toEqual(['cells', 'null', 'refused'])
  })

  test('good pickles that were changed, cut and mixed come to no other end', () => {
    const good = python(
      `
import base64, pickle
shared = ['x' * 300, 1.5, None]
data = {'a': shared, 'b': shared, 'clé': {'n': -2**70, 't': (1, 2, (3,)), 'x': [True, {}]}, 7: [[]] * 3}
for protocol in range(6): print(base64.b64encode(pickle.dumps(data, protocol)).decode())
`,
      [],
    ).map((base64) => Buffer.from(base64, 'base64'))
    expect(good).toHaveLength(6)
    for (const bytes of good) expect(outcome(bytes)).toBe('cells')
    const change = fc.tuple(fc.nat(2000), fc.nat(255), fc.nat(3), fc.nat(2000))
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.constantFrom(...good),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (pickle, other, changes) => {
          let bytes: Uint8Array = Buffer.from(pickle)
          for (const [place, byte, how, length] of changes) {
            const at = place % (bytes.length + 1)
            if (how === 0) bytes[at] = byte
            else if (how === 1) bytes = bytes.slice(0, at)
            else if (how === 2) bytes = Buffer.concat([bytes.slice(0, at), Buffer.of(byte), bytes.slice(at)])
            else bytes = Buffer.concat([bytes.slice(0, at), other.subarray(length % other.length)])
          }
          outcome(bytes)
        },
      ),
      { numRuns: 8000, seed: SEED },
    )
  })
})
