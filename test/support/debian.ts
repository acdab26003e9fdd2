import { accessSync, constants } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { withLock } from './lock.js'
import { run } from './run.js'

const aptEnvironment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }

/** dpkg-query's own placeholder; `\x24` is the dollar sign, which lint takes for a forgotten template. */
const statusField = '\x24{db:Status-Status}'

/** Where a program of that name is on the PATH. */
export function programPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** Whether this process may install packages: root on a Debian (or its kin). */
export function mayInstall(): boolean {
  return userInfo().uid === 0 && programPath('apt-get') !== undefined
}

/**
 * Sees to it that Debian's packages are installed: nothing to do if they are, installed if we may.
 *
 * @returns undefined when all are there, else a sentence that tells what is missing, for a test that must then be skipped
 * @throws Error if we may install and it failed: then a skipped test would hide a broken machine
 */
export async function need(
  packages: string | readonly string[],
  options: { readonly install?: boolean } = {},
): Promise<string | undefined> {
  const { install = mayInstall() } = options
  const wanted = typeof packages === 'string' ? [packages] : packages
  const absent = await missing(wanted)
  if (absent.length === 0) return undefined
  if (!install) return `not installed: ${absent.join(', ')} (Debian: apt-get install ${absent.join(' ')})`
  await withLock(join(tmpdir(), 'sojourn-apt.lock'), async () => {
    const still = await missing(wanted)
    if (still.length > 0) await aptInstall(still)
  })
  return undefined
}

/**
 * Where Chromium is, installed first if we may.
 *
 * @returns the program's path, or `missing`: a sentence that tells what to install
 */
export async function chromiumPath(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const find = (): string | undefined => ['chromium', 'chromium-browser', 'google-chrome'].flatMap(onPath)[0]
  const there = find()
  if (there !== undefined) return { path: there }
  const missing = await need('chromium')
  if (missing !== undefined) return { missing }
  return { path: find() ?? '/usr/bin/chromium' }
}

/** Where a Chromium is that has no windows at all: the same engine for half of the work. Else the usual one. */
export async function headlessPath(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const find = (): string | undefined => programPath('chromium-headless-shell')
  if (find() === undefined && mayInstall()) await need('chromium-headless-shell').catch(() => undefined)
  const path = find()
  return path === undefined ? chromiumPath() : { path }
}

async function missing(packages: readonly string[]): Promise<readonly string[]> {
  const states = await Promise.all(packages.map((name) => run('dpkg-query', ['-W', '-f', statusField, name])))
  return packages.filter((_, at) => states[at]?.stdout !== 'installed')
}

/** Installs at once where apt knows the packages; its lists are often absent or old in an image, so once more after an update. */
async function aptInstall(packages: readonly string[]): Promise<void> {
  const install = ['install', '-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages]
  if ((await apt(install)).code === 0) return
  await apt(['update', '-q'])
  const { code, stderr } = await apt(install)
  if (code !== 0) throw new Error(`apt-get could not install ${packages.join(' ')}: ${stderr.trim().slice(-2000)}`)
}

function apt(args: readonly string[]): ReturnType<typeof run> {
  return run('apt-get', args, { env: aptEnvironment, seconds: 600 })
}

function onPath(name: string): readonly string[] {
  const path = programPath(name)
  return path === undefined ? [] : [path]
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
