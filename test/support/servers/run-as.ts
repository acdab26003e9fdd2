import { type ChildProcess, spawn } from 'node:child_process'
import { run } from '../run.js'
import type { Account } from './account.js'
import type { Place } from './server.js'

/** Runs a program to its end, as another user if one is given; what it printed. */
export async function runOrThrow(
  command: readonly string[],
  options: { readonly account?: Account; readonly folder?: string } = {},
): Promise<string> {
  const { account, folder = '/' } = options
  const user = account === undefined ? [] : [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups']
  const [program = '', ...args] = account === undefined ? command : ['setpriv', ...user, '--', ...command]
  const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, LC_ALL: 'C.UTF-8' }
  const { code, stdout, stderr } = await run(program, args, { cwd: folder, env, seconds: 120 })
  if (code !== 0) throw new Error(`${command[0]} exited ${code}: ${(stderr + stdout).trim().slice(-2000)}`)
  return stdout.trim()
}

/**
 * Starts a program as the server's user. It leads a process group, so that a Ctrl-C in the terminal does not reach it
 * before the tests have ended, and the kernel kills it when the thread that started it dies.
 */
export function spawnAs({ folder, data, account }: Place, command: readonly string[], output: number): ChildProcess {
  const user =
    account === undefined
      ? []
      : [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--no-new-privs']
  // Nothing of the developer's shell: PGOPTIONS, MYSQL_HOME and others change what a server does.
  const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, LC_ALL: 'C.UTF-8' }
  const child = spawn('setpriv', ['--pdeathsig=KILL', ...user, '--', ...command], {
    cwd: data,
    env,
    detached: true,
    stdio: ['ignore', output, output],
  })
  child.unref()
  return child
}
