import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'

/**
 * The whole files of the page on testing, each run by its runner in a project of a user's: with the built package and the packages that
 * the page names.
 */
const page = readFileSync(join(repositoryRoot, 'docs/guide/testing.md'), 'utf8')

/** The whole files of a section: blocks that begin with their name. */
function filesOf(heading: string): ReadonlyMap<string, string> {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  const blocks = section.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```$/gms)
  return new Map([...blocks].map(([, name = '', code = '']) => [name, code]))
}

const JEST = '30.5.2'

interface Runner {
  readonly section: string
  readonly file: string
  /** The command, from the project's folder. */
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** What it prints of so many tests that passed. */
  passed(count: number): RegExp
  readonly tests: number
}

const VM_MODULES = { NODE_OPTIONS: '--experimental-vm-modules' }
const jest = (match: string): readonly string[] => ['node_modules/jest/bin/jest.js', '--testMatch', match]
const passedInJest = (count: number): RegExp => new RegExp(`^Tests: +${count} passed, ${count} total$`, 'm')

const runners: Readonly<Record<string, Runner>> = {
  Vitest: {
    section: 'Vitest',
    file: 'shop.test.js',
    command: ['node_modules/vitest/vitest.mjs', 'run', '--root', '.'],
    passed: (count) => new RegExp(`Tests +${count} passed \\(${count}\\)`),
    tests: 3,
  },
  "Node's own runner": {
    section: "Node's own runner",
    file: 'shop.test.js',
    command: ['--test', '--test-reporter=tap'],
    passed: (count) => new RegExp(`^# pass ${count}\\n# fail 0$`, 'm'),
    tests: 3,
  },
  Jest: {
    section: 'Jest',
    file: 'shop.test.js',
    command: jest('**/shop.test.js'),
    environment: VM_MODULES,
    passed: passedInJest,
    tests: 3,
  },
  'Jest in CommonJS': {
    section: 'Jest',
    file: 'shop.test.cjs',
    command: jest('**/shop.test.cjs'),
    environment: VM_MODULES,
    passed: passedInJest,
    tests: 1,
  },
}

let modules: string
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-testing-'))
  modules = join(folder, 'node_modules')
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save']
  execFileSync('npm', [...install, `jest@${JEST}`], { cwd: folder, stdio: 'pipe' })
  for (const name of ['express', 'better-sqlite3', 'vitest']) {
    symlinkSync(join(repositoryRoot, 'node_modules', name), join(modules, name))
  }
  const installed = join(modules, 'sojourn')
  mkdirSync(installed)
  cpSync(join(repositoryRoot, 'package.json'), join(installed, 'package.json'))
  const tsc = join(repositoryRoot, 'node_modules/.bin/tsc')
  const build = ['-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')]
  execFileSync(tsc, build, { cwd: repositoryRoot, stdio: 'pipe' })
}, 180_000)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the page's tests of a page's app in a project of their own; what was printed, and whether it went well. */
async function run(name: string, { section, file, command, environment }: Runner, app: string) {
  const project = mkdtempSync(join(folder, 'project-'))
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  symlinkSync(modules, join(project, 'node_modules'))
  writeFileSync(join(project, 'app.js'), app)
  const code = filesOf(section).get(file)
  if (code === undefined) throw new Error(`The page has no file ${file} for ${name}.`)
  writeFileSync(join(project, file), code)
  // A runner within a runner would take itself for a part of the outer one.
  const { PATH, HOME, TMPDIR } = process.env
  const env = { PATH, HOME, TMPDIR, NO_COLOR: '1', CI: 'true', ...environment } as NodeJS.ProcessEnv
  return new Promise<{ readonly ok: boolean; readonly output: string }>((resolve) => {
    execFile(process.execPath, command, { cwd: project, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: stdout + stderr })
    })
  })
}

describe.each(Object.entries(runners))('%s', (name, runner) => {
  const app = filesOf('An app that can be tested').get('app.js') ?? ''

  test('runs the tests of the page, and comes to an end', { timeout: 150_000 }, async () => {
    const { ok, output } = await run(name, runner, app)
    expect(output).toMatch(runner.passed(runner.tests))
    expect(ok).toBe(true)
  })

  test('tells that an app forgets what is put into the cart', { timeout: 150_000 }, async () => {
    const broken = app.replace("req.session.setDefault('cart', [])", '[]')
    expect(broken).not.toBe(app)
    const { ok, output } = await run(name, runner, broken)
    expect(ok).toBe(false)
    expect(output).toContain('what is added is in the cart')
  })
})
