/**
 * Every subpath that package.json promises is there after a build: imported by Node, required from CommonJS, and typed;
 * and every public entry of src/ has a subpath. tsconfig.json's paths must name the same sources.
 *
 *     npm run build && tsx tools/check-exports.ts [root]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, type Report, runAsProgram } from './report.js'
import { type Manifest, readManifest, type Subpath, subpaths } from './subpaths.js'

/** One thing a user can import: a subpath, or one of those that a pattern stands for. */
interface Entry {
  readonly specifier: string
  readonly source: string
  readonly script: string
  readonly types: string | undefined
}

export function checkExports(root: string): Report {
  const manifest = readManifest(root)
  const problems: string[] = []
  const entries: Entry[] = []
  for (const subpath of subpaths(manifest)) {
    const found = expand(root, subpath)
    if (found.length === 0)
      problems.push(`${lineOf(root, 'package.json', `"${subpath.key}"`)} no file is ${subpath.script}`)
    entries.push(...found)
  }
  const built = entries.filter((entry) => {
    const missing = [entry.source, entry.script, entry.types].find((path) => path === undefined || !isFile(root, path))
    if (entry.types === undefined) problems.push(`package.json:1 ${entry.specifier} names no types`)
    else if (missing !== undefined) problems.push(`${entry.source}:1 ${entry.specifier} has no ${missing}`)
    return isFile(root, entry.script)
  })
  problems.push(
    ...load(root, built),
    ...unexported(root, entries),
    ...wrongPaths(root, manifest),
    ...wrongBin(root, manifest),
  )
  return { problems, summary: `exports: ${entries.length} entries, each imported, required and typed` }
}

/** A pattern is its sources: a built file without a source is a leftover of an older build. */
function expand(root: string, subpath: Subpath): readonly Entry[] {
  if (!subpath.key.includes('*')) return [subpath]
  const [start = '', end = ''] = subpath.source.split('*')
  return filesUnder(root, start.replace(/\/$/, ''), (name) => name.endsWith(end))
    .filter((path) => path.startsWith(start))
    .map((path) => {
      const star = path.slice(start.length, -end.length)
      const fill = (text: string): string => text.replaceAll('*', star)
      return {
        specifier: fill(subpath.specifier),
        source: path,
        script: fill(subpath.script),
        types: subpath.types && fill(subpath.types),
      }
    })
}

const loader = `
const { createRequire } = require('node:module')
const { join } = require('node:path')
const fromRoot = createRequire(join(process.cwd(), 'package.json'))
const failures = []
const run = async () => {
  for (const specifier of JSON.parse(process.argv[1])) {
    let imported, required
    try { imported = await import(specifier) } catch (error) { failures.push([specifier, 'cannot be imported: ' + error.message]) }
    try { required = fromRoot(specifier) } catch (error) { failures.push([specifier, 'cannot be required: ' + error.message]) }
    if (!imported || !required) continue
    const differs = Object.keys(imported).filter((name) => imported[name] !== required[name])
    if (differs.length > 0) failures.push([specifier, 'gives another ' + differs.join(', ') + ' when required than when imported'])
  }
}
run().then(() => { console.log('failures ' + JSON.stringify(failures)); process.exit(0) })
`

/** Loads every entry in one Node of its own, as a user would: by its name, through the exports map. */
function load(root: string, entries: readonly Entry[]): readonly string[] {
  if (entries.length === 0) return []
  const names = JSON.stringify(entries.map((entry) => entry.specifier))
  const child = spawnSync(process.execPath, ['--input-type=commonjs', '--eval', loader, names], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const answer = /^failures (.*)$/m.exec(child.stdout)?.[1]
  if (answer === undefined) return [`package.json:1 the exports could not be loaded: ${child.stderr.trim()}`]
  return (JSON.parse(answer) as [string, string][]).map(([specifier, what]) => {
    const entry = entries.find((one) => one.specifier === specifier)
    return `${entry?.source}:1 ${specifier} ${what}`
  })
}

/** An adapter is a file of src/adapters/ that exports `sojourn`; a part is a folder with an index. Both are for users. */
function unexported(root: string, entries: readonly Entry[]): readonly string[] {
  const exported = new Set(entries.map((entry) => entry.source))
  const doors = filesUnder(root, 'src', (name) => name.endsWith('.ts')).filter((path) => {
    if (/^src\/([^/]+\/)?index\.ts$/.test(path)) return true
    if (!/^src\/adapters\/[^/]+\.ts$/.test(path)) return false
    return /^export (?:(?:async )?function|const) sojourn\b|^export \{[^}]*\bsojourn\b/m.test(
      readFileSync(join(root, path), 'utf8'),
    )
  })
  return doors
    .filter((path) => !exported.has(path))
    .map((path) => `${path}:1 is public, and package.json exports it nowhere`)
}

function wrongPaths(root: string, manifest: Manifest): readonly string[] {
  if (!existsSync(join(root, 'tsconfig.json'))) return []
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: { paths?: Record<string, readonly string[]> }
  }
  const paths = { ...compilerOptions.paths }
  const problems: string[] = []
  for (const { specifier, source } of subpaths(manifest)) {
    if (paths[specifier]?.[0] !== `./${source}`)
      problems.push(`tsconfig.json:1 paths should map ${specifier} to ./${source}`)
    delete paths[specifier]
  }
  return [...problems, ...Object.keys(paths).map((name) => `tsconfig.json:1 paths maps ${name}, which is not exported`)]
}

function wrongBin(root: string, manifest: Manifest): readonly string[] {
  return Object.entries(manifest.bin ?? {}).flatMap(([name, path]) => {
    const file = join(root, path)
    if (!existsSync(file))
      return [`${lineOf(root, 'package.json', `"${name}": "${path}"`)} the command ${name} is not there`]
    const runs = readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node')
    return runs ? [] : [`${path.replace('./', '')}:1 the command ${name} does not begin with #!/usr/bin/env node`]
  })
}

function isFile(root: string, path: string): boolean {
  return existsSync(join(root, path))
}

function lineOf(root: string, file: string, text: string): string {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  return `${file}:${lines.findIndex((line) => line.includes(text)) + 1 || 1}`
}

await runAsProgram(import.meta.url, checkExports)
