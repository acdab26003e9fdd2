import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot: string = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')

/** Where the compiled bench lives. Git and npm do not see it. */
const FOLDER = join(repositoryRoot, 'node_modules/.cache/sojourn-bench')

/**
 * Compiles the bench to plain JavaScript and returns its folder. What is measured runs under `node` alone: a loader that
 * compiles as it goes also wraps functions, and that would be measured too. The package is found as a user's program finds it, in
 * `node_modules`, and so is `dist/`.
 *
 * @param isBuilt the package was built already
 */
export function buildBench(isBuilt: boolean): string {
  if (!isBuilt) run('npm', ['run', '--silent', 'build'])
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(join(FOLDER, 'node_modules'), { recursive: true })
  symlinkSync(repositoryRoot, join(FOLDER, 'node_modules/sojourn'), 'dir')
  writeFileSync(join(FOLDER, 'package.json'), '{ "type": "module" }')
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  run(process.execPath, [join(dirname(typescript), 'bin/tsc'), '-p', join(repositoryRoot, 'bench')])
  return FOLDER
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: repositoryRoot, stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed.`)
}
