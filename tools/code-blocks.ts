import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder } from './report.js'

/** A piece of TypeScript in the documentation. */
export interface CodeBlock {
  /** From the root. */
  readonly file: string
  /** The line of `file` that the code's first line is on. */
  readonly line: number
  readonly code: string
  /** What follows `ts` on the fence: `nocheck`, `continued`. */
  readonly words: readonly string[]
}

/** Every ```ts block of README.md and docs/, and every `@example` in the docstrings of src/. */
export function codeBlocks(root: string): readonly CodeBlock[] {
  const pages = [
    ...filesUnder(root, '.', (name) => name === 'README.md').filter((path) => path === 'README.md'),
    ...filesUnder(root, 'docs', (name) => name.endsWith('.md')),
  ]
  const sources = filesUnder(root, 'src', (name) => name.endsWith('.ts'))
  return [
    ...pages.flatMap((file) => fences(file, read(root, file))),
    ...sources.flatMap((file) => examples(file, read(root, file))),
  ]
}

function read(root: string, file: string): readonly string[] {
  return readFileSync(join(root, file), 'utf8').split('\n')
}

/** The fenced TypeScript in some lines, of which the first is line `start` of the file. A fence may be indented in a list. */
function fences(file: string, lines: readonly string[], start = 1): readonly CodeBlock[] {
  const found: CodeBlock[] = []
  let open: { readonly fence: string; readonly indent: number; readonly info: string; readonly at: number } | undefined
  for (const [index, line] of lines.entries()) {
    const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (open === undefined) {
      if (fence !== undefined) open = { fence, indent: indent.length, info, at: index }
    } else if (fence?.startsWith(open.fence) && info.trim() === '') {
      const { at, indent: by, info: about } = open
      const [language = '', ...words] = about.trim().split(/\s+/)
      if (/^(ts|typescript)$/.test(language)) {
        const code = lines.slice(at + 1, index).map((text) => text.replace(new RegExp(`^\\s{0,${by}}`), ''))
        found.push({ file, line: start + at + 1, code: code.join('\n'), words })
      }
      open = undefined
    }
  }
  return found
}

/** What follows `@example` up to the next tag, or to the docstring's end: its fences, or all of it if it has none. */
function examples(file: string, lines: readonly string[]): readonly CodeBlock[] {
  const found: CodeBlock[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const [, title] = /^\s*\*\s*@example\b(.*)$/.exec(lines[index] as string) ?? []
    if (title === undefined) continue
    const first = index + 1
    const body: string[] = []
    let fenced = false
    for (let at = first; at < lines.length; at += 1) {
      const line = lines[at] as string
      if (/\*\/\s*$/.test(line) || (!fenced && /^\s*\*\s*@[a-z]+\b/.test(line))) break
      const text = line.replace(/^\s*\* ?/, '')
      if (/^\s*`{3}/.test(text)) fenced = !fenced
      body.push(text)
    }
    const inner = fences(file, body, first + 1)
    if (body.some((line) => line.trim().startsWith('```'))) found.push(...inner)
    else
      found.push({ file, line: first + 1, code: body.join('\n'), words: title.includes('nocheck') ? ['nocheck'] : [] })
  }
  return found
}
