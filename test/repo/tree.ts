import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'

/** A small repository of these files, gone when the test is over. Values that are no text are written as JSON. */
export function tree(files: Readonly<Record<string, unknown>>): string {
  const root = mkdtempSync(join(tmpdir(), 'sojourn-tree-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  }
  return root
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A tool run as a program, as `npm run check` runs it. */
export function runTool(name: string, root: string): Ran {
  const tool = join(repositoryRoot, 'tools', `${name}.ts`)
  return spawnSync(process.execPath, ['--import', 'tsx', tool, root], { cwd: repositoryRoot, encoding: 'utf8' })
}
