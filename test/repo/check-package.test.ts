import { describe, expect, test } from 'vitest'
import { checkPackage } from '../../tools/check-package.js'
import { runTool, tree } from './tree.js'

const map = (source: string, content?: string): object => ({
  version: 3,
  sources: [source],
  mappings: '',
  ...(content === undefined ? {} : { sourcesContent: [content] }),
})

/** A built package that is in order. Each test spoils one thing. */
const sound = {
  'package.json': { name: 'sojourn', version: '0.1.0', files: ['dist', 'src', 'README.md', 'LICENSE', 'CHANGELOG.md'] },
  'README.md': '# sojourn\n',
  LICENSE: 'MIT\n',
  'CHANGELOG.md': '# Changes\n',
  'src/core/session.ts': 'export {}\n',
  'dist/core/session.js': 'export {}\n',
  'dist/core/session.js.map': map('../../src/core/session.ts'),
  'dist/core/session.d.ts': 'export {}\n',
  'dist/core/session.d.ts.map': map('../../src/core/session.ts'),
  'test/core/session.test.ts': '\n',
}

const problemsOf = (changes: Record<string, unknown>): readonly string[] =>
  checkPackage(tree({ ...sound, ...changes })).problems

test('a package in order passes, and its size is told', () => {
  const { problems, summary } = checkPackage(tree(sound))
  expect(problems).toEqual([])
  expect(summary).toMatch(/^package: 9 files, \d+\.\d kB packed, \d+\.\d kB unpacked$/)
})

describe('a package is refused', () => {
  const manifest = sound['package.json']

  test('that was not built', () => {
    const { 'package.json': json, 'README.md': readme, LICENSE, 'CHANGELOG.md': log } = sound
    const bare = tree({ 'package.json': json, 'README.md': readme, LICENSE, 'CHANGELOG.md': log })
    expect(checkPackage(bare).problems).toEqual(['dist:1 is not in the package: run the build first'])
  })

  test('without its licence', () => {
    const { LICENSE: _, ...rest } = sound
    expect(checkPackage(tree(rest)).problems).toEqual(['LICENSE:1 is not in the package'])
  })

  test('that holds tests, wherever they are', () => {
    const problems = problemsOf({
      'package.json': { ...manifest, files: [...manifest.files, 'test'] },
      'src/core/session.test.ts': '\n',
    })
    expect(problems).toEqual([
      'src/core/session.test.ts:1 is a test, and should not be in the package',
      'test/core/session.test.ts:1 should not be in the package',
    ])
  })

  test.each(['dist/.env', 'src/.env'])('that holds %s', (path) => {
    expect(problemsOf({ [path]: 'SECRET_KEY=1\n' })).toEqual([`${path}:1 should not be in the package`])
  })

  test('that holds what an older build left', () => {
    expect(problemsOf({ 'dist/old.js': '\n' })).toEqual(['dist/old.js:1 is left over: no source makes it'])
  })

  test.each(['dist/core/session.js.map', 'dist/core/session.d.ts.map'])(
    'whose %s points at what nobody has',
    (name) => {
      const gone = map('../../src/core/gone.ts')
      expect(problemsOf({ [name]: gone })).toEqual([expect.stringContaining('neither in it nor')])
      expect(problemsOf({ [name]: { ...gone, sourcesContent: ['export {}\n'] } })).toEqual([])
      expect(problemsOf({ [name]: map('../../../home/me/session.ts', '') })).toEqual([
        expect.stringContaining('points outside'),
      ])
      expect(problemsOf({ [name]: map('/home/me/session.ts', '') })).toEqual([
        expect.stringContaining('points outside'),
      ])
    },
  )

  test('that has a dependency', () => {
    const problems = problemsOf({ 'package.json': { ...manifest, dependencies: { cookie: '1.0.0' } } })
    expect(problems).toEqual(['package.json:1 has dependencies: sojourn has none'])
  })
})

test('as a program it exits 1 with a line per problem', () => {
  const { LICENSE: _, ...rest } = sound
  const { status, stderr } = runTool('check-package', tree(rest))
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'LICENSE:1 is not in the package\n' })
})
