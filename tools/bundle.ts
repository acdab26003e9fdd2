import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { readManifest } from './subpaths.js'

/** What one import makes of a bundle. */
export interface Bundle {
  readonly code: string
  /** Bytes, minified; names are as long as their modules export them. */
  readonly minified: number
  /** Bytes, as servers compress by default. */
  readonly gzip: number
  /** The package's own modules that something is left of, from its root: `dist/core/site.js`. */
  readonly modules: readonly string[]
  /** Modules of the runtime that it imports at once, such as `node:fs`. */
  readonly runtime: readonly string[]
  /** Packages that it imports at once, which therefore must be there. */
  readonly packages: readonly string[]
  /** Packages that it imports when something asks for them. */
  readonly later: readonly string[]
}

/**
 * Bundles some lines that import the package `sojourn` of a folder: a checkout that was built, or a project that has
 * installed it. Peers and Node's own modules stay outside, as a server's bundle leaves them.
 */
export async function bundle(folder: string, code: string, peers: readonly string[]): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder },
    absWorkingDir: folder,
    // Or esbuild would follow the paths of this repository's, and take the sources.
    tsconfigRaw: {},
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2023',
    platform: 'neutral',
    outfile: 'bundle.js',
    external: ['node:*', ...peers],
    logLevel: 'silent',
  })
  const made = outputFiles[0] as { readonly contents: Uint8Array; readonly text: string }
  const { inputs, imports } = Object.values(metafile.outputs)[0] as (typeof metafile.outputs)[string]
  const outside = imports.filter(({ external }) => external === true)
  const named = (isLater: boolean): readonly string[] =>
    unique(outside.filter(({ kind }) => (kind === 'dynamic-import') === isLater).map(({ path }) => path))
  return {
    code: made.text,
    minified: made.contents.length,
    gzip: gzipSync(made.contents).length,
    modules: Object.entries(inputs)
      .filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && path.includes('dist/'))
      .map(([path]) => path.slice(path.indexOf('dist/'))),
    runtime: named(false).filter((name) => name.startsWith('node:')),
    packages: named(false).filter((name) => !name.startsWith('node:')),
    later: named(true),
  }
}

/** The optional peers of a package in `folder`. */
export function peersOf(folder: string): readonly string[] {
  return Object.keys(readManifest(folder).peerDependencies ?? {})
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}
