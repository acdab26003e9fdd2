import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/run.js'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Unpacks packages of a Debian suite into a folder, without root and without touching the system: apt runs on lists, a
 * status and a cache of its own, with the mirror that this machine's own sources name.
 *
 * @returns undefined when done, else a sentence that tells why not
 */
export async function unpackPackages(
  suite: string,
  packages: readonly string[],
  folder: string,
): Promise<string | undefined> {
  const mirror = await debianMirror()
  if (mirror === undefined) return "this machine's apt sources name no Debian mirror"
  const work = await mkdtemp(join(tmpdir(), 'sojourn-apt-'))
  try {
    const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : ''
    await writeFile(join(work, 'sources.list'), `deb ${signed}${mirror} ${suite} main\n`)
    await writeFile(join(work, 'status'), '')
    for (const name of ['state', 'lists/partial', 'cache/archives/partial', 'root'])
      await mkdir(join(work, name), { recursive: true })
    for (const args of [['update'], ['download', ...packages]]) {
      const { code, stderr } = await run('apt-get', [...privateApt(work), '-q', ...args], { cwd: work, seconds: 120 })
      if (code !== 0) return `apt-get ${args.join(' ')} from ${suite} failed: ${stderr.trim().slice(-500)}`
    }
    for (const archive of (await readdir(work)).filter((name) => name.endsWith('.deb'))) {
      const { code, stderr } = await run('dpkg-deb', ['-x', archive, 'root'], { cwd: work })
      if (code !== 0) return `${archive} could not be unpacked: ${stderr.trim().slice(-500)}`
    }
    await moveFolder(join(work, 'root'), folder)
    return undefined
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Everything apt would read or write of the system, turned to the private folder; proxies and the like stay as they are. */
function privateApt(work: string): readonly string[] {
  return [
    `Dir::State=${join(work, 'state')}`,
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::State::status=${join(work, 'status')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    'Dir::Etc::preferences=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((option) => ['-o', option])
}

/** The mirror of this machine's sources, in either of apt's notations; security mirrors have no other suites. */
async function debianMirror(): Promise<string | undefined> {
  const parts = '/etc/apt/sources.list.d'
  const names = existsSync(parts) ? (await readdir(parts)).filter((name) => /\.(list|sources)$/.test(name)) : []
  for (const file of ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))]) {
    const text = existsSync(file) ? await readFile(file, 'utf8') : ''
    const addresses = [...text.matchAll(/^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(\S+)/gm)].map(([, address]) => address)
    const mirror = addresses.find((address) => address !== undefined && /\/debian\/?$/.test(address))
    if (mirror !== undefined) return mirror
  }
  return undefined
}

/** In one step beside the goal, so that a half-filled folder never looks finished; the temporary folder may be another disk. */
async function moveFolder(from: string, to: string): Promise<void> {
  const beside = `${to}.new`
  await rm(beside, { recursive: true, force: true })
  const { code, stderr } = await run('cp', ['-r', from, beside])
  if (code !== 0) throw new Error(`${to} could not be filled: ${stderr.trim()}`)
  await rm(to, { recursive: true, force: true })
  await rename(beside, to)
}
