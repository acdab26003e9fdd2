import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repositoryRoot } from '../../tools/report.js'
import { readManifest, subpaths } from '../../tools/subpaths.js'

/** A program in one file, which any runtime can run: below node_modules, so that it finds the packages that are not in it. */
export interface Bundle extends Disposable {
  readonly path: string
}

/** What is in the file: on servers all but packages, which are theirs to find; on Workers all but what the runtime has. */
const KINDS = {
  server: { platform: 'node', packages: 'external', external: ['bun:*'] },
  workers: {
    platform: 'node',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker'],
    // What no Worker loads is left out; a Worker's own bundler is told so too.
    external: ['cloudflare:*', 'mysql2', 'redis', 'argon2', 'bcrypt', 'pg-native'],
    // CommonJS among the packages asks for Node's modules; wrangler's bundler puts the same there.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
  },
} as const

/** `sojourn` as users import it is the sources. */
const alias = Object.fromEntries(
  subpaths(readManifest(repositoryRoot)).map(({ specifier, source }) => [specifier, join(repositoryRoot, source)]),
)

/** @param entry a file of this folder, or the code itself */
export async function bundle(entry: string | { readonly code: string }, kind: keyof typeof KINDS): Promise<Bundle> {
  const folder = mkdtempSync(join(realpathSync(join(repositoryRoot, 'node_modules')), '.cache/sojourn-bundle-'))
  const path = join(folder, 'program.mjs')
  const given =
    typeof entry === 'string'
      ? { entryPoints: [join(repositoryRoot, 'test/runtimes', entry)] }
      : { stdin: { contents: entry.code, loader: 'ts' as const, resolveDir: repositoryRoot } }
  await build({
    ...(KINDS[kind] as object),
    ...given,
    alias,
    outfile: path,
    bundle: true,
    format: 'esm',
    target: 'es2023',
    logLevel: 'error',
  })
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}
