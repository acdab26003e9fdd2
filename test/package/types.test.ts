import { existsSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { readManifest, subpaths } from '../../tools/subpaths.js'
import { namedBy } from './declarations.js'
import { Packed, tsc } from './packed.js'

/**
 * What the users of a subpath need for its types: the packages that they install for their framework anyway. All that is
 * not here needs nothing, and says nothing of Node: a Worker has no types for it.
 */
const needs: Readonly<Record<string, readonly string[]>> = {
  'sojourn/express': ['@types/node'],
  'sojourn/node': ['@types/node'],
  'sojourn/fastify': ['fastify'],
  'sojourn/nest': ['@nestjs/common'],
  'sojourn/next': ['@types/node'],
  'sojourn/koa': ['@types/koa', '@types/node'],
  'sojourn/hono': ['hono'],
  'sojourn/h3': ['h3'],
  'sojourn/oidc': ['jose', 'openid-client'],
  'sojourn/testing': ['@types/node'],
}

const entries = subpaths(readManifest(repositoryRoot))
const needing = entries.map(({ specifier }) => specifier).filter((specifier) => needs[specifier] !== undefined)

let packed: Packed

beforeAll(async () => {
  packed = await Packed.make()
}, 120_000)

afterAll(() => packed.remove())

/**
 * What TypeScript says of a file in a project that has installed nothing but these, and of this package's declarations.
 * Those of others are checked too, and are theirs to mend.
 */
async function errorsOf(packages: readonly string[], code: string, ...more: readonly string[]): Promise<string> {
  const project = packed.newProject(`types-${++projects}`, packages)
  writeFileSync(join(project, 'user.mts'), code)
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--pretty', 'false']
  const types = packages.filter((name) => name.startsWith('@types/')).map((name) => name.slice('@types/'.length))
  const lists = ['--types', types.join(), '--lib', 'es2022,dom,dom.iterable']
  const { code: status, stdout, stderr } = await tsc(project, ...options, ...lists, ...more, 'user.mts')
  if (status === 0) return ''
  const said = (stdout + stderr).split('\n')
  const theirs = said.filter((line) => /^\.\.\/.*: error TS/.test(line))
  return said.filter((line) => theirs.length === 0 || /^[^.\s].*: error TS/.test(line)).join('\n')
}

let projects = 0

/** Libraries are checked too, with what is not in `strict`. */
const strictest = ['--skipLibCheck', 'false', '--exactOptionalPropertyTypes'] as const

const importing = (names: readonly string[]): string =>
  `${names.map((name, index) => `import * as m${index} from '${name}'`).join('\n')}
export const all: readonly object[] = [${names.map((_, index) => `m${index}`)}]
`

test('the table of types names no subpath that there is not', () => {
  expect(Object.keys(needs).filter((specifier) => !needing.includes(specifier))).toEqual([])
})

describe('declarations', () => {
  test.each(entries)('of $specifier name only what its users have', ({ specifier, types }) => {
    const named = namedBy(join(packed.installed, types as string))
    expect([...new Set(named.map(packageOfTypes))].filter((name) => name !== 'sojourn')).toEqual(needs[specifier] ?? [])
  })

  test('that need nothing compile in a project that has nothing, libraries checked', async () => {
    const names = entries.map(({ specifier }) => specifier).filter((specifier) => needs[specifier] === undefined)
    expect(names).toEqual(expect.arrayContaining(['sojourn', 'sojourn/fetch', 'sojourn/engines/db']))
    expect(await errorsOf([], importing(names), ...strictest)).toBe('')
  })

  test.each(needing)('of %s compile with what it needs alone, libraries checked', async (specifier) => {
    const said = await errorsOf(needs[specifier] as readonly string[], importing([specifier]), ...strictest)
    expect(said).toBe('')
  })

  test('do not compile without what they need', async () => {
    expect(await errorsOf([], importing(['sojourn/node']))).toContain("Cannot find name 'node:http'")
  })

  test('compile all together, so that no adapter declares what another contradicts', async () => {
    const packages = [...new Set(Object.values(needs).flat())]
    const names = entries.map(({ specifier }) => specifier)
    const code = `import 'express'\n${importing(names)}`
    expect(await errorsOf([...packages, '@types/express'], code, '--skipLibCheck', 'false')).toBe('')
  })

  test('let whoever imports an adapter alone declare what sessions hold', async () => {
    const code = `import { getSession } from 'sojourn/fetch'
declare module 'sojourn' { interface SessionData { visits: number } }
const session = await getSession(new Request('http://localhost/'))
export const visits: number | undefined = session.visits
// @ts-expect-error a text is no number of visits
session.visits = 'many'
`
    expect(await errorsOf([], code)).toBe('')
  })
})

/** Where the people of a framework look for the session. */
const whereabouts: Readonly<Record<string, string>> = {
  'sojourn/koa': `import Koa from 'koa'\nnew Koa().use(({ session }) => use(session))`,
  'sojourn/hono': `import { Hono } from 'hono'\nnew Hono().get('/', (c) => (use(c.var.session), use(c.get('session')), c.text('')))`,
  'sojourn/h3': `import { H3 } from 'h3'\nnew H3().get('/', ({ context }) => use(context.session))`,
}

test.each(Object.entries(whereabouts))('the session of %s is typed by what sessions hold', async (specifier, code) => {
  const declared = `import { sojourn, type Session } from '${specifier}'
declare module 'sojourn' { interface SessionData { visits: number } }
const use = (session: Session): void => { session.visits = Number(session.visits) + 1 }
export { sojourn }
${code}
`
  const packages = needs[specifier] as readonly string[]
  expect(await errorsOf(packages, declared)).toBe('')
  const mistaken = declared.replace('session.visits =', "session.visits = 'many' +")
  expect(await errorsOf(packages, mistaken)).toContain('not assignable')
})

/** Where the types of a module come from: `node:http` is described by @types/node, and so is `http`. */
function packageOfTypes(specifier: string): string {
  if (isBuiltin(specifier)) return '@types/node'
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const described = `@types/${name.replace('@', '').replace('/', '__')}`
  return existsSync(join(repositoryRoot, 'node_modules', described)) ? described : name
}
