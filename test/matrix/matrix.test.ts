import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runtimeNames } from '../support/runtimes.js'
import { adapters, exceptions } from './columns.js'
import { claims, columnsFor, type Result, whyNot } from './matrix.js'
import { quickColumns } from './quick.js'
import { nameOf, tableOf } from './table.js'

const columns = columnsFor([])

test('every runtime has a file that runs its columns', () => {
  const missing = runtimeNames.filter((name) => !existsSync(join(import.meta.dirname, `on-${name}.test.ts`)))
  expect(missing).toEqual([])
})

test('every exception is about claims and columns that there are', () => {
  for (const { claim, by, runtimes = /^/ } of exceptions) {
    expect(
      claims({}).some((each) => claim.test(each)),
      String(claim),
    ).toBe(true)
    const found = columns.some(({ adapter, runtime }) => (by ?? adapter.by) === adapter.by && runtimes.test(runtime))
    expect(found, `${by} ${runtimes}`).toBe(true)
  }
})

test('with every change each adapter is tried on some runtime, here or by a test of its own', () => {
  const own = readdirSync(join(import.meta.dirname, '../contracts/adapters')).map((file) => file.split('.')[0])
  const quick = Object.entries(quickColumns).flatMap(([runtime, names]) => names.map((name) => `${name} ${runtime}`))
  expect(quick.filter((name) => !columns.map(nameOf).includes(name))).toEqual([])
  const untried = adapters.filter(
    ({ name, server }) => !own.includes(server) && !quick.some((each) => each.startsWith(`${name} `)),
  )
  expect(untried).toEqual([])
})

test('a claim that an adapter does not have is a cell with a reason, and every other one is run', () => {
  const [fetch] = columnsFor(['fetch', 'node20'])
  const known = new Map([['known', { name: 'known', run: async () => undefined }]])
  expect(whyNot(fetch as (typeof columns)[number], 'known', known)).toBeUndefined()
  expect(whyNot(fetch as (typeof columns)[number], 'unknown', known)).toBe('its pages answer with no ServerResponse')
})

test('words choose columns by adapter and by runtime', () => {
  const names = columnsFor(['express5', 'node:http2', 'bun', 'node22']).map(nameOf)
  expect(names).toEqual(['node:http2 node22', 'node:http2 bun', 'express5 node22', 'express5 bun'])
  expect(columns.length).toBeGreaterThan(adapters.length)
})

describe('the table', () => {
  const [column] = columnsFor(['fetch', 'bun'])
  const result: Result = {
    ...(column as Result),
    cells: new Map([
      ['one', { state: 'passed' }],
      ['two', { state: 'failed', error: 'Error: because' }],
      ['three', { state: 'cannot', reason: 'nobody can' }],
    ]),
  }
  const table = tableOf(['one', 'two', 'three'], [result])

  test('marks what passed, what failed and what cannot be', () => {
    expect(table).toContain('| one | ✓ |\n| two | **✗** |\n| three | –1 |')
  })

  test('tells reasons, failures and how many there are', () => {
    expect(table).toContain('–1: nobody can.')
    expect(table).toContain('### fetch bun: two\n\n    Error: because')
    expect(table).toContain('3 cells in 1 columns: 1 passed, 1 failed, 1 cannot be')
  })
})
