import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A process that serves one part of the site. */
export interface Child {
  readonly port: number
  readonly pid: number
  /** Ends it: its input ends, as it also does when this process dies. */
  end(): Promise<void>
}

/** Starts a program that prints its port once it listens. What it complains of is shown as ours. */
export async function startChild(
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Child> {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let isWanted = true
  const end = async (): Promise<void> => {
    isWanted = false
    child.stdin.end()
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 3000)
    await exited
    clearTimeout(lastResort)
  }
  const port = await Promise.race([once(createInterface(child.stdout), 'line').then(([line]) => Number(line)), exited])
  if (typeof port !== 'number') throw new Error(`${name} did not start.`)
  void exited.then(() => {
    if (isWanted) console.error(`${name} has ended; its pages are a 502 now.`)
  })
  return { port, pid: child.pid as number, end }
}
