import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One entry of package.json's `exports`: what a user imports, the source it comes from and the built files. */
export interface Subpath {
  /** As in package.json: `.`, `./express`, `./engines/*`. */
  readonly key: string
  /** As in an import: `sojourn`, `sojourn/express`, `sojourn/engines/*`. */
  readonly specifier: string
  /** From the root: `src/adapters/express.ts`. */
  readonly source: string
  /** From the root: `dist/adapters/express.js`. */
  readonly script: string
  /** From the root: `dist/adapters/express.d.ts`; `undefined` if package.json names none. */
  readonly types: string | undefined
}

export interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, string | { readonly types?: string; readonly default?: string }>>
  readonly bin?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
}

/** The code entries of `exports`, in order. The one list that the tests' aliases, the checks and tsconfig's paths follow. */
export function subpaths(manifest: Manifest): readonly Subpath[] {
  const found: Subpath[] = []
  for (const [key, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === 'string') continue
    const script = withoutDot(target.default ?? '')
    found.push({
      key,
      specifier: manifest.name + key.slice(1),
      source: script.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts'),
      script,
      types: target.types === undefined ? undefined : withoutDot(target.types),
    })
  }
  return found
}

function withoutDot(path: string): string {
  return path.replace(/^\.\//, '')
}
