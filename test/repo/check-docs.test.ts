import { describe, expect, test } from 'vitest'
import { checkDocs } from '../../tools/check-docs.js'
import { codeBlocks } from '../../tools/code-blocks.js'
import { runTool, tree } from './tree.js'

const sound = {
  'package.json': {
    name: 'sojourn',
    type: 'module',
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  },
  'src/index.ts': '/** How many. */\nexport const count: number = 1\n',
}

const page = (...lines: string[]): string => `${lines.join('\n')}\n`

describe('what is an example', () => {
  test('the TypeScript blocks of README.md and docs/, with their lines', () => {
    const root = tree({
      'README.md': page(
        '# Title',
        '```ts',
        'const a = 1',
        '```',
        '```sh',
        'npm test',
        '```',
        '```typescript nocheck',
        'b',
        '```',
      ),
      'docs/guide/login.md': page('- a list', '  ~~~ts continued', '  const c = 1', '    + 2', '  ~~~'),
      'CONTRIBUTING.md': page('```ts', 'not a page', '```'),
    })
    expect(codeBlocks(root)).toEqual([
      { file: 'README.md', line: 3, code: 'const a = 1', words: [] },
      { file: 'README.md', line: 9, code: 'b', words: ['nocheck'] },
      { file: 'docs/guide/login.md', line: 3, code: 'const c = 1\n  + 2', words: ['continued'] },
    ])
  })

  test('a fence inside a longer fence is text', () => {
    const root = tree({ 'README.md': page('````md', '```ts', 'const a = 1', '```', '````') })
    expect(codeBlocks(root)).toEqual([])
  })

  test('each @example of a docstring, fenced or not', () => {
    const root = tree({
      'src/a.ts': page('/**', ' * A.', ' * @example', ' * const a = 1', ' *', ' * @see b', ' */', 'export const a = 1'),
      'src/b.ts': page(
        '  /**',
        '   * @example A title',
        '   * Text.',
        '   * ```ts',
        '   * @decorate',
        '   * b()',
        '   * ```',
        '   */',
      ),
    })
    expect(codeBlocks(root)).toEqual([
      { file: 'src/a.ts', line: 4, code: 'const a = 1\n', words: [] },
      { file: 'src/b.ts', line: 5, code: '@decorate\nb()', words: [] },
    ])
  })
})

describe('examples', () => {
  test('that compile pass, and those marked nocheck are counted', () => {
    const readme = page(
      '```ts',
      "import { count } from 'sojourn'",
      'const twice: number = count * 2',
      '```',
      '```ts nocheck',
      'no!',
      '```',
    )
    const report = checkDocs(tree({ ...sound, 'README.md': readme }))
    expect(report).toEqual({ problems: [], summary: 'docs: 1 examples compile, 1 marked nocheck' })
  })

  test('that do not compile are told with the line of the page', () => {
    const docs = page('# Title', '', '```ts', "import { count } from 'sojourn'", 'const text: string = count', '```')
    const source = page('/**', ' * @example', " * import { gone } from 'sojourn'", ' */', 'export const a = 1')
    const { problems } = checkDocs(tree({ ...sound, 'docs/types.md': docs, 'src/a.ts': source }))
    expect(problems).toEqual([
      expect.stringMatching(/^docs\/types\.md:5 TS2322: /),
      expect.stringMatching(/^src\/a\.ts:3 TS2305: .*'gone'/),
    ])
  })

  test('stand alone, but for those marked continued', () => {
    const first = ['```ts', "import { count } from 'sojourn'", '```']
    const alone = tree({ ...sound, 'README.md': page(...first, '```ts', 'const two = count', '```') })
    expect(checkDocs(alone).problems).toEqual([expect.stringMatching(/^README\.md:5 TS2304: .*'count'/)])
    const continued = tree({
      ...sound,
      'README.md': page(...first, '```ts continued', 'const two: string = count', '```'),
    })
    expect(checkDocs(continued).problems).toEqual([expect.stringMatching(/^README\.md:5 TS2322: /)])
  })

  test('may use express, as a user of sojourn does', () => {
    const readme = page('```ts', "import express from 'express'", 'express().listen(0)', '```')
    expect(checkDocs(tree({ ...sound, 'README.md': readme })).problems).toEqual([])
  })
})

test('as a program it exits 1 with a line per problem', () => {
  const { status, stderr } = runTool('check-docs', tree({ ...sound, 'README.md': page('```ts', 'nobody()', '```') }))
  expect(status).toBe(1)
  expect(stderr).toMatch(/^README\.md:2 TS2304: .*\n$/)
})
