import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from './build.js'
import { isPinned } from './child.js'
import type { Results } from './results.js'
import { packagesOf, type Subject } from './subjects/index.js'

export function machine(): Results['machine'] {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cpus: all.length,
    os: `${type()} ${release()}`,
    node: process.version,
    pinned: isPinned(),
  }
}

/** Of the packages that these subjects are made of. */
export function versions(subjects: readonly Subject[]): Record<string, string> {
  const names = [...new Set(subjects.flatMap(packagesOf))]
  const found = names.map((name) => [name, versionIn(join('node_modules', name))] as const)
  return { sojourn: versionIn('.'), ...Object.fromEntries(found) }
}

function versionIn(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
