import { expect, test } from 'vitest'
import { changes, readSizes, renderSizes, type Sizes } from '../../tools/sizes.js'

const sizes = (minified: number, name = 'sojourn'): Sizes => ({ [name]: { minified, gzip: 1000 } })

test('a page says what it was made of', () => {
  const made = { ...sizes(20_000), ...sizes(300, '{ getSession } from sojourn') }
  expect(readSizes(renderSizes(made))).toEqual(made)
})

test.each([
  ['by a twentieth', 20_000, 21_000],
  ['by less than half a kilobyte', 300, 811],
  ['by nothing', 20_000, 20_000],
  ['the other way', 20_000, 100],
])('an entry may grow %s', (_, before, now) => {
  expect(changes(sizes(before), sizes(now))).toEqual([])
})

test.each([
  ['more than a twentieth', 20_000, 21_001, '+5 %'],
  ['half a kilobyte, and it is small', 300, 812, '+171 %'],
])('an entry that grew by %s is told, and how to renew the page', (_, before, now, share) => {
  expect(changes(sizes(before), sizes(now))).toEqual([
    `sojourn grew from ${before} to ${now} bytes (${share}): if that is meant, renew docs/reference/sizes.md by \`npm run sizes -- --write\``,
  ])
})

test('an entry that is new or gone is told', () => {
  expect(changes(sizes(1, 'sojourn/old'), sizes(1, 'sojourn/new'))).toEqual([
    expect.stringMatching(/^sojourn\/new is not on the page: .*--write/),
    expect.stringMatching(/^sojourn\/old is on the page, and no longer there: .*--write/),
  ])
})
