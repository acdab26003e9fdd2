import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A module that declarations name, in any of the ways they can: also one they extend, or take all types of. */
const NAMED = [
  /^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm,
  /^(?!\s*(?:\*|\/\/|\/\*)).*?\bimport\(\s*['"]([^'"\n]+)['"]/gm,
  /^\s*declare module ['"]([^'"\n]+)['"]/gm,
  /^\/\/\/ <reference types=['"]([^'"\n]+)['"]/gm,
]

/** The packages and Node modules that a declaration file names, with those of all files that it takes in. */
export function namedBy(file: string): readonly string[] {
  const named = new Set<string>()
  const files = new Set([file])
  for (const each of files) {
    const text = readFileSync(each, 'utf8')
    for (const [, specifier] of NAMED.flatMap((pattern) => [...text.matchAll(pattern)]) as unknown as [
      string,
      string,
    ][]) {
      if (!specifier.startsWith('.')) named.add(specifier)
      else {
        const next = join(dirname(each), specifier).replace(/\.js$/, '.d.ts')
        if (!existsSync(next)) throw new Error(`${each} names ${specifier}, which has no declarations.`)
        files.add(next)
      }
    }
  }
  return [...named].sort()
}
