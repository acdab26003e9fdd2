import { expect, test } from 'vitest'
import type { EnginePair } from './engine-kinds.js'

const BIG = 2n ** 60n + 1n
/** One of everything that Python's JSON may hold, each as Python writes it. */
const PYTHON = [
  '"float":1.0',
  `"big":${BIG}`,
  '"bigger":-1000000000000000000000000000000',
  '"text":"Gr\\u00fc\\u00dfe \\ud83c\\udf0d"',
  '"half":"\\ud83c"',
  '"items":[1.0,2,[],{}]',
  '"get":null',
  '"yes":true',
  '"keys":{"b":1.0,"a":[-1,false]}',
  '"__proto__":{"x":true}',
  '"10":"ten"',
  '"9":"nine"',
  '"":"empty"',
  '"\\u00fc":-0.0',
]
const PYTHON_TEXT = `{${PYTHON.join(',')}}`

/** That either reads what the other wrote, and that a visit leaves alone what it does not change. */
export function dataClaims(pair: () => EnginePair): void {
  test('what Django wrote sojourn reads, and leaves as it was beside the one key that it changes', async () => {
    const visitor = pair().visitor()
    await visitor.django('ops', `[["update", ${PYTHON_TEXT}]]`)
    expect(await pair().loaded(visitor.key)).toBe(PYTHON_TEXT)
    const read = await visitor.node(({ session }) => ({
      keys: Object.keys(session),
      items: session.items,
      values: ['get', 'yes', 'keys', '__proto__', 'float', 'text', 'half', '', 'ü'].map((key) => session.get(key)),
    }))
    expect(read).toEqual({
      keys: [
        ...['float', 'big', 'bigger', 'text', 'half', 'items', 'get', 'yes', 'keys'],
        ...['__proto__', '10', '9', '', 'ü'],
      ],
      items: [1, 2, [], {}],
      values: [null, true, { b: 1, a: [-1, false] }, { x: true }, 1, 'Grüße 🌍', '\ud83c', 'empty', -0],
    })
    expect(await pair().loaded(visitor.key)).toBe(PYTHON_TEXT)
    await visitor.node(({ session }) => {
      session.text = 'short'
    })
    expect(await pair().loaded(visitor.key)).toBe(PYTHON_TEXT.replace(/"text":"[^"]*"/, '"text":"short"'))
  })

  test('inside a value that sojourn changes, what is beside the change stays as Python wrote it', async () => {
    const visitor = pair().visitor()
    await visitor.django('ops', `[["set", "cart", {"price": 1.0, "big": ${BIG}, "list": [${BIG}, 2.50, 1e2]}]]`)
    await visitor.node(({ session }) => {
      const cart = session.cart as { count?: number; list: number[] }
      cart.count = 3
      cart.list.push(4)
    })
    expect(await pair().loaded(visitor.key)).toBe(
      `{"cart":{"price":1.0,"big":${BIG},"list":[${BIG},2.5,100.0,4],"count":3}}`,
    )
  })

  test('what sojourn wrote Django reads, and writes back the same', async () => {
    const visitor = pair().visitor()
    await visitor.node(({ session }) => {
      const values: [string, unknown][] = [
        ['half', 0.5],
        ['whole', 1],
        ['big', BIG],
        ['text', 'Grüße 🌍 </script>\u2028\0\ud83c'],
        ['items', [1, null, true, -128, 65_536, 2 ** 31]],
        ['get', {}],
        ['none', null],
        ['__proto__', { x: 1 }],
        ['10', 'ten'],
        ['9', 'nine'],
        ['ü', 1e-7],
        ['huge', 1e300],
      ]
      for (const [key, value] of values) session.set(key, value)
    })
    const text =
      `{"half":0.5,"whole":1,"big":${BIG},"text":"Gr\\u00fc\\u00dfe \\ud83c\\udf0d </script>\\u2028\\u0000\\ud83c",` +
      '"items":[1,null,true,-128,65536,2147483648],"get":{},"none":null,"__proto__":{"x":1},"10":"ten","9":"nine",' +
      '"\\u00fc":1e-07,"huge":1e+300}'
    expect(await pair().loaded(visitor.key)).toBe(text)
    await visitor.ops(['modified'])
    expect(await pair().loaded(visitor.key)).toBe(text)
    expect(await visitor.node(({ session }) => [session.get('big'), session.get('none')])).toEqual([Number(BIG), null])
  })

  test("Python's NaN and infinities go both ways", async () => {
    const visitor = pair().visitor()
    await visitor.django('ops', '[["set", "a", NaN], ["set", "b", [-Infinity, NaN]]]')
    expect(await visitor.node(({ session }) => [session.a, session.b])).toEqual([NaN, [-Infinity, NaN]])
    await visitor.node(({ session }) => {
      session.c = { d: Infinity, e: NaN }
    })
    expect(await pair().loaded(visitor.key)).toBe('{"a":NaN,"b":[-Infinity,NaN],"c":{"d":Infinity,"e":NaN}}')
  })

  test('what either removed is gone for the other', async () => {
    const visitor = pair().visitor()
    await visitor.ops(['update', { a: 1, b: 2, c: 3 }])
    await visitor.node(({ session }) => session.delete('b'))
    expect(await visitor.ops(['has', 'b'], ['pop', 'a'])).toEqual([false, 1])
    expect(await visitor.node(({ session }) => ({ ...session }))).toEqual({ c: 3 })
  })
}

/** The same of what no cookie has room for. */
export function largeDataClaims(pair: () => EnginePair): void {
  test('a session of some 300,000 bytes goes both ways', async () => {
    const visitor = pair().visitor()
    const list = Array.from({ length: 30_000 }, (_, n) => n * 7)
    const words = Array.from({ length: 5000 }, (_, n) => `word ${n % 100}`)
    await visitor.ops(['update', { list, words }])
    const read = await visitor.node(({ session }) => {
      session.more = 'x'.repeat(70_000)
      return [session.list, session.words]
    })
    expect(read).toEqual([list, words])
    const told = await visitor.ops(['get', 'list'], ['get', 'words'], ['get', 'more'])
    expect(told).toEqual([list, words, 'x'.repeat(70_000)])
  })
}
