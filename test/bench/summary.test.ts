import { expect, test } from 'vitest'
import type { Measurement } from '../../bench/results.js'
import { spread, summarise } from '../../bench/summary.js'
import { BARE, measurement, resultsOf, SOJOURN } from './results.js'

const addedBy = (measurements: readonly Measurement[]) => {
  const found = summarise(resultsOf(measurements)).find((each) => each.subject === SOJOURN)
  return { added: found?.added, clean: found?.clean }
}

/** A round in which the bare server takes `bare` µs and sojourn `with` µs. */
const round = (n: number, bare: number, withSojourn: number, calibration = 10): Measurement[] => [
  measurement(n, BARE, { cpu: bare }),
  measurement(n, SOJOURN, { cpu: withSojourn, calibration }),
]

test('what is added is counted from the bare server of the same round', () => {
  const { added } = addedBy([...round(1, 100, 105), ...round(2, 10, 16), ...round(3, 50, 57)])
  expect(added).toEqual({ median: 6, min: 5, max: 7 })
})

test('a round in which the machine was slowed is left out while three clean ones remain', () => {
  const rounds = [...round(1, 10, 15), ...round(2, 10, 99, 12.6), ...round(3, 10, 16), ...round(4, 10, 17)]
  expect(addedBy(rounds)).toEqual({ added: { median: 6, min: 5, max: 7 }, clean: 3 })
})

test('a round is not clean when the bare server was the one that was slowed', () => {
  const slowed = [measurement(4, BARE, { cpu: 90, calibration: 20 }), measurement(4, SOJOURN, { cpu: 20 })]
  const rounds = [...round(1, 10, 15), ...round(2, 10, 16), ...round(3, 10, 17), ...slowed]
  expect(addedBy(rounds)).toEqual({ added: { median: 6, min: 5, max: 7 }, clean: 3 })
})

test('with fewer than three clean rounds all are taken, and the count tells', () => {
  const rounds = [...round(1, 10, 15), ...round(2, 10, 99, 20), ...round(3, 10, 16)]
  expect(addedBy(rounds)).toEqual({ added: { median: 6, min: 5, max: 89 }, clean: 2 })
})

test('the bare server is not compared with itself', () => {
  const [bare] = summarise(resultsOf(round(1, 10, 15)))
  expect(bare).toMatchObject({ subject: BARE, added: null, ratio: null, cpu: { median: 10 } })
})

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, median) => {
  expect(spread(values).median).toBe(median)
})
