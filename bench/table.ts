/**
 * The tables of README.md, from the files in `bench/results/`. A table stands between `<!-- bench: FILE -->` and
 * `<!-- /bench -->`, and is what this makes of that file; a test holds it to that.
 *
 *     tsx bench/table.ts bench/results/FILE.json    prints a table
 *     tsx bench/table.ts --write                    renews those in README.md
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isBaseRow, operations, signed, thousands } from './report.js'
import type { Results } from './results.js'
import { type Summary, summarise } from './summary.js'

/** The added CPU of each subject, as Markdown. */
export function renderTable(results: Results): string {
  const summaries = summarise(results)
  const columns = results.workloads
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rows = results.subjects.map((subject) => {
    const cells = columns.map((workload) => {
      const found = summaries.find((each) => each.subject === subject.name && each.workload === workload.name)
      return found === undefined ? '–' : cell(found)
    })
    const name = isBaseRow(subject) ? `**${subject.name}** (CPU µs, requests/s)` : subject.name
    return row([name, ...cells])
  })
  return [
    row(['', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '--:')]),
    ...rows,
    '',
    note(results, summaries),
  ].join('\n')
}

function cell({ added, cpu, rate, count }: Summary): string {
  if (added === null) return `${cpu.median.toFixed(0)}, ${thousands(rate.median)}`
  const [stored = '0'] = count === undefined ? [] : operations(count).split(' ')
  const text = `${signed(added.median)} (${added.min.toFixed(0)}..${added.max.toFixed(0)})`
  return stored === '0' ? text : `${text}, ${stored} op`
}

function note({ date, machine, versions, options }: Results, summaries: readonly Summary[]): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const all = summaries.reduce((sum, each) => sum + each.rounds, 0)
  const clean = summaries.reduce((sum, each) => sum + each.clean, 0)
  return [
    'CPU µs per request added to the bare server of the same framework in the same round: median (least..most); then the',
    `store operations of one request. ${options.rounds} rounds of ${options.ms} ms that take turns, each with a new process,`,
    `${options.connections} connections, ${options.sessions} sessions; ${clean} of ${all} measurements undisturbed. ${machine.cpu}, ${machine.cpus} cpus,`,
    `Node ${machine.node.slice(1)}, ${names.join(', ')}; ${date.slice(0, 10)}.`,
  ].join('\n')
}

const TABLE = /(<!-- bench: (\S+) -->\n)[\s\S]*?(\n<!-- \/bench -->)/g

/** README's text with each of its tables as its file makes it. */
export function renewTables(readme: string, read: (file: string) => Results): string {
  return readme.replace(TABLE, (_, before: string, file: string, after: string) => {
    return `${before}\n${renderTable(read(file))}\n${after}`
  })
}

/** Reads one of the files a table names, by its path from the repository's root. */
export function readResults(root: string): (file: string) => Results {
  return (file) => JSON.parse(readFileSync(resolve(root, file), 'utf8')) as Results
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const readme = join(root, 'README.md')
  const [given] = process.argv.slice(2)
  if (given !== undefined && given !== '--write') console.log(renderTable(readResults(process.cwd())(given)))
  else if (given === '--write' && existsSync(readme)) {
    writeFileSync(readme, renewTables(readFileSync(readme, 'utf8'), readResults(root)))
  } else throw new Error('Give a file of results, or --write.')
}
