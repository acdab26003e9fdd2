import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CodeBlock, codeBlocks } from '../../tools/code-blocks.js'
import { repositoryRoot } from '../../tools/report.js'

/** A request that a snippet's site is sent, and what its answer must be. */
export interface Try {
  readonly method: string
  readonly path: string
  /** The form of a POST. */
  readonly fields: Readonly<Record<string, string>>
  readonly status: number
  /** Somewhere in the headers or the body. */
  readonly contains: string
}

/** A ```ts block of the guide as a module of its own. */
export interface Snippet {
  /** `docs/guide/sessions.md:12`, of the first line of code. */
  readonly place: string
  readonly code: string
  readonly tries: readonly Try[]
}

/** The blocks of README.md and docs/guide/ that are to run: all but those marked `nocheck`. */
export function guideSnippets(root: string = repositoryRoot): readonly Snippet[] {
  const pages = new Map<string, readonly string[]>()
  const snippets: Snippet[] = []
  let before: { readonly file: string; readonly code: string } | undefined
  for (const block of codeBlocks(root)) {
    const { file, line, words } = block
    if (!(file === 'README.md' || file.startsWith('docs/guide/')) || words.includes('nocheck')) continue
    const lines = pages.get(file) ?? readFileSync(join(root, file), 'utf8').split('\n')
    pages.set(file, lines)
    const code = words.includes('continued') && before?.file === file ? `${before.code}\n${block.code}` : block.code
    snippets.push({ place: `${file}:${line}`, code, tries: triesAbove(lines, block) })
    before = { file, code }
  }
  return snippets
}

/** The comments that stand right above a fence, in order: `<!-- try: POST /path a=1 b=2 -> 302 contains /next -->`. */
export function triesAbove(lines: readonly string[], { file, line }: CodeBlock): readonly Try[] {
  const tries: Try[] = []
  // `line` counts from 1 and is the first of the code, so the fence is at index `line - 2`.
  for (let at = line - 3; lines[at]?.trim().startsWith('<!-- try:'); at -= 1) {
    const asked = parseTry(lines[at] as string)
    if (asked === null)
      throw new Error(`${file}:${at + 1} is no try: METHOD /path [field=value ...] -> status [contains text]`)
    tries.unshift(asked)
  }
  return tries
}

export function parseTry(comment: string): Try | null {
  const [, method, path, form = '', status, contains = ''] =
    /^\s*<!-- try: ([A-Z]+) (\/\S*)((?: \w+=\S*)*) -> (\d{3})(?: contains (.+?))? -->\s*$/.exec(comment) ?? []
  if (method === undefined || path === undefined) return null
  const fields = Object.fromEntries(new URLSearchParams(form.trim().replaceAll(' ', '&')))
  return { method, path, fields, status: Number(status), contains }
}
