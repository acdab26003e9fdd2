import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { repositoryRoot } from '../../tools/report.js'
import type { AppOptions } from './subjects.js'

/** A process of the application. */
export class App {
  readonly #options: AppOptions
  #process: ChildProcess | undefined
  #port = 0
  #complaints = ''
  /** It was killed on purpose and is not back yet: who loses a connection now has nothing to complain of. */
  isDown = true
  /** How often it ended by itself. */
  crashes = 0

  constructor(options: AppOptions) {
    this.#options = options
  }

  get port(): number {
    return this.#port
  }

  /** What it printed in its need. */
  get complaints(): string {
    return this.#complaints
  }

  async start(): Promise<void> {
    const command = ['--import', 'tsx', 'test/oracles/app.ts', JSON.stringify(this.#options)]
    const child = spawn(process.execPath, command, {
      cwd: repositoryRoot,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#process = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text))
    child.on('exit', () => {
      if (!this.isDown) this.crashes++
    })
    for await (const line of createInterface(child.stdout)) {
      const port = /^port (\d+)$/.exec(line)?.[1]
      if (port === undefined) continue
      child.stdout.resume()
      this.#port = Number(port)
      this.isDown = false
      return
    }
    throw new Error(`The application did not start: ${this.#complaints}`)
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.isDown = true
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}

/** Starts so many processes of the application. */
export async function startApps(options: AppOptions, count: number): Promise<readonly App[]> {
  const apps = Array.from({ length: count }, () => new App(options))
  try {
    await Promise.all(apps.map((app) => app.start()))
    return apps
  } catch (error) {
    await endApps(apps)
    throw error
  }
}

export async function endApps(apps: readonly App[]): Promise<void> {
  await Promise.all(apps.map((app) => app.kill()))
}
