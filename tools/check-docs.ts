/**
 * Every example in the documentation compiles against the sources, in one run of tsc: the ```ts blocks of README.md and
 * docs/, and the `@example` of docstrings. A block marked ```ts nocheck is only counted; one marked ```ts continued
 * stands after the blocks before it on its page.
 *
 *     tsx tools/check-docs.ts [root]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type CodeBlock, codeBlocks } from './code-blocks.js'
import { type Report, repositoryRoot, runAsProgram } from './report.js'
import { readManifest, subpaths } from './subpaths.js'

/** A block as a file of its own, and where in the documentation each of its lines comes from. */
interface Page {
  readonly name: string
  readonly code: string
  readonly origins: readonly string[]
}

export function checkDocs(root: string): Report {
  const all = codeBlocks(root)
  const blocks = all.filter((block) => !block.words.includes('nocheck'))
  const unchecked = all.length - blocks.length
  const summary = `docs: ${blocks.length} examples compile, ${unchecked} marked nocheck`
  if (blocks.length === 0) return { problems: [], summary }
  // Below node_modules, so that an example finds express and the types as a user's file would.
  const folder = join(repositoryRoot, 'node_modules/.cache', `sojourn-docs-${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    const pages = asPages(blocks)
    for (const { name, code } of pages) writeFileSync(join(folder, name), code)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration(root, pages), null, 2))
    return { problems: compile(folder, pages), summary }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function asPages(blocks: readonly CodeBlock[]): readonly Page[] {
  const pages: Page[] = []
  for (const [index, block] of blocks.entries()) {
    const before = blocks[index - 1]?.file === block.file ? pages.at(-1) : undefined
    const base = block.words.includes('continued') ? before : undefined
    const lines = block.code.split('\n')
    pages.push({
      name: `${String(index + 1).padStart(3, '0')}-${block.file.replace(/[^a-z0-9]+/gi, '-')}.ts`,
      code: (base === undefined ? '' : `${base.code}\n`) + block.code,
      origins: [...(base?.origins ?? []), ...lines.map((_, at) => `${block.file}:${block.line + at}`)],
    })
  }
  return pages
}

function configuration(root: string, pages: readonly Page[]): object {
  const paths = subpaths(readManifest(root)).map(({ specifier, source }) => [specifier, [join(root, source)]])
  return {
    extends: join(repositoryRoot, 'tsconfig.json'),
    compilerOptions: {
      paths: Object.fromEntries(paths),
      // A page shows a thing by making it: an example need not use what it makes.
      noUnusedLocals: false,
      noUnusedParameters: false,
      noImplicitReturns: false,
    },
    files: pages.map((page) => page.name),
    include: [],
  }
}

function compile(folder: string, pages: readonly Page[]): readonly string[] {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: folder, encoding: 'utf8' })
  if (run.status === 0) return []
  const problems = new Set<string>()
  let elsewhere = 0
  for (const [, file = '', line = '', what = ''] of run.stdout.matchAll(/^(.+?)\((\d+),\d+\): error (.*)$/gm)) {
    const page = pages.find((one) => one.name === file)
    if (page === undefined) elsewhere += 1
    else problems.add(`${page.origins[Number(line) - 1]} ${what}`)
  }
  // Errors in src/ itself are the type check's to tell; anything else that stopped tsc must not pass for success.
  if (problems.size === 0 && elsewhere === 0) problems.add(`docs:1 tsc failed: ${run.stdout}${run.stderr}`)
  return [...problems]
}

await runAsProgram(import.meta.url, checkDocs)
