import { describe, expect, test } from 'vitest'
import { checkImports, importLines } from '../../tools/check-imports.js'
import { repositoryRoot } from '../../tools/report.js'
import { runTool, tree } from './tree.js'

const problemsOf = (files: Record<string, string>): readonly string[] => checkImports(tree(files)).problems

describe('the imports of a file', () => {
  test.each([
    ["import { a } from './a.js'", './a.js'],
    ["import type { A } from './a.js'", './a.js'],
    ["import {\n  a,\n  b,\n} from './a.js'", './a.js'],
    ["import * as a from './a.js'", './a.js'],
    ["import './a.js'", './a.js'],
    ["export { a } from './a.js'", './a.js'],
    ["export * from './a.js'", './a.js'],
    ["export type * from './a.js'", './a.js'],
    ["  const a = await import('./a.js')", './a.js'],
    ["const A: import('./a.js').A = 1", './a.js'],
    ["const a = require('./a.js')", './a.js'],
  ])('are seen in %j', (source, specifier) => {
    expect(importLines(`const before = 1\n${source}\n`)).toEqual([{ specifier, line: 2 }])
  })

  test('are not seen in comments and strings', () => {
    const source =
      "/**\n * import { a } from './a.js'\n * await import('./b.js')\n */\n// import './c.js'\nconst from = 'import'\n"
    expect(importLines(source)).toEqual([])
  })
})

describe('an import that is refused', () => {
  test.each([
    ['core from wire', 'src/wire/signing.ts', '../core/types.js', 'wire may not import core'],
    ['wire from errors', 'src/errors.ts', './wire/json.js', 'errors may not import wire'],
    ['a part from core', 'src/core/scope.ts', '../csrf/index.js', 'core may not import csrf'],
    ['an engine from a codec', 'src/codecs/json.ts', '../engines/db.js', 'codecs may not import engines'],
    ['a driver from an engine', 'src/engines/db.ts', '../databases/sqlite.js', 'engines may not import databases'],
    ['an engine from a driver', 'src/databases/sqlite.ts', '../engines/db.js', 'databases may not import engines'],
    ['the site from an engine', 'src/engines/db.ts', '../sojourn.js', 'engines may not import site'],
    ['an adapter from the site', 'src/sojourn.ts', './adapters/node.js', 'site may not import adapters'],
    [
      'the tests’ tools from an adapter',
      'src/adapters/node.ts',
      '../testing/clock.js',
      'adapters may not import testing',
    ],
    ['node:crypto from core', 'src/core/session.ts', 'node:crypto', "may not import 'node:crypto'"],
    ['node:crypto from an adapter', 'src/adapters/node.ts', 'node:crypto', "may not import 'node:crypto'"],
    ['node:fs from wire', 'src/wire/json.ts', 'node:fs', "may not import 'node:fs'"],
    ['node:http from Fetch', 'src/adapters/fetch.ts', 'node:http', "may not import 'node:http'"],
    ['a builtin by its old name', 'src/cli/main.ts', 'fs', "imports 'fs' without 'node:'"],
    ['express from another adapter', 'src/adapters/node.ts', 'express', 'which only src/adapters/express.ts may'],
    [
      'a driver’s package from an engine',
      'src/engines/db.ts',
      'better-sqlite3',
      'which only src/databases/sqlite.ts may',
    ],
    ['a dependency', 'src/core/session.ts', '@scope/cookie/parse', "imports '@scope/cookie', which no source may"],
    ['sojourn by its own name', 'src/adapters/node.ts', 'sojourn/csrf', "imports 'sojourn', which no source may"],
    ['a file outside src', 'src/cli/main.ts', '../../tools/report.js', 'from outside src/'],
    ['a file without its ending', 'src/wire/json.ts', './base62', 'without its ending .js'],
    ['anything from an unknown folder', 'src/misc/a.ts', '../errors.js', 'says nothing of'],
  ])('%s', (_, file, specifier, what) => {
    const problems = problemsOf({ [file]: `const one = 1\nimport { a } from '${specifier}'\n` })
    expect(problems).toEqual([expect.stringContaining(what)])
    expect(problems[0]).toMatch(new RegExp(`^${file}:2 `))
  })
})

const parts = ['csrf', 'auth', 'messages']

test.each(parts.flatMap((from) => parts.filter((to) => to !== from).map((to) => [from, to] as const)))(
  '%s never imports %s',
  (from, to) => {
    const problems = problemsOf({ [`src/${from}/index.ts`]: `import type { A } from '../${to}/index.js'\n` })
    expect(problems).toEqual([expect.stringContaining(`${from} may not import ${to}`)])
  },
)

test.each([
  ['src/wire/signing.ts', 'node:crypto'],
  ['src/auth/hashers/derived.ts', 'node:crypto'],
  ['src/auth/hashers/pbkdf2.ts', 'node:crypto'],
  ['src/databases/sqlite.ts', 'node:module'],
  ['src/databases/sqlite.ts', 'better-sqlite3'],
  ['src/engines/file.ts', 'node:fs'],
  ['src/adapters/express.ts', 'express'],
  ['src/sojourn.ts', './auth/index.js'],
  ['src/adapters/node.ts', '../sojourn.js'],
  ['src/engines/db.ts', '../codecs/signed.js'],
  ['src/engines/db.ts', '../databases/database.js'],
  ['src/adapters/on-node/hold-head.ts', 'node:http'],
])('%s may import %s', (file, specifier) => {
  expect(problemsOf({ [file]: `import { a } from '${specifier}'\n` })).toEqual([])
})

test('as a program it exits 1 with a line per problem', () => {
  const root = tree({ 'src/wire/json.ts': "import { a } from '../core/types.js'\n" })
  const { status, stderr } = runTool('check-imports', root)
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: "src/wire/json.ts:1 imports '../core/types.js': wire may not import core\n",
  })
})

test('a tree without sources does not pass', () => {
  expect(problemsOf({})).not.toEqual([])
})

test('the imports of this repository point one way', () => {
  expect(checkImports(repositoryRoot).problems).toEqual([])
})
