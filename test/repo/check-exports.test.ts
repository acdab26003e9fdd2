import { describe, expect, test } from 'vitest'
import { checkExports } from '../../tools/check-exports.js'
import { runTool, tree } from './tree.js'

const entry = (path: string): object => ({ types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` })

/** A built package that is in order. Each test spoils one thing. */
const sound = {
  'package.json': {
    name: 'sojourn',
    type: 'module',
    bin: { sojourn: './dist/cli/main.js' },
    exports: { '.': entry('index'), './engines/*': entry('engines/*'), './package.json': './package.json' },
  },
  'tsconfig.json': {
    compilerOptions: { paths: { sojourn: ['./src/index.ts'], 'sojourn/engines/*': ['./src/engines/*.ts'] } },
  },
  'src/index.ts': 'export const one = 1\n',
  'src/engines/db.ts': 'export const db = {}\n',
  'dist/index.js': 'export const one = 1\n',
  'dist/index.d.ts': 'export declare const one = 1\n',
  'dist/engines/db.js': 'export const db = {}\nexport default db\n',
  'dist/engines/db.d.ts': 'export declare const db: object\n',
  'dist/cli/main.js': '#!/usr/bin/env node\n',
}

const problemsOf = (changes: Record<string, unknown>): readonly string[] =>
  checkExports(tree({ ...sound, ...changes })).problems

test('a package in order passes, and its entries are counted', () => {
  const { problems, summary } = checkExports(tree(sound))
  expect(problems).toEqual([])
  expect(summary).toContain('2 entries')
})

describe('a package is refused', () => {
  const manifest = sound['package.json']

  test('with a subpath that was not built', () => {
    const { 'dist/index.js': _, ...rest } = sound
    expect(checkExports(tree(rest)).problems).toEqual(['src/index.ts:1 sojourn has no dist/index.js'])
  })

  test('with a subpath that has no types', () => {
    const { 'dist/engines/db.d.ts': _, ...rest } = sound
    const expected = ['src/engines/db.ts:1 sojourn/engines/db has no dist/engines/db.d.ts']
    expect(checkExports(tree(rest)).problems).toEqual(expected)
  })

  test('with a pattern that no file fits', () => {
    const exports = { ...manifest.exports, './codecs/*': entry('codecs/*') }
    const problems = problemsOf({ 'package.json': { ...manifest, exports } })
    expect(problems).toContainEqual(expect.stringMatching(/^package\.json:\d+ no file is dist\/codecs\/\*\.js$/))
  })

  test('with an entry that throws when it is loaded', () => {
    const problems = problemsOf({ 'dist/engines/db.js': "throw new Error('no driver')\n" })
    expect(problems).toEqual([
      'src/engines/db.ts:1 sojourn/engines/db cannot be imported: no driver',
      'src/engines/db.ts:1 sojourn/engines/db cannot be required: no driver',
    ])
  })

  test('with a top-level await, which CommonJS cannot require', () => {
    const problems = problemsOf({ 'dist/index.js': 'export const one = await Promise.resolve(1)\n' })
    expect(problems).toEqual([expect.stringMatching(/^src\/index\.ts:1 sojourn cannot be required/)])
  })

  test('with an export that only imports may use', () => {
    const exports = {
      ...manifest.exports,
      '.': { types: './dist/index.d.ts', import: './dist/index.js', default: './dist/no.js' },
    }
    expect(problemsOf({ 'package.json': { ...manifest, exports } })).not.toEqual([])
  })

  test('with an adapter that nobody can import', () => {
    const problems = problemsOf({ 'src/adapters/koa.ts': 'export function sojourn(): void {}\n' })
    expect(problems).toEqual(['src/adapters/koa.ts:1 is public, and package.json exports it nowhere'])
  })

  test('with a part that nobody can import', () => {
    const problems = problemsOf({ 'src/sso/index.ts': 'export {}\n' })
    expect(problems).toEqual(['src/sso/index.ts:1 is public, and package.json exports it nowhere'])
  })

  test('with paths that tell the editor another source', () => {
    const paths = {
      sojourn: ['./src/main.ts'],
      'sojourn/engines/*': ['./src/engines/*.ts'],
      'sojourn/old': ['./src/old.ts'],
    }
    expect(problemsOf({ 'tsconfig.json': { compilerOptions: { paths } } })).toEqual([
      'tsconfig.json:1 paths should map sojourn to ./src/index.ts',
      'tsconfig.json:1 paths maps sojourn/old, which is not exported',
    ])
  })

  test('with a command that no shell can run', () => {
    const problems = problemsOf({ 'dist/cli/main.js': 'export {}\n' })
    expect(problems).toEqual(['dist/cli/main.js:1 the command sojourn does not begin with #!/usr/bin/env node'])
  })
})

test('a helper beside the adapters needs no subpath', () => {
  expect(problemsOf({ 'src/adapters/on-node/hold-head.ts': 'export function holdHead(): void {}\n' })).toEqual([])
})

test('as a program it exits 1 with a line per problem', () => {
  const { 'dist/index.js': _, ...rest } = sound
  const { status, stderr } = runTool('check-exports', tree(rest))
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'src/index.ts:1 sojourn has no dist/index.js\n' })
})
