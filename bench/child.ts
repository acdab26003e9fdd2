import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** A question to a child process and its answer, one at a time. */
type Answers = Readonly<Record<string, (given: never) => unknown>>

/** In the child: answers what the parent asks, until the parent goes. */
export function answerParent(answers: Answers): void {
  process.on('message', async ({ question, given }: { question: string; given: unknown }) => {
    try {
      process.send?.({ answer: await answers[question]?.(given as never) })
    } catch (error) {
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
}

interface Reply {
  readonly answer?: unknown
  readonly error?: string
}

/** In the parent: a compiled program in a process of its own, on a cpu of its own where `taskset` is there; on any where that is `null`. */
export class Child {
  readonly #process: ChildProcess
  #waiting: ((reply: Reply) => void) | null = null

  constructor(program: string, cpu: number | null, ...given: readonly string[]) {
    const command = [...pinning(cpu), process.execPath, program, ...given]
    this.#process = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' },
    })
    this.#process.on('message', (reply) => this.#waiting?.(reply as Reply))
    this.#process.on('error', (error) => this.#waiting?.({ error: error.message }))
    this.#process.on('exit', (code) => this.#waiting?.({ error: `${program} ended with ${code}.` }))
  }

  ask<Answer>(question: string, given: unknown = null): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = ({ answer, error }) => {
        this.#waiting = null
        if (error === undefined) resolve(answer as Answer)
        else reject(new Error(error))
      }
      this.#process.send({ question, given })
    })
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}

let canPin: boolean | undefined

/** Whether processes stay on a cpu of their own. */
export function isPinned(): boolean {
  canPin ??= spawnSync('taskset', ['-c', '0,1', 'true']).status === 0
  return canPin
}

function pinning(cpu: number | null): readonly string[] {
  return cpu !== null && isPinned() ? ['taskset', '-c', String(cpu)] : []
}
