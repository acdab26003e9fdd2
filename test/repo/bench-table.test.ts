import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Results } from '../../bench/results.js'
import { readResults, renderTable, renewTables } from '../../bench/table.js'
import { repositoryRoot } from '../../tools/report.js'
import { BARE, measurement, resultsOf, SOJOURN } from '../bench/results.js'

const run = (cpu: number): Results => resultsOf([measurement(1, BARE), measurement(1, SOJOURN, { cpu })])

const page = (table: string): string =>
  `# Title\n\n<!-- bench: bench/results/a.json -->\n\n${table}\n\n<!-- /bench -->\n\nThe end.\n`

test('the tables of README.md are what the files of results make', () => {
  const readme = join(repositoryRoot, 'README.md')
  const text = existsSync(readme) ? readFileSync(readme, 'utf8') : ''
  expect(renewTables(text, readResults(repositoryRoot))).toBe(text)
})

test('a table that is what its file makes stays as it is', () => {
  const readme = page(renderTable(run(15)))
  expect(renewTables(readme, () => run(15))).toBe(readme)
})

test('a figure that is not in the file does not stay', () => {
  expect(renewTables(page(renderTable(run(15))), () => run(16))).toBe(page(renderTable(run(16))))
  expect(page(renderTable(run(16)))).not.toBe(page(renderTable(run(15))))
})

test('the file of results is the one that the table names', () => {
  const asked: string[] = []
  renewTables(page(''), (file) => {
    asked.push(file)
    return run(15)
  })
  expect(asked).toEqual(['bench/results/a.json'])
})

test('a row tells what is added, its range and the store operations of a request', () => {
  const measured = [15, 16, 18].flatMap((cpu, i) => [measurement(i, BARE), measurement(i, SOJOURN, { cpu })])
  const [, , bare, sojourn] = renderTable(resultsOf(measured)).split('\n')
  expect(bare).toBe('| **node:http, bare** (CPU µs, requests/s) | 10, 1.0k |')
  expect(sojourn).toBe('| node:http, sojourn, memory | +6.0 (5..8), 1 op |')
})
