import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { repositoryRoot } from '../../tools/report.js'
import type { StoreAddress } from '../support/engines.js'
import type { Lag } from './lag.js'

export interface AppOptions {
  readonly address: StoreAddress
  readonly onStoreError?: 'error' | 'read-only'
  /** Other settings, as far as JSON holds them. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** What a process noted of itself. */
export interface Notes {
  /** When it began to connect to something, in milliseconds since 1970. */
  readonly connects: readonly number[]
  readonly lags: readonly Lag[]
}

/** A process of the application. */
export class Application implements AsyncDisposable {
  readonly port: number
  readonly #process: ChildProcess
  readonly #said: { text: string }

  private constructor(port: number, process: ChildProcess, said: { text: string }) {
    this.port = port
    this.#process = process
    this.#said = said
  }

  static async start(options: AppOptions): Promise<Application> {
    const command = ['--import', 'tsx', 'test/faults/app.ts', JSON.stringify(options)]
    const child = spawn(process.execPath, command, {
      cwd: repositoryRoot,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const said = { text: '' }
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.text += text
    })
    for await (const line of createInterface(child.stdout)) {
      const port = /^port (\d+)$/.exec(line)?.[1]
      if (port === undefined) continue
      child.stdout.resume()
      return new Application(Number(port), child, said)
    }
    throw new Error(`The application did not start: ${said.text}`)
  }

  /** Whether it ended by itself. */
  get hasCrashed(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** What it printed in its need: errors that are no failure of the store. */
  get complaints(): string {
    return this.#said.text
  }

  async notes(): Promise<Notes> {
    if (this.hasCrashed) return { connects: [], lags: [] }
    const answer = await fetch(`http://127.0.0.1:${this.port}/notes`)
    return (await answer.json()) as Notes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasCrashed) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }
}
