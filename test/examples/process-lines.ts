import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** So many lines of what a process prints, fewer if it ends before. */
export async function linesOf(child: ChildProcess, count: number): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
    if (lines.push(line) === count) break
  }
  child.stdout?.resume()
  return lines
}

/** Ends a process, if it has not ended by itself, and says with what code it did. */
export async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  return child.exitCode
}
