/**
 * What publint and "are the types wrong" say of the package as npm packs it: whether every bundler, every Node and every
 * way TypeScript resolves modules finds each entry, its types, and both of the same kind.
 *
 *     npm run build && tsx tools/check-consumers.ts [root]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { type Report, runAsProgram } from './report.js'

/** What is so by design. Everything else is a problem. */
const accepted: readonly ((problem: Problem) => boolean)[] = [
  // There is one build, of ES modules: `require` takes it since Node 20.19, and with TypeScript's node20 and nodenext.
  (problem) => problem.kind === 'CJSResolvesToESM',
  // `moduleResolution: node10` knows no `exports`, so it finds no subpath. TypeScript 6 warns of it and 7 has it no more.
  (problem) => problem.kind === 'NoResolution' && problem.resolutionKind === 'node10',
]

export async function checkConsumers(root: string): Promise<Report> {
  const tarball = pack(root)
  if (typeof tarball === 'string') return { problems: [tarball], summary: '' }
  const { messages, pkg } = await publint({ pkgDir: 'package', pack: { tarball: tarball.buffer }, strict: true })
  const problems = messages.map((message) => `package.json:1 ${formatMessage(message, pkg, { color: false })}`)
  const analysis = await checkPackage(createPackageFromTarballData(tarball))
  if (!analysis.types) return { problems: [...problems, 'package.json:1 has no types'], summary: '' }
  const wrong = analysis.problems.filter((problem) => !accepted.some((accepts) => accepts(problem)))
  const count = Object.keys(analysis.entrypoints).length
  return {
    problems: [...problems, ...wrong.map(told)],
    summary: `consumers: publint and attw find nothing wrong with ${count} entries`,
  }
}

function pack(root: string): Uint8Array<ArrayBuffer> | string {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-consumers-'))
  try {
    const args = ['pack', '--ignore-scripts', '--pack-destination', folder]
    const run = spawnSync('npm', args, { cwd: root, encoding: 'utf8' })
    if (run.status !== 0) return `package.json:1 npm pack failed: ${run.stderr.trim()}`
    // A copy of its own: a small Buffer is a part of one that is shared.
    return new Uint8Array(readFileSync(join(folder, readdirSync(folder)[0] as string)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function told(problem: Problem): string {
  if ('entrypoint' in problem)
    return `package.json:1 ${problem.entrypoint}: ${problem.kind} (${problem.resolutionKind})`
  if ('typesFileName' in problem) return `${own(problem.typesFileName)}:1 ${problem.kind}`
  return `${own(problem.fileName)}:1 ${problem.kind}`
}

/** As in the repository: `/node_modules/sojourn/dist/index.d.ts` is `dist/index.d.ts`. */
function own(path: string): string {
  return path.replace(/^\/node_modules\/(@[^/]+\/)?[^/]+\//, '')
}

await runAsProgram(import.meta.url, checkConsumers)
