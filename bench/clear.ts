/**
 * What visitors notice of `sojourn clearsessions` in a table of a million sessions, nine of ten of them expired; and whether it can be
 * interrupted and deletes what it should and nothing else.
 *
 *     npm run bench:clear -- postgres|sqlite [--rows 1000000] [--rate 200] [--seconds 10] [--no-build]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/support/servers/index.js'
import { buildBench } from './build.js'
import { Child } from './child.js'
import { Clearing } from './clear/clearing.js'
import type { Latencies } from './clear/client.js'
import { ClearedTable } from './clear/table.js'

/** Sessions that the client uses. */
const SESSIONS = 500

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '10' },
    'no-build': { type: 'boolean', default: false },
  },
})
const [kind] = positionals
if (kind !== 'postgres' && kind !== 'sqlite') throw new Error('Say which: postgres or sqlite.')
const rows = Number(given.rows)
const programs = buildBench(given['no-build'])
const folder = mkdtempSync(join(tmpdir(), 'sojourn-clear-'))
const server = kind === 'postgres' ? await startPostgres() : undefined
try {
  await measure(server?.url ?? `sqlite:${join(folder, 'db.sqlite3')}`)
} finally {
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}

async function measure(url: string): Promise<void> {
  const table = await ClearedTable.fill(url, { expired: Math.floor(rows * 0.9), live: rows - Math.floor(rows * 0.9) })
  const client = new Child(join(programs, 'clear/client.js'), null, url, String(SESSIONS))
  try {
    const expired = await table.expired()
    const live = (await client.ask<number>('ready')) + rows - Math.floor(rows * 0.9)
    console.log(`${kind}: ${expired} of ${expired + live} sessions expired; ${given.rate} requests/s; ${load()}`)
    const rate = Number(given.rate)
    await client.ask('begin', rate)
    await wait(2000)
    await client.ask<Latencies>('take')
    await wait(Number(given.seconds) * 1000)
    const before = await client.ask<Latencies>('take')
    console.log(`before:  ${line(before)}; ${load()}`)

    const first = new Clearing(url)
    while (first.isRunning && (await table.shareCleared()) < 0.5) await wait(250)
    first.interrupt()
    const stopped = await first.end()
    const second = new Clearing(url)
    const ended = await second.end()
    const during = await client.ask<Latencies>('take')
    await client.ask('stop')

    console.log(`during:  ${line(during)}; ${load()}`)
    const ratio = (of: keyof Latencies): string => (during[of] / before[of]).toFixed(2)
    console.log(`ratio:   p50 ${ratio('p50')}, p99 ${ratio('p99')}`)
    const seconds = stopped.seconds + ended.seconds
    console.log(`rate:    ${Math.round(expired / seconds)} sessions/s, ${seconds.toFixed(1)} s in all`)
    for (const run of [stopped, ended]) {
      const { start, end, most } = run.memory
      console.log(
        `clearing: exit ${run.code}, "${run.said}"; RSS ${start} MB at first, ${end} at the end, ${most} at most`,
      )
    }
    const left = { live: await table.live(), expired: await table.expired() }
    const isRight = left.live === live && left.expired === 0 && stopped.code === 130 && ended.code === 0
    console.log(`left:    ${left.live} live of ${live}, ${left.expired} expired: ${isRight ? 'right' : 'WRONG'}`)
    if (!isRight || during.failed > 0) process.exitCode = 1
  } finally {
    await client.end()
    await table.close()
  }
}

function line({ requests, failed, p50, p99, most }: Latencies): string {
  const times = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, most ${most.toFixed(0)} ms`
  return `${times}, ${requests} requests, ${failed} failed`
}

function load(): string {
  return `load average ${(loadavg()[0] ?? 0).toFixed(1)}`
}
