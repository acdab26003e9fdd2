import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesUnder } from '../../tools/report.js'
import { needingPeers } from './needing-peers.js'
import { Packed, standOn } from './packed.js'

/** Installed into an empty project: no peer, no source, no tool of this repository. */
let packed: Packed

beforeAll(async () => {
  packed = await Packed.make()
}, 120_000)

afterAll(() => packed.remove())

function node(code: string, type: 'module' | 'commonjs'): string {
  const cwd = packed.project
  return execFileSync(process.execPath, [`--input-type=${type}`, '--eval', code], { cwd, encoding: 'utf8' })
}

describe('the installed package', () => {
  test('brings nothing with it', () => {
    const others = readdirSync(join(packed.project, 'node_modules')).filter((name) => !name.startsWith('.'))
    expect(others).toEqual(['sojourn'])
  })

  test('is imported whole where no peer is installed', () => {
    const names = packed.alone()
    expect(names).toEqual(
      expect.arrayContaining(['sojourn', 'sojourn/express', 'sojourn/engines/db', 'sojourn/databases/sqlite']),
    )
    expect(node(`for (const name of ${JSON.stringify(names)}) await import(name); console.log('all')`, 'module')).toBe(
      'all\n',
    )
  })

  test('is required whole from CommonJS', () => {
    const names = packed.alone()
    expect(node(`for (const name of ${JSON.stringify(names)}) require(name); console.log('all')`, 'commonjs')).toBe(
      'all\n',
    )
  })

  test('keeps what no subpath names to itself', () => {
    const code = "import('sojourn/dist/index.js').catch((error) => console.log(error.code))"
    expect(node(code, 'module')).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
  })

  // What `"sideEffects": false` promises to bundlers: a module that nothing is used of can be left out.
  test('changes nothing by being imported: no global, no prototype, no listener, and the process can end', () => {
    const framed = Object.keys(standOn).map((name) => name.replace('sojourn/', 'dist/adapters/').concat('.js'))
    const modules = filesUnder(packed.installed, 'dist', (name) => name.endsWith('.js'))
      .filter((path) => path !== 'dist/cli/main.js' && !framed.includes(path))
      .map((path) => join(packed.installed, path))
    expect(modules.length).toBeGreaterThan(100)
    const probe = join(packed.project, 'probe.mjs')
    writeFileSync(probe, PROBE)
    const run = execFileSync(process.execPath, [probe, ...modules], { encoding: 'utf8', timeout: 30_000 })
    expect(JSON.parse(run)).toEqual([])
  })

  test('has a command', () => {
    expect(existsSync(join(packed.project, 'node_modules/.bin/sojourn'))).toBe(true)
    const main = readFileSync(join(packed.installed, 'dist/cli/main.js'), 'utf8')
    expect(main).toMatch(/^#!\/usr\/bin\/env node\n/)
  })
})

test.each(Object.entries(needingPeers))('what needs %s says how to install it', (name, code) => {
  const script = `try {${code}
    console.log('went on')
  } catch (error) { console.log(error.name + ': ' + error.message) }
  process.exit()`
  expect(node(script, 'module')).toMatch(new RegExp(`^ImproperlyConfigured: .*\\bnpm install ${name}\\b`))
})

/**
 * Imports its arguments, and tells what is different then. Node's own modules that they need come first: what those do to
 * the process is not our doing.
 */
const PROBE = `
import { readFileSync } from 'node:fs'
const properties = (path, object) =>
  Object(object) !== object ? [] : Reflect.ownKeys(object).map((key) => {
    const { value, get } = Object.getOwnPropertyDescriptor(object, key)
    return [path + String(key), value ?? get]
  })
const seen = () => {
  const globals = properties('', globalThis)
  const theirs = globals.filter(([, value]) => value !== globalThis).flatMap(([name, value]) =>
    [...properties(name + '.', value), ...properties(name + '.prototype.', value?.prototype)])
  return new Map([...globals, ...theirs, ...process.eventNames().map((name) => ['on ' + name, process.listenerCount(name)])])
}
const modules = process.argv.slice(2)
const sources = modules.map((path) => readFileSync(path, 'utf8')).join('\\n')
for (const [, name] of sources.matchAll(/^import .* from '(node:[a-z/_]+)'/gm)) await import(name)
// Node makes some globals when they are first read.
for (const name of ['TextDecoder', 'TextEncoder', 'URLSearchParams', 'crypto', 'fetch']) void globalThis[name]
const before = seen()
for (const path of modules) await import(path)
const after = seen()
console.log(JSON.stringify([...after.keys()].filter((name) => !Object.is(after.get(name), before.get(name)))))
`
