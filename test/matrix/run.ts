/**
 * The contract's claims in every adapter on every runtime, as a table:
 *
 *     npm run matrix
 *     npm run matrix -- express5 bun     only these adapters and runtimes
 *     npm run matrix -- --quick          fewer tries of what may go wrong by chance: as many as in `npm test`
 *     npm run matrix -- --jobs 4         so many columns at a time (default 2)
 *
 * Ends with 1 if a cell failed. A runtime that is not there is installed below node_modules/.cache.
 */
import { parseArgs } from 'node:util'
import { inLanes } from './lanes.js'
import { claims, columnsFor, type Result, runColumn } from './matrix.js'
import { makeProject } from './project.js'
import { quickCounts } from './quick.js'
import { nameOf, summaryOf, tableOf } from './table.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, jobs: { type: 'string', default: '2' } },
})
const counts = values.quick ? quickCounts : {}
const columns = columnsFor(positionals)
if (columns.length === 0) {
  console.error(`No column is named so: ${positionals.join(' ')}. There are ${columnsFor([]).map(nameOf).join(', ')}.`)
  process.exit(2)
}

// The servers end with this process, and are no part of its group.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

// A claim that failed may have asked for something that it no longer waits for; its cell says why it failed.
process.on('unhandledRejection', (error) =>
  console.error(`left behind: ${error instanceof Error ? error.message : error}`),
)

const project = await makeProject()
try {
  const results = await inLanes(Number(values.jobs), columns, async (column): Promise<Result> => {
    const began = performance.now()
    const result = await runColumn(project, column, counts)
    console.error(`${nameOf(column)}: ${summaryOf([result])} (${Math.round((performance.now() - began) / 1000)} s)`)
    return result
  })
  console.log(tableOf(claims(counts), results))
  const failed = results.some(({ cells }) => [...cells.values()].some(({ state }) => state === 'failed'))
  process.exitCode = failed ? 1 : 0
} finally {
  project.remove()
}
