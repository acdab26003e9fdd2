/**
 * Every link in the documentation leads somewhere: its file is there, and so is the heading that its `#` names, by the name that
 * GitHub gives it. Links to the web are not looked at.
 *
 *     tsx tools/check-links.ts [root]
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { filesUnder, type Report, runAsProgram } from './report.js'

export function checkLinks(root: string): Report {
  const problems: string[] = []
  let count = 0
  for (const page of [...filesAt(root), ...filesUnder(root, 'docs', isPage)]) {
    for (const [index, line] of textOf(root, page).entries()) {
      // A link's text may be code, and code may look like a link.
      for (const [, target = ''] of line.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        count += 1
        const [path = '', anchor] = target.split('#', 2)
        const file = path === '' ? page : relative(root, join(root, dirname(page), path)).replaceAll('\\', '/')
        const place = `${page}:${index + 1}`
        if (!existsSync(join(root, file))) problems.push(`${place} links to ${target}, and there is no ${file}`)
        else if (anchor !== undefined && !anchorsOf(root, file).has(anchor))
          problems.push(`${place} links to ${target}, and ${file} has no such heading`)
      }
    }
  }
  return { problems, summary: `links: ${count} lead somewhere` }
}

const isPage = (name: string): boolean => name.endsWith('.md')

const filesAt = (root: string): readonly string[] =>
  ['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md'].filter((name) => existsSync(join(root, name)))

/** A page's lines, of which those of code are empty. */
function textOf(root: string, page: string): readonly string[] {
  let open: string | undefined
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .map((line) => {
      const [, fence, info = ''] = /^\s*(`{3,}|~{3,})(.*)$/.exec(line) ?? []
      const inside = open !== undefined
      if (open === undefined) open = fence
      else if (fence?.startsWith(open) && info.trim() === '') open = undefined
      return inside || fence !== undefined ? '' : line
    })
}

/** What may follow `#`: each heading in lower case, with its letters, digits, `_` and `-` alone; the second of a name ends in `-1`. */
function anchorsOf(root: string, page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  if (!isPage(page)) return anchors
  for (const line of textOf(root, page)) {
    const [, heading] = /^#{1,6} +(.*?)[ #]*$/.exec(line) ?? []
    if (heading === undefined) continue
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const name = shown.replace(/[^\p{L}\p{M}\p{N}_ -]/gu, '').replaceAll(' ', '-')
    let anchor = name
    for (let more = 1; anchors.has(anchor); more += 1) anchor = `${name}-${more}`
    anchors.add(anchor)
  }
  return anchors
}

await runAsProgram(import.meta.url, checkLinks)
