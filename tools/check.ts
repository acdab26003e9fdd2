/**
 * One command for all that can be known without running sojourn: `npm run check`. Every step runs, so that one run tells
 * all there is to mend; `npm run check -- docs types` runs only those.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repositoryRoot } from './report.js'

/** A command and its arguments by the step's name. */
export type Steps = Readonly<Record<string, readonly [string, ...string[]]>>

const installed = (name: string): string => join(repositoryRoot, 'node_modules/.bin', name)

const steps: Steps = {
  types: [installed('tsc'), '--noEmit', '-p', 'tsconfig.json'],
  examples: [installed('tsc'), '--noEmit', '-p', 'examples/tsconfig.json'],
  style: [installed('biome'), 'ci', '--error-on-warnings', '--max-diagnostics=30', '--colors=off'],
  imports: [installed('tsx'), 'tools/check-imports.ts'],
  docs: [installed('tsx'), 'tools/check-docs.ts'],
  shown: [installed('tsx'), 'tools/check-shown.ts'],
  links: [installed('tsx'), 'tools/check-links.ts'],
  build: ['npm', 'run', '--silent', 'build'],
  exports: [installed('tsx'), 'tools/check-exports.ts'],
  package: [installed('tsx'), 'tools/check-package.ts'],
  consumers: [installed('tsx'), 'tools/check-consumers.ts'],
}

/** Runs each step, whatever became of those before it, and tells the names of those that failed. */
export function runSteps(all: Steps, wanted: readonly string[] = []): readonly string[] {
  const failed: string[] = []
  for (const [name, [command, ...rest]] of Object.entries(all)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const began = performance.now()
    console.log(`check: ${name}`)
    const { status } = spawnSync(command, rest, { cwd: repositoryRoot, stdio: ['ignore', 'inherit', 'inherit'] })
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(`check: ${name} ${status === 0 ? 'is fine' : 'FAILED'} (${seconds} s)\n`)
    if (status !== 0) failed.push(name)
  }
  return failed
}

function main(wanted: readonly string[]): number {
  const unknown = wanted.filter((name) => !Object.hasOwn(steps, name))
  if (unknown.length > 0) {
    console.error(`check: no step is called ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`)
    return 2
  }
  const failed = runSteps(steps, wanted)
  if (failed.length > 0) console.error(`check: failed: ${failed.join(', ')}`)
  return failed.length > 0 ? 1 : 0
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2))
}
