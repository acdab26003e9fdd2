import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import type { Cells } from '../../src/core/types.js'
import { testClock } from '../../src/testing/clock.js'
import { SECRET } from '../support/sites.js'

const CELLS: Cells = new Map([
  ['a', '1.0'],
  ['b', '"text"'],
])
const codec = (more = {}) => signedCodec({ secretKey: SECRET, clock: testClock(), ...more })

describe('what is remembered', () => {
  test('a changed text never verifies, whether the codec knows the true one or not', () => {
    const knowing = codec()
    const text = knowing.encode(CELLS)
    expect(knowing.decode(text)).toEqual(CELLS)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'AZaz09-_:.'), (at, letter) => {
        fc.pre(text[at] !== letter)
        const changed = text.slice(0, at) + letter + text.slice(at + 1)
        expect(knowing.decode(changed)).toBeNull()
        expect(codec().decode(changed)).toBeNull()
      }),
    )
    expect([knowing.decode(`${text} `), knowing.decode(text.slice(0, -1)), knowing.decode('')]).toEqual([
      null,
      null,
      null,
    ])
  })

  test('what did not verify is not remembered as if it had', () => {
    const theirs = signedCodec({ secretKey: 'another secret', clock: testClock() }).encode(CELLS)
    const ours = codec()
    for (let i = 0; i < 3; i++) expect(ours.decode(theirs)).toBeNull()
  })

  test('the age is asked each time', () => {
    const clock = testClock()
    const ours = codec({ clock })
    const text = ours.encode(CELLS)
    clock.turn(60)
    expect(ours.decode(text, 60)).toEqual(CELLS)
    clock.turn(1)
    expect(ours.decode(text, 60)).toBeNull()
    expect(ours.decode(text)).toEqual(CELLS)
    expect(codec({ clock }).decode(text, 60)).toBeNull()
  })

  test('thousands of other texts push nothing wrong in its place', () => {
    const ours = codec()
    const texts = Array.from({ length: 5000 }, (_, i) => ours.encode(new Map([['n', `${i}`]])))
    for (const [i, text] of texts.entries()) expect(ours.decode(text)?.get('n')).toBe(`${i}`)
  })
})

test('what one codec wrote another of the same secret reads, packed or not', () => {
  for (const length of [1, 500, 5000]) {
    const cells = new Map([['text', JSON.stringify('ab'.repeat(length))]])
    const text = codec().encode(cells)
    expect(text.startsWith('.')).toBe(length > 500)
    expect(codec().decode(text)).toEqual(cells)
  }
})
