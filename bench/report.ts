import { type Beside, beside, type Ratio } from './beside.js'
import type { Lost, Results } from './results.js'
import { baseOf } from './subjects/index.js'
import { type Spread, type Summary, summarise } from './summary.js'

/** What a run found, for a terminal: added CPU first, then what it means for the rate, latencies and store operations. */
export function report(results: Results): string {
  const summaries = summarise(results)
  const part = (heading: string, cell: (summary: Summary) => string): string =>
    `${heading}\n\n${grid(results, summaries, cell)}`
  return [
    about(results),
    part('CPU µs per request added to the bare server: median (min..max); the bare server: its own', addedCell),
    part('Requests per second, as a part of the bare server’s; the bare server: its own', (summary) =>
      summary.ratio === null ? `${thousands(summary.rate.median)}/s` : summary.ratio.median.toFixed(2),
    ),
    part('Latency at these connections, p50 / p99 ms', ({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`),
    part('Store operations per request; C: Set-Cookie, V: Vary: Cookie', countCell),
    ...besides(results, beside(results, summaries)),
    ...lostPart(results),
    part('Clean rounds', ({ clean, rounds }) => `${clean} of ${rounds}`),
    ...warnings(results, summaries),
  ].join('\n\n')
}

function about({ machine, options, versions, date }: Results): string {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${date}: ${machine.cpu}, ${machine.cpus} cpus${machine.pinned ? ', subject and load pinned' : ', NOT PINNED'}, ${machine.os}, Node ${machine.node}`,
    `${peers.join(', ')}; ${options.rounds} rounds of ${options.ms} ms, ${options.connections} connections, ${options.sessions} sessions`,
  ].join('\n')
}

/** CPU beside the floor and the best peer, if there are any. */
function besides(results: Results, found: readonly Beside[]): string[] {
  const part = (heading: string, of: (each: Beside) => Ratio | null, cell: (ratio: Ratio) => string): string[] => {
    const compared = found.filter((each) => of(each) !== null)
    if (compared.length === 0) return []
    const names = [...new Set(compared.map(({ subject }) => subject))]
    const rows = names.map((name) => [
      name,
      ...results.workloads.map((workload) => {
        const ratio = compared.find((each) => each.subject === name && each.workload === workload.name)
        return ratio === undefined ? '-' : cell(of(ratio) as Ratio)
      }),
    ])
    return [`${heading}\n\n${columns([['', ...results.workloads.map(({ title }) => title)], ...rows])}`]
  }
  return [
    ...part(
      'CPU per request, as a multiple of the floor’s on the same driver',
      ({ floor }) => floor,
      ({ ratio }) => ratio.toFixed(2),
    ),
    ...part(
      'CPU per request, as a multiple of the best peer’s on such a store',
      ({ peer }) => peer,
      ({ ratio, to }) => `${ratio.toFixed(2)} (${to.split(', ')[1]})`,
    ),
  ]
}

function lostPart({ lost = [] }: Results): string[] {
  if (lost.length === 0) return []
  const rows = lost.map((each) => [each.subject, lostOf(each)])
  return [`Updates lost: 8 clients of one session that count at once, each under its own key\n\n${columns(rows)}`]
}

export function lostOf({ lost, of }: Lost): string {
  return `${lost} of ${of}`
}

function addedCell({ added, cpu }: Summary): string {
  return added === null ? cpu.median.toFixed(1) : `${signed(added.median)} (${range(added)})`
}

function countCell({ count }: Summary): string {
  if (count === undefined) return ''
  const marks = `${count.setCookie > 0 ? 'C' : ''}${count.vary > 0 ? 'V' : ''}`
  return `${operations(count)} ${marks}`.trim()
}

/** `2 SELECT UPDATE`: how many for one request, and which. */
export function operations({ operations: counted, requests }: NonNullable<Summary['count']>): string {
  const all = Object.entries(counted)
  const total = all.reduce((sum, [, calls]) => sum + calls, 0) / requests
  const names = all.map(([name, calls]) => (calls === requests ? name : `${name}×${number(calls / requests)}`))
  return [number(total), ...names].join(' ')
}

function warnings(results: Results, summaries: readonly Summary[]): string[] {
  const lines: string[] = []
  const wrong = summaries.filter((each) => each.wrong > 0)
  for (const each of wrong) lines.push(`WRONG: ${each.wrong} answers of ${each.subject} to '${each.workload}'`)
  const busy = results.measurements.filter((each) => each.busy > 0.95)
  if (busy.length > 0) {
    const names = [...new Set(busy.map((each) => `${each.subject} (${each.workload})`))]
    lines.push(
      `The load generator had no time left in ${busy.length} measurements; their requests per second are its own, CPU per request is not touched: ${names.join('; ')}`,
    )
  }
  return lines
}

function grid(results: Results, summaries: readonly Summary[], cell: (summary: Summary) => string): string {
  const head = ['', ...results.workloads.map(({ title }) => title)]
  const rows = results.subjects.map(({ name }) => [
    name,
    ...results.workloads.map((workload) => {
      const found = summaries.find((each) => each.subject === name && each.workload === workload.name)
      return found === undefined ? '-' : cell(found)
    }),
  ])
  return columns([head, ...rows])
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ')
  return rows.map(line).join('\n')
}

export function isBaseRow(subject: Results['subjects'][number]): boolean {
  return subject.name === baseOf(subject)
}

export function signed(value: number): string {
  const text = Math.abs(value) >= 10 ? Math.abs(value).toFixed(0) : Math.abs(value).toFixed(1)
  return `${value < 0 ? '-' : '+'}${text}`
}

function range({ min, max }: Spread): string {
  return `${number(min)}..${number(max)}`
}

export function number(value: number): string {
  return Math.abs(value) >= 10 ? value.toFixed(0) : String(Math.round(value * 10) / 10)
}

export function thousands(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : `${(value / 1000).toFixed(1)}k`
}
