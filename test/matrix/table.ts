import type { Cell, Column, Result } from './matrix.js'

/** The matrix as a table of Markdown, with a sentence for each reason, each failure, and all of it in one line. */
export function tableOf(claims: readonly string[], results: readonly Result[]): string {
  const reasons: string[] = []
  const mark = (cell: Cell | undefined): string => {
    if (cell === undefined) return ''
    if (cell.state === 'passed') return '✓'
    if (cell.state === 'failed') return '**✗**'
    const at = reasons.indexOf(cell.reason)
    return `–${at < 0 ? reasons.push(cell.reason) : at + 1}`
  }
  const rows = claims.map((claim) => [claim, ...results.map(({ cells }) => mark(cells.get(claim)))])
  const failures = results.flatMap((result) =>
    [...result.cells].flatMap(([claim, cell]) =>
      cell.state === 'failed' ? [`### ${nameOf(result)}: ${claim}\n\n${indented(cell.error)}`] : [],
    ),
  )
  return [
    line(['claim', ...results.map(nameOf)]),
    line(['---', ...results.map(() => '---')]),
    ...rows.map(line),
    '',
    ...reasons.map((reason, at) => `–${at + 1}: ${reason}.  `),
    ...failures.flatMap((each) => ['', each]),
    '',
    summaryOf(results),
  ].join('\n')
}

export function nameOf({ adapter, runtime }: Column): string {
  return `${adapter.name} ${runtime}`
}

/** `1,200 cells: 1,000 passed, 0 failed, 200 cannot be`. */
export function summaryOf(results: readonly Result[]): string {
  const cells = results.flatMap((each) => [...each.cells.values()])
  const count = (state: Cell['state']): number => cells.filter((cell) => cell.state === state).length
  return `${cells.length} cells in ${results.length} columns: ${count('passed')} passed, ${count('failed')} failed, ${count('cannot')} cannot be`
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ')
}
