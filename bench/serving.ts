import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.js'
import type { Target } from './load.js'
import type { Servers } from './servers.js'
import { canRun, type Subject } from './subjects/index.js'
import { serversOf } from './subjects/stores.js'
import { type Workload, workloads } from './workloads.js'

/** What all subjects of a run have in common. */
export interface Bench {
  /** Where the compiled programs are. */
  readonly programs: string
  /** Where databases and sessions may be kept. */
  readonly folder: string
  readonly servers: Servers
  readonly load: Child
  /** Where the subjects run. */
  readonly cpu: number
}

/** Serves a subject in a process of its own, over empty stores. */
export async function withSubject<Result>(
  { programs, folder, servers, cpu }: Bench,
  subject: Subject,
  use: (server: Child, port: number) => Promise<Result>,
  ...mode: readonly string[]
): Promise<Result> {
  await servers.clear(serversOf(subject.store))
  const file = join(mkdtempSync(join(folder, 'subject-')), 'db.sqlite3')
  const urls = JSON.stringify(servers.urls())
  const server = new Child(join(programs, 'subject.js'), cpu, subject.name, file, urls, ...mode)
  try {
    return await use(server, await server.ask<number>('port'))
  } finally {
    await server.end()
  }
}

/** The workloads that this subject can run, with the sessions they need. */
export async function targetsOf(
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
