import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../../tools/report.js'
import { withLock } from './lock.js'
import { run } from './run.js'

/** The runtimes that sojourn is for, besides the Node that runs the tests. */
export const runtimes = {
  node20: { package: `node-${place()}`, version: '20.20.2', program: 'bin/node' },
  node22: { package: `node-${place()}`, version: '22.23.5', program: 'bin/node' },
  node24: { package: `node-${place()}`, version: '24.22.3', program: 'bin/node' },
  node26: { package: `node-${place()}`, version: '26.12.1', program: 'bin/node' },
  bun: { package: `@oven/bun-${place({ arm64: 'aarch64' })}`, version: '1.4.5', program: 'bin/bun' },
  deno: { package: `@deno/${place()}-glibc`, version: '2.9.6', program: 'deno' },
  workerd: { package: `@cloudflare/workerd-${place({ x64: '64' })}`, version: '1.20261117.1', program: 'bin/workerd' },
} as const satisfies Record<string, Pinned>

interface Pinned {
  /** The npm package that holds the program for this machine and nothing else: it needs no script to be installed. */
  readonly package: string
  readonly version: string
  /** Where the program is in it. */
  readonly program: string
}

export type RuntimeName = keyof typeof runtimes

export const runtimeNames = Object.keys(runtimes) as RuntimeName[]

/** `linux-x64`, with the name that a package has for this processor. */
function place(names: Readonly<Record<string, string>> = {}): string {
  return `${process.platform}-${names[process.arch] ?? process.arch}`
}

/** The path of a runtime's program; installed at the first call, for this repository alone. */
export async function runtime(name: RuntimeName): Promise<string> {
  const { version, program } = runtimes[name]
  const { package: from } = runtimes[name]
  if (name === 'node20' && process.version === `v${version}`) return process.execPath
  const cache = join(realpathSync(join(repositoryRoot, 'node_modules')), '.cache/sojourn-runtimes')
  const home = join(cache, `${name}-${version}`)
  const path = join(home, 'node_modules', from, program)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  return withLock(join(cache, 'lock.sqlite3'), async () => {
    if (!existsSync(path)) await install(home, `${from}@${version}`)
    if (existsSync(path)) return path
    throw new Error(`${from}@${version} is installed, and has no ${program}.`)
  })
}

/** Beside, and then in one step: whoever finds the folder finds all of it. */
async function install(home: string, what: string): Promise<void> {
  const made = `${home}.${process.pid}`
  mkdirSync(made, { recursive: true })
  try {
    writeFileSync(join(made, 'package.json'), '{ "private": true }\n')
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', what]
    const { code, stderr } = await run('npm', args, { cwd: made, seconds: 300 })
    if (code !== 0) {
      throw new Error(`npm could not install ${what}, which the tests on that runtime need: ${stderr.trim()}`)
    }
    rmSync(home, { recursive: true, force: true })
    renameSync(made, home)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}
