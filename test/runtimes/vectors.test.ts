import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { run } from '../support/run.js'
import { runtime } from '../support/runtimes.js'
import { type Bundle, bundle } from './bundle.js'

let program: Bundle
beforeAll(async () => {
  program = await bundle('../vectors/run.ts', 'server')
})
afterAll(() => program[Symbol.dispose]())

test.each([
  ['node22', []],
  ['node24', []],
  ['node26', []],
  ['bun', []],
  ['deno', ['run', '--allow-all']],
] as const)(
  "%s reads and writes Django's bytes",
  async (name, args) => {
    const vectors = join(repositoryRoot, 'test/vectors/vectors.json')
    const { code, stdout, stderr } = await run(await runtime(name), [...args, program.path, vectors], { seconds: 120 })
    expect(stdout + stderr).toMatch(/^total +[7-9]\d\d +0 +0$/m)
    expect(code).toBe(0)
  },
  200_000,
)
