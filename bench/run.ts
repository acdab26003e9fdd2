/**
 * Measures sojourn beside other libraries and the bare servers, in rounds that take turns.
 *
 *     npm run bench -- [--rounds 5] [--ms 1000] [--warm MS] [--sessions 256] [--only REGEX] [--out FILE]
 *                   [--no-build] [--micro]
 *
 * `--only` takes subjects by their names, and the bare servers they are compared with; a server is started if one of them needs it.
 * `--micro` times single functions instead (`micro.ts`; there `--only` takes those).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildBench, repositoryRoot } from './build.js'
import { Child, isPinned } from './child.js'
import { countAll } from './count.js'
import type { LoadResult } from './load.js'
import { machine, versions } from './machine.js'
import { report } from './report.js'
import type { Measurement, Results } from './results.js'
import { Servers } from './servers.js'
import { type Bench, targetsOf, withSubject } from './serving.js'
import { baseOf, type Subject, subjects } from './subjects/index.js'
import { serversOf } from './subjects/stores.js'
import { SESSIONS, workloads } from './workloads.js'

const CONNECTIONS = 32
const SUBJECT_CPU = 0
const LOAD_CPU = 1

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string' },
    warm: { type: 'string' },
    sessions: { type: 'string', default: String(SESSIONS) },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
    micro: { type: 'boolean', default: false },
  },
})
const programs = buildBench(given['no-build'])
if (given.micro) micro()
else await compare()

function micro(): void {
  const flags = ['--only', given.only, '--rounds', given.rounds, ...(given.ms === undefined ? [] : ['--ms', given.ms])]
  const program = [process.execPath, join(programs, 'micro.js'), ...flags]
  const command = isPinned() ? ['taskset', '-c', String(SUBJECT_CPU), ...program] : program
  const { status } = spawnSync(command[0] as string, command.slice(1), { stdio: 'inherit' })
  process.exitCode = status ?? 1
}

async function compare(): Promise<void> {
  const rounds = Number(given.rounds)
  const ms = Number(given.ms ?? 1000)
  const warm = Number(given.warm ?? ms / 2)
  const sessions = Number(given.sessions)
  const chosen = choose(new RegExp(given.only, 'i'))
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-bench-'))
  const servers = await Servers.start(
    chosen.flatMap(({ store }) => serversOf(store)),
    LOAD_CPU,
  )
  const load = new Child(join(programs, 'load.js'), LOAD_CPU)
  const bench: Bench = { programs, folder, servers, load, cpu: SUBJECT_CPU }
  const measurements: Measurement[] = []
  try {
    const { counts, lost } = await countAll(bench, chosen)
    for (let round = 1; round <= rounds; round++) {
      // Whoever comes late in one round comes early in the next.
      for (const subject of round % 2 === 1 ? chosen : chosen.toReversed()) {
        process.stderr.write(`round ${round} of ${rounds}: ${subject.name}\n`)
        measurements.push(...(await measure(bench, subject, { round, ms, warm, sessions })))
      }
    }
    finish({
      date: new Date().toISOString(),
      machine: machine(),
      versions: { ...versions(chosen), ...(await servers.versions()) },
      options: { rounds, ms, warm, connections: CONNECTIONS, sessions },
      subjects: chosen.map(({ name, module, framework, store }) => ({ name, module, framework, store })),
      workloads: workloads.map(({ name, title }) => ({ name, title })),
      counts,
      lost,
      measurements,
    })
  } finally {
    await load.end()
    await servers.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

function finish(results: Results): void {
  const file = given.out ?? join(repositoryRoot, 'bench/results', `${results.date.slice(0, 16).replace(':', '')}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  console.log(report(results))
  console.log(`\nAll of it is in ${file}`)
}

/** The subjects whose name fits, and what they are compared with. */
function choose(only: RegExp): readonly Subject[] {
  const wanted = subjects.filter((subject) => only.test(subject.name))
  const bases = new Set(wanted.map(baseOf))
  const chosen = subjects.filter((subject) => wanted.includes(subject) || bases.has(subject.name))
  if (chosen.length === 0) throw new Error(`No subject fits ${only}: ${subjects.map(({ name }) => name).join('; ')}.`)
  return chosen
}

/**
 * A new process for each round: processes of the same code differ from each other by more than rounds of one process do, and
 * so the rounds tell how much.
 */
async function measure(
  bench: Bench,
  subject: Subject,
  { round, ms, warm, sessions }: { round: number; ms: number; warm: number; sessions: number },
): Promise<Measurement[]> {
  return withSubject(bench, subject, async (server, port) => {
    const { load } = bench
    const targets = await targetsOf(subject, port, load, sessions)
    for (const { target } of targets) await load.ask('load', { ...target, connections: CONNECTIONS, ms: warm })
    const measured: Measurement[] = []
    for (const { workload, target } of targets) {
      const calibrationBefore = await server.ask<number>('calibrate')
      const cpuBefore = await server.ask<number>('cpu')
      const result = await load.ask<LoadResult>('load', { ...target, connections: CONNECTIONS, ms })
      const cpuAfter = await server.ask<number>('cpu')
      const calibrationAfter = await server.ask<number>('calibrate')
      const { answered, wrong, elapsedMs, p50, p99, busy } = result
      measured.push({
        round,
        subject: subject.name,
        workload: workload.name,
        rate: Math.round((answered / elapsedMs) * 1000),
        cpu: rounded((cpuAfter - cpuBefore) / answered),
        p50: rounded(p50),
        p99: rounded(p99),
        wrong,
        calibration: rounded(Math.max(calibrationBefore, calibrationAfter)),
        busy: rounded(busy),
      })
    }
    return measured
  })
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
