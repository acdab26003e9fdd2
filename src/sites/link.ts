import { LINK_KEY, type Link } from '../core/link-mark.js'
import type { Scope } from '../core/scope.js'
import { randomToken, sha256 } from '../wire/crypto.js'
import { groupOfKey } from '../wire/link-names.js'

/** What is known of a login that a session is of. */
export type Known = Omit<Link, 'a' | 'k' | 'e'> & { readonly a?: number }

/** Writes into the session which login it is of; the groups are told when it is stored. A login that has no group yet is given one. */
export function linkSession(scope: Scope, known: Known): Link & { readonly g: string } {
  const { state, site } = scope
  // Under which key the groups know it is said by whoever tells them.
  const { k: _k, e: _e, ...said } = known as Partial<Link>
  const link = {
    // A provider need not say which session of its own it is.
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
    g: known.g ?? groupFor(scope, known),
    a: known.a ?? site.store.moments.ofLogin(),
  }
  if (known.g === undefined || known.a === undefined) state.put(LINK_KEY, link)
  return link
}

/**
 * The group of a login that has none yet: made of its key, so that two tabs at once give it the same. A signed cookie is no such key, for two
 * logins of one moment may have the same. With a provider the key is that of the session before the login, from which two users may come
 * at once: so whom the provider means is in it too.
 */
export function groupFor({ state, site }: Scope, { i, c, s, u }: Known = {}): string {
  if (state.key === null || site.engine.stateless) return randomToken(16)
  if (i === undefined) return groupOfKey(state.key)
  return sha256(JSON.stringify(['gid', state.key, i, c, s, u]))
}
