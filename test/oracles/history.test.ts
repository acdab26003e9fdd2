import { expect, test } from 'vitest'
import { type Attempt, faultsOf, judge, judgeShared, type Kept, total, type Verdict } from './history.js'

/** `3` was acknowledged with the next count, `3?` is unknown, `3!` was refused; `3=7` was acknowledged with 7. */
function attempts(text: string): readonly Attempt[] {
  let count = 0
  return text.split(' ').map((word): Attempt => {
    const [, op, mark, answered] = /^(\d+)(?:([?!])|=(\d+))?$/.exec(word) ?? []
    if (mark === '?') return { op: Number(op), ending: 'unknown' }
    if (mark === '!') return { op: Number(op), ending: 'refused' }
    count = Number(answered ?? count + 1)
    return { op: Number(op), ending: 'acknowledged', count }
  })
}

const kept = (count: number, ...list: readonly number[]): Kept => ({ count, list })

type Case = readonly [what: string, asked: string, kept: Kept, found: Partial<Verdict>]

const cases: readonly Case[] = [
  ['all is kept', '1 2 3', kept(3, 1, 2, 3), {}],
  ['what is unknown is not kept', '1 2? 3', kept(2, 1, 3), {}],
  ['what is unknown is kept', '1 2? 3=3', kept(3, 1, 2, 3), {}],
  ['what was refused is not kept', '1 2! 3', kept(2, 1, 3), {}],
  ['the session is gone', '1 2 3', kept(0), { lost: 3 }],
  ['one in the middle is lost', '1 2 3=2', kept(2, 1, 3), { lost: 1, misread: 1 }],
  ['the last is lost', '1 2 3', kept(2, 1, 2), { lost: 1 }],
  ['one is there twice', '1 2', kept(3, 1, 2, 2), { duplicated: 1 }],
  ['more were counted than asked for', '1 2? 3', kept(5, 1, 2, 3), { duplicated: 2, torn: 2 }],
  ['two are in the wrong order', '1 2 3', kept(3, 1, 3, 2), { reordered: 1 }],
  ['one that was refused is kept', '1 2! 3=3', kept(3, 1, 2, 3), { unasked: 1, misread: 1, duplicated: 1 }],
  ['one is kept that nobody asked for', '1', kept(2, 1, 9), { unasked: 1, duplicated: 1 }],
  ['the count was written without the list', '1 2', kept(2, 1), { lost: 1, torn: 1 }],
  ['the list was written without the count', '1 2', kept(1, 1, 2), { lost: 1, torn: 1 }],
  ['a client was answered what it had before', '1 2=1 3=2', kept(3, 1, 2, 3), { misread: 1 }],
  ['a client was answered more than it can be', '1 2=3', kept(2, 1, 2), { misread: 1 }],
]

test.each(cases)('%s', (_, asked, found, wrong) => {
  const { acknowledged, unknown, ...verdict } = judge(attempts(asked), found)
  expect(acknowledged + unknown).toBe(asked.split(' ').filter((word) => !word.endsWith('!')).length)
  const sound = { lost: 0, duplicated: 0, reordered: 0, unasked: 0, misread: 0, torn: 0 }
  expect(verdict).toEqual({ ...sound, ...wrong })
})

test.each([
  ['all is counted', ['1=1 2=3', '1=2'], 3, {}],
  ['what is unknown may be counted', ['1=1 2?', '1=2'], 3, {}],
  ['one is lost, and two were answered the same', ['1=1 2=2', '1=2'], 2, { lost: 1, misread: 1 }],
  ['more is counted than was asked for', ['1=1 2?', '1=2'], 4, { duplicated: 1 }],
] as const)('under a shared key: %s', (_, clients, count, wrong: Partial<Verdict>) => {
  const { lost, duplicated, misread } = judgeShared(clients.map(attempts), count)
  expect({ lost, duplicated, misread }).toEqual({ lost: 0, duplicated: 0, misread: 0, ...wrong })
})

test('a sum of verdicts is a verdict', () => {
  const two = total([judge(attempts('1 2 3'), kept(2, 1, 2)), judge(attempts('1 2?'), kept(3, 1, 2, 2))])
  expect(two).toMatchObject({ acknowledged: 4, unknown: 1, lost: 1, duplicated: 1, torn: 0 })
  expect(faultsOf(two)).toBe(2)
})
