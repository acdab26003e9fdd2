import { expect, test } from 'vitest'
import { kinds } from './kinds/index.js'
import { newestCases, readVectors, runVectors } from './runner.js'

/** Kinds that nothing answers yet. Whoever adds one to the table takes it from here. */
const NOT_REACHED: readonly string[] = []

const cases = newestCases(readVectors(new URL('vectors.json', import.meta.url)))
const present = [...new Set(cases.map(({ kind }) => kind))]

for (const kind of present.filter((name) => name in kinds)) {
  test(`Django 6.1 and sojourn agree on ${kind}`, async () => {
    const { kinds: results, failures } = await runVectors(
      cases.filter((vector) => vector.kind === kind),
      kinds,
    )
    expect(failures.map(({ name, expected, got }) => ({ name, expected, got }))).toEqual([])
    expect(results[0]?.passed).toBeGreaterThan(0)
  })
}

test('the kinds that are not reached are those listed here, and no others', () => {
  expect(present.filter((kind) => !(kind in kinds)).sort()).toEqual(NOT_REACHED)
  expect(Object.keys(kinds).filter((kind) => !present.includes(kind))).toEqual([])
})

test('no case of a kind that is reached is passed over', async () => {
  const reached = cases.filter(({ kind }) => Object.hasOwn(kinds, kind))
  const { notReached } = await runVectors(reached, kinds)
  expect(notReached).toEqual([])
})

test('a case that is answered wrongly or with a throw counts as failed, one without an entry as not reached', async () => {
  const vector = { name: 'x', input: {}, expected: 1, django: ['6.1'] }
  const report = await runVectors(
    [
      { ...vector, kind: 'wrong' },
      { ...vector, kind: 'throws' },
      { ...vector, kind: 'toString' },
      { ...vector, kind: 'later' },
    ],
    {
      wrong: () => ({ expected: 1, got: 2 }),
      throws: () => {
        throw new Error('no')
      },
      later: () => ({ notReached: 'not built' }),
    },
  )
  expect(report.kinds).toEqual([
    { kind: 'wrong', passed: 0, failed: 1, notReached: 0 },
    { kind: 'throws', passed: 0, failed: 1, notReached: 0 },
    { kind: 'toString', passed: 0, failed: 0, notReached: 1 },
    { kind: 'later', passed: 0, failed: 0, notReached: 1 },
  ])
  expect(report.failures.map(({ kind, got }) => [kind, got])).toEqual([
    ['wrong', 2],
    ['throws', 'thrown: Error: no'],
  ])
})

test('the newest Django of a file is found by number, not by letter', () => {
  const vector = { kind: 'k', name: 'n', input: null, expected: null }
  const file = {
    about: { django: ['10.0', '9.2'] },
    cases: [
      { ...vector, django: ['9.2'] },
      { ...vector, django: ['10.0'] },
    ],
  }
  expect(newestCases(file).map(({ django }) => django)).toEqual([['10.0']])
})
