/**
 * How large each entry of the package is in a bundle, beside what docs/reference/sizes.md says of it.
 *
 *     npm run sizes               prints it
 *     npm run sizes -- --write    renews the page
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle, peersOf } from './bundle.js'
import { repositoryRoot } from './report.js'
import { readManifest, subpaths } from './subpaths.js'

/** Where the page is, from the root. */
export const sizesPage = 'docs/reference/sizes.md'

/** Minified bytes, and those gzipped. */
export interface Size {
  readonly minified: number
  readonly gzip: number
}

/** By what is imported: `sojourn/express`, or `{ getSession } from sojourn`. */
export type Sizes = Readonly<Record<string, Size>>

/** Growth that nobody needs to explain: this share, and fewer bytes than these. */
const ALLOWED = { share: 0.05, bytes: 512 } as const

/** What is also imported alone, since a bundler leaves the rest out. */
const parts: Readonly<Record<string, string>> = {
  '{ getSession } from sojourn': "export { getSession } from 'sojourn'",
  '{ defineSettings } from sojourn': "export { defineSettings } from 'sojourn'",
}

/** Measures the package in `folder`, which is its own checkout, or the project it is installed in. */
export async function measure(folder: string, installed: string = folder): Promise<Sizes> {
  const peers = peersOf(installed)
  const lines = subpaths(readManifest(installed)).map(({ specifier }) => [specifier, `export * from '${specifier}'`])
  const found: Record<string, Size> = {}
  for (const [name, line] of [...lines, ...Object.entries(parts)] as [string, string][]) {
    const { minified, gzip } = await bundle(folder, line, peers)
    found[name] = { minified, gzip }
  }
  return found
}

/** What grew, is new or is gone since the page was made; sentences that say what to do. */
export function changes(before: Sizes, now: Sizes): readonly string[] {
  const found: string[] = []
  for (const [name, { minified }] of Object.entries(now)) {
    const old = before[name]?.minified
    if (old === undefined) found.push(`${name} is not on the page`)
    else if (minified - old >= ALLOWED.bytes && minified > old * (1 + ALLOWED.share))
      found.push(`${name} grew from ${old} to ${minified} bytes (+${((minified / old - 1) * 100).toFixed(0)} %)`)
  }
  for (const name of Object.keys(before)) if (!(name in now)) found.push(`${name} is on the page, and no longer there`)
  return found.map((what) => `${what}: if that is meant, renew ${sizesPage} by \`npm run sizes -- --write\``)
}

const INTRODUCTION = `# Sizes

<!-- Made by \`npm run sizes -- --write\`: do not edit. -->

What an import adds to a bundle, in bytes: minified by esbuild, and that gzipped. Drivers and other peers are not in it; a bundle imports
them when a URL, or a password's hash, asks for one, and need not have those that nothing asks for. A test fails where an entry has grown by
more than ${ALLOWED.share * 100} % and ${ALLOWED.bytes} bytes since this page was made.

| import | minified | gzip |
| --- | --: | --: |
`

/** The page that shows sizes. */
export function renderSizes(sizes: Sizes): string {
  const rows = Object.entries(sizes).map(([name, { minified, gzip }]) => `| \`${name}\` | ${minified} | ${gzip} |\n`)
  return INTRODUCTION + rows.join('')
}

/** The sizes that a page shows. */
export function readSizes(page: string): Sizes {
  const rows = [...page.matchAll(/^\| `(.+)` \| (\d+) \| (\d+) \|$/gm)]
  return Object.fromEntries(
    rows.map(([, name, minified, gzip]) => [name, { minified: Number(minified), gzip: Number(gzip) }]),
  )
}

async function main(words: readonly string[]): Promise<number> {
  const sizes = await measure(repositoryRoot)
  const file = join(repositoryRoot, sizesPage)
  if (words.includes('--write')) writeFileSync(file, renderSizes(sizes))
  const width = Math.max(...Object.keys(sizes).map((name) => name.length))
  for (const [name, { minified, gzip }] of Object.entries(sizes))
    console.log(`${name.padEnd(width)} ${String(minified).padStart(8)} ${String(gzip).padStart(8)}`)
  const found = changes(readSizes(readFileSync(file, 'utf8')), sizes)
  for (const what of found) console.error(what)
  return found.length > 0 ? 1 : 0
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2))
}
