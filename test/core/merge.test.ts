import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apply, delta, NO_CELLS } from '../../src/core/merge.js'
import type { Cells } from '../../src/core/types.js'

const cells = (given: Record<string, string>): Cells => new Map(Object.entries(given))

describe('delta and apply', () => {
  const table: readonly [string, Cells, Cells, [string, string | null][]][] = [
    ['nothing', cells({ a: '1' }), cells({ a: '1' }), []],
    ['a new key', cells({ a: '1' }), cells({ a: '1', b: '2' }), [['b', '2']]],
    ['another text', cells({ a: '1' }), cells({ a: '1.0' }), [['a', '1.0']]],
    ['a key that went', cells({ a: '1', b: '2' }), cells({ b: '2' }), [['a', null]]],
    ['all that went', cells({ a: '1' }), NO_CELLS, [['a', null]]],
    ['another order alone', cells({ a: '1', b: '2' }), cells({ b: '2', a: '1' }), []],
  ]
  test.each(table)('%s', (_name, before, after, changes) => {
    expect([...delta(before, after)]).toEqual(changes)
    expect(new Map(apply(before, delta(before, after)))).toEqual(after)
  })

  test('neither state is changed in place', () => {
    const theirs = cells({ a: '1' })
    const merged = apply(theirs, new Map([['a', null]]))
    expect([...theirs]).toEqual([['a', '1']])
    expect(merged.size).toBe(0)
  })

  test('what the others added stands before what we added, as in the dictionary they left', () => {
    expect([...apply(cells({ a: '1', t: '2' }), delta(cells({ a: '1' }), cells({ a: '1', o: '3' }))).keys()]).toEqual([
      'a',
      't',
      'o',
    ])
  })
})

const name = fc.constantFrom('a', 'b', 'c', 'd', '__proto__')
const text = fc.constantFrom('1', '1.0', '"x"', '[]')
const state = fc.uniqueArray(fc.tuple(name, text), { selector: ([key]) => key }).map((pairs): Cells => new Map(pairs))

test('a delta laid over its own beginning gives its end', () => {
  fc.assert(
    fc.property(state, state, (before, after) => {
      expect(new Map(apply(before, delta(before, after)))).toEqual(new Map(after))
    }),
  )
})

test('disjoint changes of two writers both survive, whoever comes first', () => {
  fc.assert(
    fc.property(state, state, state, fc.func(fc.boolean()), (before, one, two, isOnes) => {
      const mine = new Map([...delta(before, one)].filter(([key]) => isOnes(key)))
      const yours = new Map([...delta(before, two)].filter(([key]) => !isOnes(key)))
      const merged = apply(apply(before, mine), yours)
      expect(new Map(apply(apply(before, yours), mine))).toEqual(new Map(merged))
      for (const [key, value] of [...mine, ...yours]) expect(merged.get(key) ?? null).toBe(value)
      for (const [key, value] of before) if (!mine.has(key) && !yours.has(key)) expect(merged.get(key)).toBe(value)
    }),
  )
})

test('laying the same changes twice is laying them once', () => {
  fc.assert(
    fc.property(state, state, state, (before, after, theirs) => {
      const ours = delta(before, after)
      expect([...apply(apply(theirs, ours), ours)]).toEqual([...apply(theirs, ours)])
    }),
  )
})
