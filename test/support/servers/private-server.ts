import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { run } from '../run.js'
import { freePort } from './port.js'
import { signalAll, watchOver, workingIn } from './processes.js'
import { spawnAs } from './run-as.js'
import type { Place, ServerKind, TestServer } from './server.js'

const secondsToAnswer = 30
const secondsToStop = 10
const portTaken = /address already in use/i

/** A server in its place: what `startServer` gives. */
export class PrivateServer implements TestServer {
  readonly #kind: ServerKind
  readonly #place: Place
  readonly #temporary: boolean
  readonly #unwatch: () => void
  #port = 0
  #process: ChildProcess | undefined
  #lastLog: string | undefined

  constructor(kind: ServerKind, place: Place, temporary: boolean) {
    this.#kind = kind
    this.#place = place
    this.#temporary = temporary
    this.#unwatch = watchOver(place.folder, { remove: temporary, sweep: kind.sweep })
  }

  get url(): string {
    return this.#kind.url(this.#port)
  }

  get port(): number {
    return this.#port
  }

  get pid(): number {
    return this.#process?.pid ?? Number.NaN
  }

  get folder(): string {
    return this.#place.folder
  }

  /** The first start: between the choice of a port and its use somebody else may take it. */
  async startAnywhere(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.#port = await freePort()
      if (await this.#launch()) return
      if (tries === 10) throw new Error(`No port for ${this.#kind.name}: ${this.log()}`)
    }
  }

  async start(): Promise<void> {
    if (this.#isRunning()) throw new Error(`${this.#kind.name} runs already; kill or stop it first`)
    // Connections of a moment ago may still be in the way.
    for (let tries = 1; !(await this.#launch()); tries += 1) {
      if (tries === 20) throw new Error(`Port ${this.#port} of ${this.#kind.name} was taken: ${this.log()}`)
      await wait(100)
    }
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL', secondsToStop)
  }

  stop(): Promise<void> {
    this.resume()
    return this.#end(this.#kind.stopSignal ?? 'SIGTERM', secondsToStop)
  }

  pause(): void {
    // The first one first: it makes the others. A child that it made before it stopped is met in the second round.
    this.#process?.kill('SIGSTOP')
    signalAll(this.#place.data, 'SIGSTOP')
    signalAll(this.#place.data, 'SIGSTOP')
  }

  resume(): void {
    signalAll(this.#place.data, 'SIGCONT')
  }

  log(): string {
    return this.#lastLog ?? tail(this.#logFile, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume()
    await this.#end(this.#kind.discardSignal ?? 'SIGKILL', 3)
    this.#lastLog ??= this.log()
    await this.#sweep()
    this.#unwatch()
    if (this.#temporary) await rm(this.#place.folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #sweep(): Promise<void> {
    const { sweep } = this.#kind
    const { data } = this.#place
    if (sweep !== undefined && existsSync(data)) await run('sh', ['-c', sweep], { cwd: data })
  }

  get #logFile(): string {
    return join(this.#place.folder, 'log')
  }

  #isRunning(): boolean {
    const child = this.#process
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** Whether it started: false if the port was taken. Any other reason is an error. */
  async #launch(): Promise<boolean> {
    const { data } = this.#place
    const output = openSync(this.#logFile, 'a')
    const begin = fstatSync(output).size
    const child = spawnAs(this.#place, this.#kind.command(this.#place, this.#port), output)
    closeSync(output)
    this.#process = child
    let failure: unknown
    const ended = new Promise<false>((resolve) => child.once('exit', () => resolve(false)))
    child.once('error', (error) => (failure = error))
    const { name } = this.#kind
    const patience = performance.now() + secondsToAnswer * 1000
    while (this.#isRunning()) {
      try {
        const { url, port, pid } = this
        // Who has taken our port may never answer, and then ours has ended long before.
        if (await Promise.race([this.#kind.isOurs({ url, port, pid, data }), ended])) return true
        failure = new Error(`another server answers on port ${port}`)
      } catch (error) {
        failure = error
      }
      if (performance.now() > patience) {
        await this.kill()
        throw new Error(`${name} did not answer within ${secondsToAnswer} s: ${this.log()}`, { cause: failure })
      }
      await wait(20)
    }
    await this.kill()
    if (portTaken.test(tail(this.#logFile, begin))) return false
    throw new Error(`${name} ended before it answered: ${this.log()}`, { cause: failure })
  }

  async #end(signal: NodeJS.Signals, seconds: number): Promise<void> {
    const child = this.#process
    const patience = performance.now() + seconds * 1000
    if (this.#isRunning()) child?.kill(signal)
    while (this.#isRunning() || workingIn(this.#place.data).length > 0) {
      if (signal === 'SIGKILL' || performance.now() > patience) {
        child?.kill('SIGKILL')
        signalAll(this.#place.data, 'SIGKILL')
      }
      await wait(5)
    }
  }
}

/** The end of a file, of at most 8 KB, from `begin` on. */
function tail(file: string, begin: number): string {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(handle)
    const from = Math.max(begin, size - 8192)
    const bytes = Buffer.alloc(Math.max(0, size - from))
    return bytes.toString('utf8', 0, readSync(handle, bytes, 0, bytes.length, from))
  } finally {
    closeSync(handle)
  }
}
