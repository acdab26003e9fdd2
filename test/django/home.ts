import { existsSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { need, programPath } from '../support/debian.js'
import { withLock } from '../support/lock.js'
import { run } from '../support/run.js'
import { unpackPackages } from './packages.js'

const cache = fileURLToPath(new URL('../../node_modules/.cache/sojourn-django/', import.meta.url))
const packages = ['python3-django', 'python3-asgiref', 'python3-sqlparse', 'python3-tz']

/** Debian's suites and the Django each has: 5.2, 4.2 and 3.2 at the time of writing. */
export const suites = ['sid', 'trixie', 'bookworm'] as const
export type Suite = (typeof suites)[number]

/** A Django that was seen to run: which Python runs it, and what must be on PYTHONPATH. */
export interface DjangoHome {
  readonly version: string
  readonly python: string
  /** Empty for a Django that is installed in the system. */
  readonly pythonPath: string
  /** The suite it came from, or `installed` for what Python finds by itself. */
  readonly source: Suite | 'installed'
  /** Where Python keeps compiled modules, so that none are written beside the sources. */
  readonly bytecode: string
}

const found = new Map<string, Promise<DjangoHome | { readonly missing: string }>>()

/**
 * A Django to test with. Without a suite the newest that runs here: Debian's newer suites unpacked into node_modules/.cache
 * (delete it to fetch anew), then what is installed, then what may be installed. With a suite only that one.
 */
export function findDjango(suite?: Suite): Promise<DjangoHome | { readonly missing: string }> {
  const key = suite ?? ''
  const before = found.get(key)
  if (before !== undefined) return before
  const search = mkdir(cache, { recursive: true }).then(() => find(suite))
  found.set(key, search)
  return search
}

async function find(suite: Suite | undefined): Promise<DjangoHome | { readonly missing: string }> {
  const reasons: string[] = []
  for (const name of suite === undefined ? suites : [suite]) {
    const home = await unpacked(name)
    if (typeof home !== 'string') return home
    reasons.push(`${name}: ${home}`)
  }
  if (suite === undefined) {
    const home = (await probe('installed', '')) ?? (await installed())
    if (typeof home !== 'string') return home
    reasons.push(home)
  }
  return { missing: `no Django runs here (${reasons.join('; ')})` }
}

async function unpacked(suite: Suite): Promise<DjangoHome | string> {
  const folder = join(cache, suite)
  const failed = join(cache, `${suite}.failed`)
  return withLock(join(cache, `${suite}.lock`), async () => {
    if (!existsSync(folder)) {
      if (isRecent(failed)) return readFile(failed, 'utf8')
      const why = await unpackPackages(suite, packages, folder)
      if (why !== undefined) {
        await writeFile(failed, why)
        return why
      }
    }
    const home = await probe(suite, join(folder, 'usr/lib/python3/dist-packages'))
    return home ?? 'no Python here runs it'
  })
}

/** Without a network every test file would wait for apt's time limit again; ten minutes later it may be back. */
function isRecent(file: string): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0 }
  return Date.now() - mtimeMs < 600_000
}

async function installed(): Promise<DjangoHome | string> {
  const missing = await need('python3-django')
  return missing ?? (await probe('installed', '')) ?? 'python3-django is installed, but no Python runs it'
}

/** Imports it with each Python at hand: Debian's own first, which a version manager on the PATH may hide. */
async function probe(source: DjangoHome['source'], pythonPath: string): Promise<DjangoHome | undefined> {
  const bytecode = join(cache, 'bytecode')
  const program = 'import django.core.handlers.wsgi, sqlite3; print(django.get_version())'
  const pythons = new Set(['/usr/bin/python3', programPath('python3')].filter((path) => path !== undefined))
  for (const python of pythons) {
    const env = { ...process.env, PYTHONPATH: pythonPath, PYTHONPYCACHEPREFIX: bytecode, PYTHONNOUSERSITE: '1' }
    const { code, stdout } = await run(python, ['-c', program], { env })
    if (code === 0) return { version: stdout.trim(), python, pythonPath, source, bytecode }
  }
  return undefined
}
