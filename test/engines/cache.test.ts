import { expect, test } from 'vitest'
import type { Cache, Cached } from '../../src/caches/cache.js'
import { locmem } from '../../src/caches/locmem.js'
import { pickleCodec } from '../../src/codecs/pickle.js'
import type { Cells, Loaded } from '../../src/core/types.js'
import { cacheEngine } from '../../src/engines/cache.js'

const KEY = 'a'.repeat(32)
const END = Date.now() + 60_000

/** An engine whose cache gives what lies in `held`, in the same buffer each time, as a socket might; and how often it decoded. */
function engineOver(): {
  held: { bytes: Uint8Array }
  load: (key?: string) => Cells | undefined
  decoded: () => number
} {
  const codec = pickleCodec()
  const held = { bytes: codec.encode(new Map([['a', '"one"']])) }
  const shared = Buffer.alloc(1000)
  const cache: Cache = Object.create(locmem(), {
    get: {
      value: (): Cached => {
        shared.fill(0)
        shared.set(held.bytes, 100)
        return { value: shared.subarray(100, 100 + held.bytes.length), version: {} }
      },
    },
  })
  let decoded = 0
  const counting = {
    encode: codec.encode,
    decode: (bytes: Uint8Array) => {
      decoded++
      return codec.decode(bytes)
    },
  }
  const engine = cacheEngine({ cache, codec: counting })
  return { held, load: (key = KEY) => (engine.load(key) as Loaded | null)?.cells, decoded: () => decoded }
}

test('what was read before is given again only for the very same bytes under the same key', () => {
  const { held, load, decoded } = engineOver()
  const one = held.bytes
  const two = pickleCodec().encode(new Map([['a', '"two"']]))
  expect(load()?.get('a')).toBe('"one"')
  expect(load()?.get('a')).toBe('"one"')
  expect(decoded()).toBe(1)
  held.bytes = two
  expect(load()?.get('a')).toBe('"two"')
  held.bytes = one
  expect(load()?.get('a')).toBe('"one"')
  expect(load('b'.repeat(32))?.get('a')).toBe('"one"')
  expect(decoded()).toBe(4)
})

test('what was written need not be decoded, and large sessions are decoded each time', async () => {
  let decoded = 0
  const codec = pickleCodec()
  const decode = (bytes: Uint8Array): Cells | null => {
    decoded++
    return codec.decode(bytes)
  }
  const engine = cacheEngine({ cache: locmem(), codec: { encode: codec.encode, decode } })
  await engine.create(KEY, { cells: new Map([['a', '1']]), expires: END })
  expect((await engine.load(KEY))?.cells.get('a')).toBe('1')
  expect(decoded).toBe(0)
  await engine.save(KEY, { cells: new Map([['a', `"${'x'.repeat(2 ** 16)}"`]]), expires: END })
  expect((await engine.load(KEY))?.cells.get('a')).toHaveLength(2 ** 16 + 2)
  expect((await engine.load(KEY))?.cells.get('a')).toHaveLength(2 ** 16 + 2)
  expect(decoded).toBe(2)
})

test('a session that is past an end of its own is over, though whoever moved its end last gave it too long a life', async () => {
  const cache = locmem()
  const slides: Cache = {
    ...{ name: cache.name, synchronous: false, consistency: cache.consistency },
    get: (key) => cache.get(key),
    getAndTouch: async (key) => cache.get(key),
    add: (key, value, expires) => cache.add(key, value, expires),
    replace: (key, value, expires, expected) => cache.replace(key, value, expires, expected),
    touch: () => 'saved',
    delete: (key, expected) => cache.delete(key, expected),
    has: (key) => cache.has(key),
    close: () => cache.close(),
  }
  const engine = cacheEngine({ cache: slides, codec: pickleCodec() })
  await engine.create(KEY, { cells: new Map([['a', '1']]), expires: END })
  const now = Date.now()
  const load = (end: number) => engine.load(KEY, { now, expires: now + 100_000, endOf: () => end })
  expect((await load(now + 1))?.cells.get('a')).toBe('1')
  expect(await load(now)).toBeNull()
})
