import { type ChildProcess, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import type { Address } from 'sojourn/testing'
import { repositoryRoot } from '../../tools/report.js'
import { type RuntimeName, runtime } from '../support/runtimes.js'
import type { Project } from './project.js'

/** How long a server may take to listen, with whatever its framework has to build before, in milliseconds. */
const PATIENCE = 180_000

/** The server of one column, in a process of its own, begun anew if it ends. */
export class ColumnServer {
  readonly #project: Project
  readonly #server: string
  readonly #runtime: RuntimeName
  #running: Promise<Address> | null = null
  #child: ChildProcess | null = null
  #said = ''

  constructor(project: Project, server: string, name: RuntimeName) {
    this.#project = project
    this.#server = server
    this.#runtime = name
  }

  /** What it printed lately. */
  get said(): string {
    return this.#said.slice(-2000)
  }

  /** Where it listens; started if it is not running. */
  address(): Promise<Address> {
    this.#running ??= this.#start()
    return this.#running
  }

  stop(): void {
    if (this.#child !== null) end(this.#child)
    this.#child = null
    this.#running = null
  }

  async #start(): Promise<Address> {
    const program = await runtime(this.#runtime)
    const isWorkerd = this.#runtime === 'workerd'
    const script = isWorkerd ? await this.#project.worker(this.#server) : this.#project.script(this.#server)
    const args = isWorkerd ? ['serve', '--control-fd=1', script] : [...(options[this.#runtime] ?? []), script]
    this.#said = ''
    // A group of its own, since a framework's tools start others.
    const child = spawn(program, args, {
      cwd: dirname(script),
      // For servers that are built elsewhere.
      env: { ...process.env, SOJOURN_ROOT: repositoryRoot },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    running.add(child)
    return new Promise((resolve, reject) => {
      const failed = (what: string): void => {
        if (this.#child === child) this.stop()
        reject(new Error(`the server ${what}: ${this.said}`))
      }
      const timer = setTimeout(() => failed('did not listen within three minutes'), PATIENCE)
      const hear = (text: string): void => {
        this.#said += text
        const address = addressIn(this.#said)
        if (address === undefined) return
        clearTimeout(timer)
        resolve(address)
      }
      child.stdout.setEncoding('utf8').on('data', hear)
      child.stderr.setEncoding('utf8').on('data', hear)
      child.on('error', (error) => failed(error.message))
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        failed(`ended (${code ?? signal})`)
      })
    })
  }
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) end(child)
})

function end(child: ChildProcess): void {
  running.delete(child)
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It is over already.
  }
}

const options: Partial<Record<RuntimeName, readonly string[]>> = {
  bun: ['run'],
  deno: ['run', '--allow-all', '--node-modules-dir=manual', '--no-check'],
}

/** `contract at http://127.0.0.1:8000, door at http://127.0.0.1:8001`; workerd has words of its own. */
function addressIn(said: string): Address | undefined {
  const [, origin, door] = /contract at (\S+?)(?:, door at (\S+))?\n/.exec(said) ?? []
  if (origin !== undefined) return door === undefined ? { origin } : { origin, door }
  const port = /"event":"listen".*?"port":(\d+)/.exec(said)?.[1]
  return port === undefined ? undefined : { origin: `http://127.0.0.1:${port}` }
}
