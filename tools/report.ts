import { readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a check found. `summary` is the one line printed when `problems`, each `file:line what`, is empty. */
export interface Report {
  readonly problems: readonly string[]
  readonly summary: string
}

export type Check = (root: string) => Report | Promise<Report>

export const repositoryRoot: string = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')

/** Runs a check when its file is the program: `tsx tools/check-x.ts [root]`. Prints, and exits 1 on a problem. */
export async function runAsProgram(moduleUrl: string, check: Check): Promise<void> {
  const program = process.argv[1]
  if (program === undefined || resolve(program) !== fileURLToPath(moduleUrl)) return
  const report = await check(resolve(process.argv[2] ?? repositoryRoot))
  for (const problem of report.problems) console.error(problem)
  if (report.problems.length > 0) process.exitCode = 1
  else console.log(report.summary)
}

/** The files under `folder` whose name `wanted` takes, as sorted paths from `root` with `/`; none if it is not there. */
export function filesUnder(root: string, folder: string, wanted: (name: string) => boolean): readonly string[] {
  const found: string[] = []
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules') visit(path)
      else if (entry.isFile() && wanted(entry.name)) found.push(relative(root, path).replaceAll('\\', '/'))
    }
  }
  try {
    visit(join(root, folder))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return found.sort()
}
