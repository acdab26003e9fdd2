import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Results } from '../../bench/results.js'
import { subjects } from '../../bench/subjects/index.js'
import { benchPages, readResults, renderSummary, renderTable, renewTables } from '../../bench/table.js'
import { repositoryRoot } from '../../tools/report.js'
import { BARE, measurement, resultsOf, SOJOURN } from '../bench/results.js'

const run = (cpu: number): Results => resultsOf([measurement(1, BARE), measurement(1, SOJOURN, { cpu })])

const page = (table: string): string =>
  `# Title\n\n<!-- bench: bench/results/a.json -->\n\n${table}\n\n<!-- /bench -->\n\nThe end.\n`

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')

test.each(benchPages)('the tables of %s are what the files of results make', (path) => {
  const text = read(path)
  expect(renewTables(text, readResults(repositoryRoot))).toBe(text)
})

test('the short table of README.md is of the files that have their tables on the page of benchmarks', () => {
  const [, files = ''] = /^<!-- bench summary: (.+) -->$/m.exec(read('README.md')) ?? []
  const tables = [...read('docs/reference/benchmarks.md').matchAll(/^<!-- bench: (.+) -->$/gm)].map(([, file]) => file)
  expect(tables.length).toBeGreaterThan(0)
  expect(files.split(' ')).toEqual(tables)
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

test('the summary has a line wherever another library was measured on such a store, better or not', () => {
  const cpu = {
    'node:http, bare': 10,
    'node:http, sojourn, memory': 20,
    'node:http, express-session, memory': 40,
    'node:http, sojourn, signed cookies': 30,
    'node:http, iron-session, encrypted cookies': 20,
    'node:http, sojourn, SQLite': 30,
  }
  const chosen = subjects.filter(({ name }) => name in cpu)
  const measured = Object.entries(cpu).map(([name, each]) => measurement(1, name, { cpu: each }))
  const results = { ...resultsOf(measured), subjects: chosen }
  expect(renderSummary([results, results]).split('\n').slice(2)).toEqual([
    '| node:http, memory | 0.50 | – | – |',
    '| node:http, signed cookies | 1.50 | – | – |',
    '| node:http, memory | 0.50 | – | – |',
    '| node:http, signed cookies | 1.50 | – | – |',
  ])
  const summary = (table: string): string => `<!-- bench summary: a.json b.json -->\n\n${table}\n\n<!-- /bench -->\n`
  expect(renewTables(summary('| by hand |'), () => results)).toBe(summary(renderSummary([results, results])))
})
