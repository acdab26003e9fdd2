/**
 * The tables of figures in the documentation, from the files in `bench/results/`. A table stands between `<!-- bench: FILE -->`
 * and `<!-- /bench -->`, the short one of README.md between `<!-- bench summary: FILE FILE -->` and `<!-- /bench -->`. Each is what
 * this makes of those files; a test holds it to that.
 *
 *     tsx bench/table.ts bench/results/FILE.json    prints a table
 *     tsx bench/table.ts --write                    renews those in the documentation
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beside } from './beside.js'
import { isBaseRow, lostOf, operations, signed, thousands } from './report.js'
import type { Results } from './results.js'
import type { StoreName } from './subjects/index.js'
import { type Summary, summarise } from './summary.js'

/** The pages that have tables. */
export const benchPages: readonly string[] = ['README.md', 'docs/reference/benchmarks.md']

/** The added CPU of each subject, and sojourn's beside that of others, as Markdown. */
export function renderTable(results: Results): string {
  const summaries = summarise(results)
  return [...addedTable(results, summaries), '', note(results, summaries), ...besideTable(results, summaries)].join(
    '\n',
  )
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function addedTable(results: Results, summaries: readonly Summary[]): string[] {
  const { workloads: columns, lost } = results
  const rows = results.subjects.map((subject) => {
    const cells = columns.map((workload) => {
      const found = summaries.find((each) => each.subject === subject.name && each.workload === workload.name)
      return found === undefined ? '–' : cell(found)
    })
    const name = isBaseRow(subject) ? `**${subject.name}** (CPU µs, requests/s)` : subject.name
    if (lost === undefined) return row([name, ...cells])
    const found = lost.find((each) => each.subject === subject.name)
    return row([name, ...cells, found === undefined ? '–' : lostOf(found)])
  })
  const more = lost === undefined ? [] : ['updates lost']
  return [
    row(['', ...columns.map(({ title }) => title), ...more]),
    row(['---', ...[...columns, ...more].map(() => '--:')]),
    ...rows,
  ]
}

/** sojourn's CPU as a multiple of the floor's and of the best peer's; nothing in files that do not tell who is who. */
function besideTable(results: Results, summaries: readonly Summary[]): string[] {
  const all = beside(results, summaries)
  const names = [...new Set(all.map(({ subject }) => subject))]
  if (names.length === 0) return []
  const rows = names.map((name) => {
    const cells = results.workloads.map((workload) => {
      const found = all.find((each) => each.subject === name && each.workload === workload.name)
      if (found === undefined) return '–'
      return [found.floor, found.peer].map((one) => one?.ratio.toFixed(2) ?? '–').join(' / ')
    })
    return row([name, ...cells])
  })
  return [
    '',
    row(['floor / best peer', ...results.workloads.map(({ title }) => title)]),
    row(['---', ...results.workloads.map(() => '--:')]),
    ...rows,
    '',
    'CPU per request of the whole server as a multiple of that of the floor (the same calls of the same driver, written by hand) and of the',
    'library that took least on such a store, whatever its framework: what it added there is added to this bare server.',
  ]
}

/** What the summary tells: these workloads, on each framework, on those of these stores that some other library was measured on. */
const SUMMARY_WORKLOADS: readonly string[] = ['read', 'write', 'create']
const SUMMARY_STORES: readonly StoreName[] = ['memory', 'SQLite', 'PostgreSQL', 'Redis', 'signed cookies']

/** sojourn's CPU as a multiple of the best peer's, as Markdown: the lines and columns that are chosen above, whatever they say. */
export function renderSummary(runs: readonly Results[]): string {
  const rows = runs.flatMap((results) => {
    const all = beside(results, summarise(results)).filter(({ peer }) => peer !== null)
    return results.subjects.flatMap(({ name, store }) => {
      if (store === null || !SUMMARY_STORES.includes(store) || !all.some(({ subject }) => subject === name)) return []
      const cells = SUMMARY_WORKLOADS.map((workload) => {
        const found = all.find((each) => each.subject === name && each.workload === workload)
        return found?.peer?.ratio.toFixed(2) ?? '–'
      })
      return [row([name.replace(', sojourn', ''), ...cells])]
    })
  })
  return [row(['', ...SUMMARY_WORKLOADS]), row(['---', ...SUMMARY_WORKLOADS.map(() => '--:')]), ...rows].join('\n')
}

function cell({ added, cpu, rate, count }: Summary): string {
  if (added === null) return `${cpu.median.toFixed(0)}, ${thousands(rate.median)}`
  const [stored = '0'] = count === undefined ? [] : operations(count).split(' ')
  const text = `${signed(added.median)} (${added.min.toFixed(0)}..${added.max.toFixed(0)})`
  return stored === '0' ? text : `${text}, ${stored} op`
}

const LOST =
  'Updates lost: of 8 clients of one session that count at once, each 100 times under a key of its own, with 2 ms of work in between.'

function note({ date, machine, versions, options, lost }: Results, summaries: readonly Summary[]): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const all = summaries.reduce((sum, each) => sum + each.rounds, 0)
  const clean = summaries.reduce((sum, each) => sum + each.clean, 0)
  return [
    'CPU µs per request added to the bare server of the same framework in the same round: median (least..most); then the',
    `store operations of one request. ${options.rounds} rounds of ${options.ms} ms that take turns, each with a new process,`,
    `${options.connections} connections, ${options.sessions} sessions; ${clean} of ${all} measurements undisturbed. ${machine.cpu}, ${machine.cpus} cpus,`,
    `Node ${machine.node.slice(1)}, ${names.join(', ')}; ${date.slice(0, 10)}.`,
    ...(lost === undefined ? [] : [LOST]),
  ].join('\n')
}

const TABLE = /(<!-- bench: (\S+) -->\n)[\s\S]*?(\n<!-- \/bench -->)/g
const SUMMARY = /(<!-- bench summary: (\S+(?: \S+)*) -->\n)[\s\S]*?(\n<!-- \/bench -->)/g

/** A page's text with each of its tables as its files make it. */
export function renewTables(page: string, read: (file: string) => Results): string {
  return page
    .replace(TABLE, (_, before: string, file: string, after: string) => {
      return `${before}\n${renderTable(read(file))}\n${after}`
    })
    .replace(SUMMARY, (_, before: string, files: string, after: string) => {
      return `${before}\n${renderSummary(files.split(' ').map(read))}\n${after}`
    })
}

/** Reads one of the files a table names, by its path from the repository's root. */
export function readResults(root: string): (file: string) => Results {
  return (file) => JSON.parse(readFileSync(resolve(root, file), 'utf8')) as Results
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const [given] = process.argv.slice(2)
  if (given === undefined) throw new Error('Give a file of results, or --write.')
  if (given !== '--write') console.log(renderTable(readResults(process.cwd())(given)))
  else {
    for (const page of benchPages.map((path) => join(root, path))) {
      writeFileSync(page, renewTables(readFileSync(page, 'utf8'), readResults(root)))
    }
  }
}
