import fc from 'fast-check'

/** Any UTF-16, halves of surrogate pairs included. */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0xffff })), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))

export const hostileKey: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '10',
    '9',
    '-1',
    '01',
    '',
    ' ',
    '"',
    '\\',
    '\u2028',
  ),
  anyText,
)

/** An object whose own properties are these pairs, `__proto__` included. */
export function objectOf(pairs: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of pairs) {
    Object.defineProperty(result, key, { value, writable: true, enumerable: true, configurable: true })
  }
  return result
}

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.oneof(anyText, fc.double(), fc.maxSafeInteger(), fc.boolean(), fc.constantFrom(null, -0, 1e308, 1e-7, 2 ** 53)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(hostileKey, tie('value')), { maxLength: 4 }).map(objectOf),
  ),
}))

/** Whatever Python's JSON can say and JavaScript can hold. */
export const jsonValue: fc.Arbitrary<unknown> = value

/** Equal as JSON values: node's own comparison also asks for prototypes, and takes a key `constructor` for one. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [inA, inB] = [Object.entries(a), Object.entries(b)]
  return (
    inA.length === inB.length &&
    inA.every(
      ([key, value]) => Object.hasOwn(b, key) && sameValue(value, Object.getOwnPropertyDescriptor(b, key)?.value),
    )
  )
}
