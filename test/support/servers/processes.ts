import { spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'

/**
 * The processes whose working directory is that folder. It is how to find all processes of a server: PostgreSQL's have
 * each a session and a process group of their own, and lose their parent when that is killed.
 */
export function workingIn(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => workingDirectory(name) === folder)
    .map(Number)
    .filter((pid) => pid !== process.pid)
}

export function signalAll(folder: string, signal: NodeJS.Signals): void {
  for (const pid of workingIn(folder)) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

const watched = new Set<string>()

process.on('exit', () => {
  for (const folder of watched) signalAll(join(folder, 'data'), 'SIGKILL')
})

/**
 * Sees to it that a server does not outlive this process, however that ends: vitest kills a worker that hangs, and then
 * no hook runs. So a shell waits for the end of its input, which the kernel closes with us, and then kills the server's
 * processes (frozen ones too, which would not notice that their parent died) and removes the folder.
 *
 * @param options - whether to remove the folder, and what to run before, in the data folder
 * @returns how to call the watch off, once the server has ended
 */
export function watchOver(folder: string, options: { readonly remove: boolean; readonly sweep?: string }): () => void {
  const { remove, sweep = '' } = options
  const watch = spawn('sh', ['-c', afterwards, 'sh', join(folder, 'data'), remove ? folder : '', sweep], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // A pipe to a process is a socket in Node, which alone would keep this process waiting.
  const input = watch.stdin as unknown as Socket
  input.unref()
  input.on('error', () => undefined)
  watch.unref()
  watch.on('error', () => undefined)
  watched.add(folder)
  return () => {
    watched.delete(folder)
    watch.kill('SIGKILL')
  }
}

/** Kills twice, for what was forked meanwhile. */
const afterwards = `
read -r _
for round in 1 2; do
  for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$1" ]; then kill -KILL "\${process#/proc/}"; fi
  done
done
if [ -n "$3" ]; then (cd "$1" && eval "$3"); fi
if [ -n "$2" ]; then rm -rf -- "$2"; fi
`

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // It ended, or it is somebody else's.
    return undefined
  }
}
