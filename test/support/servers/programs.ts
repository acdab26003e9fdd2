import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mayInstall, need, programPath } from '../debian.js'
import { withLock } from '../lock.js'

export type ServerName = 'postgres' | 'mariadb' | 'redis' | 'memcached'

/** The programs of each, the server first, and the package of Debian that has them. */
const kinds: Readonly<Record<ServerName, { readonly programs: readonly string[]; readonly package: string }>> = {
  postgres: { programs: ['postgres', 'initdb'], package: 'postgresql' },
  mariadb: { programs: ['mariadbd', 'mariadb-install-db'], package: 'mariadb-server' },
  redis: { programs: ['redis-server'], package: 'redis-server' },
  memcached: { programs: ['memcached'], package: 'memcached' },
}

const asked = new Map<ServerName, Promise<string | undefined>>()

/**
 * What is missing to start such a server here; installed first if we may. For `describe.skipIf(missing !== undefined)`.
 *
 * @returns undefined when it can be started, else a sentence that tells what to install
 */
export function missingServer(name: ServerName): Promise<string | undefined> {
  const before = asked.get(name)
  if (before !== undefined) return before
  const search = findOrInstall(name)
  asked.set(name, search)
  return search
}

/** @throws Error that tells what to install, if a program is missing */
export async function needPrograms(name: ServerName): Promise<void> {
  const missing = await missingServer(name)
  if (missing !== undefined) throw new Error(`${name} cannot be started: ${missing}`)
}

/** The path of a server's program. */
export function serverProgram(name: string): string {
  return find(name) ?? name
}

async function findOrInstall(name: ServerName): Promise<string | undefined> {
  if (find('setpriv') === undefined) return 'not installed: setpriv (Debian: apt-get install util-linux)'
  const { programs, package: wanted } = kinds[name]
  if (programs.every(find)) return undefined
  const missing = mayInstall() ? await install(wanted) : await need(wanted, { install: false })
  if (missing !== undefined) return missing
  const still = programs.filter((program) => find(program) === undefined)
  return still.length === 0 ? undefined : `${wanted} is installed, but has no ${still.join(', ')}`
}

/** Installs without starting what Debian would: its services are not ours, and theirs may be somebody's port. */
function install(wanted: string): Promise<string | undefined> {
  return withLock(join(tmpdir(), 'sojourn-servers.lock'), async () => {
    const policy = '/usr/sbin/policy-rc.d'
    const ours = !existsSync(policy)
    if (ours) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    try {
      return await need(wanted)
    } finally {
      if (ours) await rm(policy)
    }
  })
}

/** Debian keeps PostgreSQL's programs out of the PATH, a folder per version, and a user's PATH has no sbin. */
function find(program: string): string | undefined {
  const folders = [...postgresFolders(), '/usr/sbin', '/usr/local/sbin']
  const path = folders.map((folder) => join(folder, program)).find((file) => existsSync(file)) ?? programPath(program)
  return path === undefined ? undefined : beside(path)
}

/** PostgreSQL looks for its files next to itself, so a link to it is followed. */
function beside(path: string): string {
  const real = realpathSync(path)
  return dirname(real) === dirname(path) ? path : real
}

function postgresFolders(): readonly string[] {
  const versions = '/usr/lib/postgresql'
  if (!existsSync(versions)) return []
  const names = readdirSync(versions).sort((a, b) => Number(b) - Number(a))
  return names.map((version) => join(versions, version, 'bin'))
}
