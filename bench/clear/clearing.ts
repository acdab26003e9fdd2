import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../build.js'

/** Milliseconds between two looks at the memory, and until a program counts as begun. */
const LOOK_EVERY = 100
const BEGUN = 1000

export interface Cleared {
  readonly code: number | null
  /** The last line it printed. */
  readonly said: string
  readonly seconds: number
  /** Resident, in MB: a second after the start, at the end and at most. */
  readonly memory: { readonly start: number; readonly end: number; readonly most: number }
}

/** `sojourn clearsessions`, in a process of its own. */
export class Clearing {
  readonly #process: ChildProcess
  readonly #began = performance.now()
  readonly #ended: Promise<unknown>
  readonly #looks: NodeJS.Timeout
  #text = ''
  #memory = { start: 0, end: 0, most: 0 }

  constructor(url: string) {
    const program = join(repositoryRoot, 'dist/cli/main.js')
    this.#process = spawn(process.execPath, [program, 'clearsessions', '--database', url], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (more: string) => (this.#text += more))
    this.#ended = once(this.#process, 'close')
    this.#looks = setInterval(() => this.#look(), LOOK_EVERY)
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  interrupt(): void {
    this.#process.kill('SIGINT')
  }

  async end(): Promise<Cleared> {
    await this.#ended
    clearInterval(this.#looks)
    const said = this.#text.trimEnd().split('\n').at(-1) ?? ''
    const seconds = (performance.now() - this.#began) / 1000
    return { code: this.#process.exitCode, said, seconds, memory: this.#memory }
  }

  #look(): void {
    const now = megabytes(this.#process.pid)
    if (now === undefined) return
    if (this.#memory.start === 0 && performance.now() - this.#began > BEGUN) this.#memory.start = now.resident
    this.#memory = { ...this.#memory, end: now.resident, most: now.most }
  }
}

/** From the kernel, where it tells. */
function megabytes(pid: number | undefined): { resident: number; most: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const of = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)
    const resident = of('VmRSS')
    return Number.isNaN(resident) ? undefined : { resident, most: of('VmHWM') }
  } catch {
    return undefined
  }
}
