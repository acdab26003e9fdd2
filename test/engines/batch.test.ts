import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Batch } from '../../src/engines/batch.js'

interface Question {
  readonly keys: readonly string[]
  readonly answer: (found: ReadonlyMap<string, number>) => void
  readonly fail: (error: unknown) => void
}

/** A batch whose questions are answered when the test likes. */
function setUp(): { readonly batch: Batch<number>; readonly alone: string[]; readonly questions: Question[] } {
  const alone: string[] = []
  const questions: Question[] = []
  const batch = new Batch<number>(
    (key) => {
      alone.push(key)
      return 1
    },
    (keys) => new Promise((answer, fail) => questions.push({ keys, answer, fail })),
  )
  return { batch, alone, questions }
}

test('what is asked in one turn is one question, each key once', async () => {
  const { batch, questions } = setUp()
  const asked = Promise.all(['a', 'b', 'a', 'c'].map((key) => batch.get(key)))
  await turn()
  expect(questions.map(({ keys }) => keys)).toEqual([['a', 'b', 'c']])
  questions[0]?.answer(new Map([['a', 1]]).set('c', 3))
  expect(await asked).toEqual([1, undefined, 1, 3])
})

test('what comes alone is asked alone', async () => {
  const { batch, alone, questions } = setUp()
  expect(await batch.get('a')).toBe(1)
  expect([alone, questions]).toEqual([['a'], []])
})

test('no question is of more than a hundred', async () => {
  const { batch, alone, questions } = setUp()
  const asked = Array.from({ length: 201 }, (_, i) => batch.get(`${i}`))
  await turn()
  expect([questions.map(({ keys }) => keys.length), alone]).toEqual([[100, 100], ['200']])
  for (const { answer } of questions) answer(new Map())
  await Promise.all(asked)
})

test('no question waits for a slow one before it', async () => {
  const { batch, questions } = setUp()
  const slow = Promise.all([batch.get('a'), batch.get('b')])
  await turn()
  const fast = Promise.all([batch.get('c'), batch.get('d')])
  await turn()
  questions[1]?.answer(new Map([['c', 3]]))
  expect(await fast).toEqual([3, undefined])
  questions[0]?.answer(new Map([['a', 1]]))
  expect(await slow).toEqual([1, undefined])
})

test('a question that fails fails for all who asked it, and for nobody else', async () => {
  const { batch, questions } = setUp()
  const first = Promise.allSettled([batch.get('a'), batch.get('b')])
  await turn()
  const second = Promise.all([batch.get('a'), batch.get('c')])
  await turn()
  questions[0]?.fail(new Error('gone'))
  questions[1]?.answer(new Map([['a', 1]]))
  expect((await first).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await second).toEqual([1, undefined])
})
