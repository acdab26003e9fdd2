/**
 * The package holds what users need and nothing else: dist, the sources that its maps point to (so that "go to definition"
 * ends in them, and a stack trace too), README.md, LICENSE, CHANGELOG.md and package.json.
 *
 *     npm run build && tsx tools/check-package.ts [root]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type Report, runAsProgram } from './report.js'
import { readManifest } from './subpaths.js'

interface Packed {
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

const papers = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']
const built = /^dist\/.+\.(js|d\.ts)(\.map)?$/
const written = /^src\/.+\.ts$/
const forTests = /(^|\/)(test|tests|__tests__|fixtures|vectors)\/|\.(test|spec|bench)\./

export function checkPackage(root: string): Report {
  const packed = pack(root)
  if (typeof packed === 'string') return { problems: [packed], summary: '' }
  const paths = packed.files.map((file) => file.path)
  const problems: string[] = []
  for (const paper of papers) if (!paths.includes(paper)) problems.push(`${paper}:1 is not in the package`)
  if (!paths.some((path) => built.test(path))) problems.push('dist:1 is not in the package: run the build first')
  for (const path of paths) {
    if (papers.includes(path)) continue
    if (!built.test(path) && !written.test(path)) problems.push(`${path}:1 should not be in the package`)
    else if (forTests.test(path)) problems.push(`${path}:1 is a test, and should not be in the package`)
    else if (built.test(path) && isLeftOver(root, path)) problems.push(`${path}:1 is left over: no source makes it`)
    else if (path.endsWith('.map')) problems.push(...wrongMap(root, path, paths))
  }
  if (Object.hasOwn(readManifest(root), 'dependencies'))
    problems.push('package.json:1 has dependencies: sojourn has none')
  const summary = `package: ${paths.length} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`
  return { problems, summary }
}

function pack(root: string): Packed | string {
  const run = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
  if (run.status !== 0) return `package.json:1 npm pack failed: ${run.stderr.trim()}`
  const answer = JSON.parse(run.stdout) as readonly Packed[] | Readonly<Record<string, Packed>>
  return Object.values(answer)[0] as Packed
}

function isLeftOver(root: string, path: string): boolean {
  return !existsSync(join(root, path.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')))
}

/** A map is of use only with the source: in it, or in the package. */
function wrongMap(root: string, path: string, paths: readonly string[]): readonly string[] {
  const map = JSON.parse(readFileSync(join(root, path), 'utf8')) as {
    sources: readonly string[]
    sourcesContent?: readonly (string | null)[]
  }
  return map.sources.flatMap((source, index) => {
    const target = posix.join(posix.dirname(path), source)
    const outside = posix.isAbsolute(source) || target.startsWith('../')
    if (outside) return [`${path}:1 points outside the package, to ${source}`]
    const isThere = typeof map.sourcesContent?.[index] === 'string' || paths.includes(target)
    return isThere ? [] : [`${path}:1 points to ${source}, which is neither in it nor in the package`]
  })
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}

await runAsProgram(import.meta.url, checkPackage)
