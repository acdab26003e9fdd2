/**
 * Starts an example on another runtime than this Node, which is installed where it is missing. An example that has a `package.json` gets its
 * packages first.
 *
 *     tsx examples/runtime.ts bun examples/bun/app.ts
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RuntimeName, runtime } from '../test/support/runtimes.js'
import { buildSojourn, prepareProject } from './project.js'

/** What stands before the file. */
const ARGUMENTS: Partial<Record<RuntimeName, readonly string[]>> = {
  deno: ['run', '--allow-all', '--quiet'],
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [, , name = '', file = ''] = process.argv
const folder = dirname(join(root, file))

if (existsSync(join(folder, 'package.json'))) await prepareProject(folder)
else buildSojourn()
const program = await runtime(name as RuntimeName)
const args = [...(ARGUMENTS[name as RuntimeName] ?? []), join(root, file)]
const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 0)
})
