import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesUnder, repositoryRoot } from '../../tools/report.js'
import { readManifest, subpaths } from '../../tools/subpaths.js'

/** The package as npm makes it, installed into an empty project: no peer, no source, no tool of this repository. */
let folder: string
let project: string
let installed: string

const inRepository = (path: string): string => join(repositoryRoot, path)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-package-'))
  project = join(folder, 'project')
  installed = join(project, 'node_modules/sojourn')
  const made = join(folder, 'made')
  mkdirSync(made)
  mkdirSync(project)
  for (const paper of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    cpSync(inRepository(paper), join(made, paper))
  tsc(repositoryRoot, '-p', 'tsconfig.build.json', '--outDir', join(made, 'dist'))
  npm(made, 'pack', '--ignore-scripts', '--pack-destination', folder)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  npm(project, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball))
}, 120_000)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', args, { cwd, stdio: 'pipe' })
}

function tsc(cwd: string, ...args: string[]): void {
  const run = spawnSync(inRepository('node_modules/.bin/tsc'), args, { cwd, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`tsc ${args.join(' ')}\n${run.stdout}${run.stderr}`)
}

function node(code: string, type: 'module' | 'commonjs'): string {
  return execFileSync(process.execPath, [`--input-type=${type}`, '--eval', code], { cwd: project, encoding: 'utf8' })
}

/** All that can be imported, with the files that each pattern stands for. */
function specifiers(): readonly string[] {
  return subpaths(readManifest(installed)).flatMap(({ specifier, script }) => {
    if (!script.includes('*')) return [specifier]
    const [start = '', end = ''] = script.split('*')
    return filesUnder(installed, start, (name) => name.endsWith(end)).map((path) =>
      specifier.replace('*', path.slice(start.length, -end.length)),
    )
  })
}

describe('the installed package', () => {
  test('brings nothing with it', () => {
    const others = readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))
    expect(others).toEqual(['sojourn'])
  })

  test('is imported whole where no peer is installed', () => {
    const names = specifiers()
    expect(names).toEqual(
      expect.arrayContaining(['sojourn', 'sojourn/express', 'sojourn/engines/db', 'sojourn/databases/sqlite']),
    )
    expect(node(`for (const name of ${JSON.stringify(names)}) await import(name); console.log('all')`, 'module')).toBe(
      'all\n',
    )
  })

  test('is required whole from CommonJS', () => {
    const names = specifiers()
    expect(node(`for (const name of ${JSON.stringify(names)}) require(name); console.log('all')`, 'commonjs')).toBe(
      'all\n',
    )
  })

  test('keeps what no subpath names to itself', () => {
    const code = "import('sojourn/dist/index.js').catch((error) => console.log(error.code))"
    expect(node(code, 'module')).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
  })

  test.each(['user.mts', 'user.cts'])('is typed for %s', (file) => {
    // What a user of TypeScript has installed: the types of Node and of the peers.
    const types = join(project, 'node_modules/@types')
    if (!existsSync(types)) symlinkSync(inRepository('node_modules/@types'), types)
    const names = specifiers()
    const imports = names.map((name, index) => `import * as m${index} from '${name}'`)
    const uses = names.map((_, index) => `m${index}`)
    writeFileSync(
      join(project, file),
      [...imports, `export const all: readonly object[] = [${uses.join(', ')}]`, ''].join('\n'),
    )
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node']
    expect(() => tsc(project, ...options, file)).not.toThrow()
  })

  test('lets whoever imports an adapter alone declare what sessions hold', () => {
    writeFileSync(
      join(project, 'declared.mts'),
      `import { getSession } from 'sojourn/fetch'
declare module 'sojourn' { interface SessionData { visits: number } }
const session = await getSession(new Request('http://localhost/'))
export const visits: number | undefined = session.visits
// @ts-expect-error a text is no number of visits
session.visits = 'many'
`,
    )
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node']
    expect(() => tsc(project, ...options, 'declared.mts')).not.toThrow()
  })

  test('has a command', () => {
    expect(existsSync(join(project, 'node_modules/.bin/sojourn'))).toBe(true)
    const main = readFileSync(join(installed, 'dist/cli/main.js'), 'utf8')
    expect(main).toMatch(/^#!\/usr\/bin\/env node\n/)
  })
})
