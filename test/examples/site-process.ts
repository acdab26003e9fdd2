import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { repositoryRoot } from '../../tools/report.js'

/** The demonstration site as `npm start` runs it: a process of its own. */
export interface SiteProcess {
  readonly origin: string
  /** What it printed until it listened. */
  readonly printed: readonly string[]
  /** `kill -9`: no handler runs, nothing is closed. */
  kill(): Promise<void>
}

/** Starts the site at a port that the system chooses, with passwords that are hashed at once. */
export async function startSite(env: Readonly<Record<string, string>>): Promise<SiteProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/site/server.ts'], {
    cwd: repositoryRoot,
    env: { PATH: process.env['PATH'], PORT: '0', PBKDF2_ITERATIONS: '1000', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const printed: string[] = []
  for await (const line of createInterface(child.stdout)) {
    printed.push(line)
    const origin = /^http:\/\/localhost:[1-9]\d*(?=\/$)/.exec(line)?.[0]
    if (origin !== undefined) {
      child.stdout.resume()
      return { origin, printed, kill: () => kill(child) }
    }
  }
  throw new Error(`The site did not start: ${complaints}`)
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
