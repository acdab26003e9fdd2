/**
 * A page that shows a whole file shows it as it is: the block after `<!-- file: examples/express/app.ts -->` is that file.
 *
 *     tsx tools/check-shown.ts [root]
 *     tsx tools/check-shown.ts --write      puts the files into the pages
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, type Report, repositoryRoot, runAsProgram } from './report.js'

const SHOWN = /^<!-- file: (\S+) -->\n(`{3,})(.*)\n([\s\S]*?)\n\2$/gm

export function checkShown(root: string): Report {
  const problems: string[] = []
  let count = 0
  for (const page of pagesOf(root)) {
    const text = readFileSync(join(root, page), 'utf8')
    const announced = text.match(/^<!-- file: /gm)?.length ?? 0
    let found = 0
    for (const { index, 1: file = '', 4: shown } of text.matchAll(SHOWN)) {
      found += 1
      const place = `${page}:${text.slice(0, index).split('\n').length}`
      if (!existsSync(join(root, file))) problems.push(`${place} shows ${file}, which is not there`)
      else if (contents(root, file) !== shown)
        problems.push(`${place} does not show ${file} as it is: npx tsx tools/check-shown.ts --write`)
    }
    if (found !== announced) problems.push(`${page}:1 announces ${announced} files and shows ${found}`)
    count += found
  }
  return { problems, summary: `shown: ${count} whole files are as they are` }
}

/** Puts the files into the pages that show them. */
export function renewShown(root: string): void {
  for (const page of pagesOf(root)) {
    const text = readFileSync(join(root, page), 'utf8')
    const renewed = text.replace(SHOWN, (_, file: string, fence: string, info: string) =>
      [`<!-- file: ${file} -->`, fence + info, contents(root, file), fence].join('\n'),
    )
    if (renewed !== text) writeFileSync(join(root, page), renewed)
  }
}

function pagesOf(root: string): readonly string[] {
  return filesUnder(root, 'docs', (name) => name.endsWith('.md'))
}

function contents(root: string, file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/\n$/, '')
}

if (process.argv[2] === '--write') renewShown(repositoryRoot)
else await runAsProgram(import.meta.url, checkShown)
