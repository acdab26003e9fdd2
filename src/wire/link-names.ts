import { sha256 } from './crypto.js'

/** The kinds of groups: a login on several sites, an issuer's session, an issuer's user, a user of ours. */
export type GroupKind = 'gid' | 'sid' | 'sub' | 'user'

/** The name of a group: of what it is made of a reader of the store learns nothing. */
export function groupOf(kind: GroupKind, ...parts: readonly string[]): string {
  return `${kind}.${sha256(JSON.stringify(parts))}`
}

/** The login group that a login gets which has none yet, by the key that its session has then. */
export function groupOfKey(key: string): string {
  return sha256(`gid:${key}`)
}

/** The name of a record under a secret that is not to be found in the store. */
export function recordOf(kind: string, secret: string): string {
  return `${kind}.${sha256(`${kind}:${secret}`)}`
}
