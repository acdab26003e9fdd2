/**
 * Measures sojourn beside express-session and the bare servers, in rounds that take turns.
 *
 *     npm run bench -- [--rounds 5] [--ms 1000] [--warm MS] [--sessions 256] [--only REGEX] [--out FILE]
 *                   [--no-build] [--micro]
 *
 * `--only` takes subjects by their names, and the bare servers they are compared with; `--micro` times single functions instead
 * (`micro.ts`; there `--only` takes those).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, tmpdir, type } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildBench, repositoryRoot } from './build.js'
import { Child, isPinned } from './child.js'
import type { LoadResult, Look, Target } from './load.js'
import { report } from './report.js'
import type { Count, Measurement, Results } from './results.js'
import { baseOf, canRun, type Subject, subjects } from './subjects/index.js'
import { SESSIONS, type Workload, workloads } from './workloads.js'

const CONNECTIONS = 32
const SUBJECT_CPU = 0
const LOAD_CPU = 1
/** Requests of each kind in the pass that counts. */
const COUNTED = 20

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
  const load = new Child(join(programs, 'load.js'), LOAD_CPU)
  const counts: Count[] = []
  const measurements: Measurement[] = []
  try {
    for (const subject of chosen) counts.push(...(await count(subject, folder, load)))
    for (let round = 1; round <= rounds; round++) {
      // Whoever comes late in one round comes early in the next.
      for (const subject of round % 2 === 1 ? chosen : chosen.toReversed()) {
        process.stderr.write(`round ${round} of ${rounds}: ${subject.name}\n`)
        measurements.push(...(await measure(subject, folder, load, { round, ms, warm, sessions })))
      }
    }
  } finally {
    await load.end()
    rmSync(folder, { recursive: true, force: true })
  }
  const options = { rounds, ms, warm, connections: CONNECTIONS, sessions }
  const results: Results = {
    date: new Date().toISOString(),
    machine: machine(),
    versions: versions(),
    options,
    subjects: chosen.map(({ name, framework, store }) => ({ name, framework, store })),
    workloads: workloads.map(({ name, title }) => ({ name, title })),
    counts,
    measurements,
  }
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
  subject: Subject,
  folder: string,
  load: Child,
  { round, ms, warm, sessions }: { round: number; ms: number; warm: number; sessions: number },
): Promise<Measurement[]> {
  return withSubject(subject, folder, async (server, port) => {
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

/** What a subject asks of its store and says to caches, request by request. */
async function count(subject: Subject, folder: string, load: Child): Promise<Count[]> {
  const counter = async (server: Child, port: number): Promise<Count[]> => {
    const counted: Count[] = []
    for (const { workload, target } of await targetsOf(subject, port, load, 1)) {
      await server.ask('tally')
      const { wrong, setCookie, vary } = await load.ask<Look>('look', { ...target, times: COUNTED })
      const operations = await server.ask<Record<string, number>>('tally')
      if (wrong > 0 && subject.module !== 'bare') {
        throw new Error(`${subject.name} gave ${wrong} wrong answers of ${COUNTED} to '${workload.name}'.`)
      }
      counted.push({
        subject: subject.name,
        workload: workload.name,
        requests: COUNTED,
        operations,
        setCookie,
        vary,
      })
    }
    return counted
  }
  return withSubject(subject, folder, counter, 'count')
}

async function withSubject<Result>(
  subject: Subject,
  folder: string,
  use: (server: Child, port: number) => Promise<Result>,
  ...mode: readonly string[]
): Promise<Result> {
  const file = join(mkdtempSync(join(folder, 'subject-')), 'db.sqlite3')
  const server = new Child(join(programs, 'subject.js'), SUBJECT_CPU, subject.name, file, ...mode)
  try {
    return await use(server, await server.ask<number>('port'))
  } finally {
    await server.end()
  }
}

/** The workloads that this subject can run, with the sessions they need. */
async function targetsOf(
  subject: Subject,
  port: number,
  load: Child,
  count: number,
): Promise<readonly { readonly workload: Workload; readonly target: Target }[]> {
  const possible = workloads.filter((workload) => canRun(subject, workload.name))
  const cookies: Record<string, readonly string[]> = {}
  for (const size of new Set(possible.map((workload) => workload.session))) {
    if (size === null) continue
    const made = await load.ask<string[]>('prepare', { port, path: `/prepare/${size}`, count })
    if (made.length < count && subject.module !== 'bare') {
      throw new Error(`${subject.name} gave ${made.length} cookies for ${count} sessions.`)
    }
    // The bare servers get a cookie too, of a session's size: reading the header is not the library's cost.
    cookies[size] = made.length > 0 ? made : Array.from({ length: count }, bareCookie)
  }
  return possible.map((workload) => {
    const { path, session, answer } = workload
    return { workload, target: { port, path, answer, cookies: (session !== null && cookies[session]) || [] } }
  })
}

function bareCookie(): string {
  return 'sessionid=abcdefghijklmnopqrstuvwxyz012345'
}

function machine(): Results['machine'] {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cpus: all.length,
    os: `${type()} ${release()}`,
    node: process.version,
    pinned: isPinned(),
  }
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const own = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string }
  const peers = ['express', 'express-session', 'better-sqlite3', 'better-sqlite3-session-store']
  const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version
  return { sojourn: own.version, ...Object.fromEntries(peers.map((name) => [name, versionOf(name)])) }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
