import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { type Ran, tree } from './tree.js'

const passing = "test('passes', () => {})\n"
const skipping = "test.skip('needs a database', () => {})\n"

/** A real run of a small test file, reported by a TestReporter that allows skips or does not. */
function run(source: string, mayHaveSkips: boolean, ...args: string[]): Ran {
  const reporter = JSON.stringify(join(repositoryRoot, 'tools/test-reporter.ts'))
  const root = tree({
    'package.json': { type: 'module' },
    'vitest.config.ts': `import { TestReporter } from ${reporter}
export default { test: { globals: true, reporters: [new TestReporter(${mayHaveSkips})] } }
`,
    'some.test.ts': source,
  })
  const vitest = join(repositoryRoot, 'node_modules/vitest/vitest.mjs')
  return spawnSync(process.execPath, [vitest, 'run', '--root', root, ...args], { cwd: root, encoding: 'utf8' })
}

test('the last line counts what passed, failed and was skipped', () => {
  const { status, stdout } = run(`${passing}${skipping}test('fails', () => expect(1).toBe(2))\n`, true)
  expect(stdout.trim().split('\n').at(-1)).toBe('Tests: 1 passed, 1 failed, 1 skipped')
  expect(status).toBe(1)
})

test('a skipped test fails the run where nothing need be skipped', () => {
  const { status, stdout, stderr } = run(passing + skipping, false)
  expect(status).toBe(1)
  expect(stdout).toContain('1 passed, 0 failed, 1 skipped')
  expect(stderr).toContain('some.test.ts > needs a database')
})

test('a skipped test is allowed elsewhere', () => {
  expect(run(passing + skipping, true).status).toBe(0)
})

test('tests not asked for by name are not counted against the run', () => {
  expect(run(`${passing}test('another', () => {})\n`, false, '-t', 'passes').status).toBe(0)
})

test('a file that cannot be loaded is a failure', () => {
  const { status, stdout } = run("throw new Error('broken')\n", true)
  expect(status).toBe(1)
  expect(stdout).toContain('Tests: 0 passed, 1 failed, 0 skipped')
})
