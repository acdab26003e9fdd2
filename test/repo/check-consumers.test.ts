import { describe, expect, test } from 'vitest'
import { checkConsumers } from '../../tools/check-consumers.js'
import { runTool, tree } from './tree.js'

const entry = (name: string): object => ({ types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` })

const manifest = {
  name: 'sojourn',
  version: '0.1.0',
  license: 'MIT',
  type: 'module',
  sideEffects: false,
  files: ['dist'],
  exports: { '.': entry('index'), './node': entry('node') },
}

/** A package that is right for all. Each test spoils one thing. */
const sound = {
  'package.json': manifest,
  'dist/index.js': 'export const one = 1\n',
  'dist/index.d.ts': 'export declare const one = 1\n',
  'dist/node.js': "export { one } from './index.js'\n",
  'dist/node.d.ts': "export { one } from './index.js'\n",
}

const problemsOf = async (changes: Record<string, unknown>): Promise<readonly string[]> =>
  (await checkConsumers(tree({ ...sound, ...changes }))).problems

test('a package of ES modules with subpaths is right for all', async () => {
  expect(await checkConsumers(tree(sound))).toEqual({
    problems: [],
    summary: 'consumers: publint and attw find nothing wrong with 2 entries',
  })
})

describe('a package is wrong', () => {
  test('whose entry is not packed', async () => {
    const { 'dist/node.js': _, ...rest } = sound
    const { problems } = await checkConsumers(tree(rest))
    expect(problems).toEqual([expect.stringContaining('./dist/node.js but the file does not exist')])
  })

  test('where `types` comes after what is taken before it', async () => {
    const turned = { default: './dist/node.js', types: './dist/node.d.ts' }
    const problems = await problemsOf({
      'package.json': { ...manifest, exports: { '.': entry('index'), './node': turned } },
    })
    expect(problems).toContainEqual(expect.stringMatching(/^package\.json:1 .*types.* should be the first/))
  })

  test('whose types are of CommonJS and whose code is not', async () => {
    const { type: _, ...rest } = manifest
    const exports = { '.': { types: './dist/index.d.ts', default: './dist/index.mjs' } }
    const problems = await problemsOf({
      'package.json': { ...rest, exports },
      'dist/index.mjs': 'export const one = 1\n',
    })
    expect(problems).toContain('dist/index.d.ts:1 FalseCJS')
  })

  test('whose types name a file by no ending', async () => {
    const problems = await problemsOf({ 'dist/node.d.ts': "export { one } from './index'\n" })
    expect(problems).toEqual(['dist/node.d.ts:1 InternalResolutionError'])
  })

  test('that has no types', async () => {
    const exports = { '.': './dist/index.js' }
    const { 'dist/index.d.ts': _, 'dist/node.d.ts': __, ...rest } = sound
    const { problems } = await checkConsumers(tree({ ...rest, 'package.json': { ...manifest, exports } }))
    expect(problems).toEqual(['package.json:1 has no types'])
  })
})

test('as a program it exits 1 with a line per problem', () => {
  const { status, stderr } = runTool(
    'check-consumers',
    tree({ ...sound, 'dist/node.d.ts': "export * from './index'\n" }),
  )
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'dist/node.d.ts:1 InternalResolutionError\n' })
})
