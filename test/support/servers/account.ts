import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { ServerName } from './programs.js'

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Debian's users for the servers. */
const users: Readonly<Record<ServerName, string>> = {
  postgres: 'postgres',
  mariadb: 'mysql',
  redis: 'redis',
  memcached: 'memcache',
}

/**
 * The user a server runs as. PostgreSQL, MariaDB and Memcached refuse to be root, so as root we use their own user, or
 * `nobody`; anybody else runs them as they are, which is `undefined`.
 */
export function accountOf(name: ServerName): Account | undefined {
  if (userInfo().uid !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = [users[name], 'nobody'].map((user) => lines.find((text) => text.startsWith(`${user}:`))).find(Boolean)
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new Error(`No user ${users[name]} or nobody to run ${name} as`)
  return { uid: Number(uid), gid: Number(gid) }
}
