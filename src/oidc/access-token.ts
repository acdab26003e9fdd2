import { getScopeUser } from '../auth/get-user.js'
import { type Link, linkOf, membershipsOf } from '../core/link-mark.js'
import { isAlive } from '../core/links.js'
import type { Scope } from '../core/scope.js'
import { toKeep } from './enter.js'
import { type Ground, reasonOf, tell } from './ground.js'
import type { Known } from './provider.js'
import { Renewal } from './renewal.js'
import type { Tokens } from './vault.js'

/** Milliseconds before its end at which a token counts as over: it still has to arrive. */
const EARLY = 30_000
/** Milliseconds that somebody who waits for a renewal has patience, and after which they look again, at first and at last. */
const PATIENCE = 15_000
const SOON = 100
const LATER = 1000

/**
 * The token of whoever is logged in, renewed where it is over; `null` without one. However many ask at once, on whatever machines, the
 * provider is asked once: it would take a second use of the same refresh token for a theft, and end them all.
 */
export async function accessToken(ground: Ground, scope: Scope): Promise<string | null> {
  if ((await getScopeUser(scope)) === null) return null
  const link = linkOf(scope.state.cells())
  if (link?.g === undefined) return null
  if (!(await ground.provider.isOf(link))) return null
  const began = performance.now()
  const renewal = new Renewal(ground.site, link.g)
  for (let pause = SOON; performance.now() - began < PATIENCE; pause = Math.min(1.5 * pause, LATER)) {
    const tokens = await ground.vault.get(link.g)
    if (tokens?.access === undefined) return null
    if (isGood(tokens, ground.site.settings.clock())) return tokens.access
    if (tokens.refresh === undefined) return null
    const known = await ground.provider.known()
    const renewed = await renewedByOne(ground, scope, known, renewal, link as Named)
    if (renewed !== 'elsewhere') return renewed
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return null
}

function isGood({ ends }: Tokens, now: number): boolean {
  return ends === undefined || ends - EARLY > now
}

/** Of which login, and whose it is at the provider. */
type Named = Pick<Link, 'u'> & { readonly g: string }

/** Asks the provider for another token, unless somebody is doing so (`'elsewhere'`). */
async function renewedByOne(
  ground: Ground,
  scope: Scope,
  known: Known,
  renewal: Renewal,
  link: Named,
): Promise<string | null | 'elsewhere'> {
  if (!(await renewal.begin())) return 'elsewhere'
  return renewal.during(async () => {
    const tokens = await ground.vault.get(link.g)
    // Somebody was faster, between our look and our turn.
    if (tokens === null || isGood(tokens, ground.site.settings.clock())) return tokens?.access ?? null
    // A process that stood still on its way here may have been taken for dead.
    return (await renewal.isMine()) ? renewed(ground, scope, known, link, tokens) : 'elsewhere'
  })
}

async function renewed(
  { site, vault }: Ground,
  scope: Scope,
  { client, config }: Known,
  { g: login, u: sub }: Named,
  tokens: Tokens,
): Promise<string | null | 'elsewhere'> {
  try {
    const answer = await client.refreshTokenGrant(config, tokens.refresh as string)
    const claims = answer.claims()
    // OpenID Connect Core section 12.2: what is renewed stays the same user's.
    if (claims !== undefined && claims.sub !== sub) throw Object.assign(new Error('another user'), { code: 'sub' })
    const id = answer.id_token ?? tokens.id
    await vault.put(login, { ...tokens, ...toKeep(answer, site.settings.clock()), id })
    if (await isAlive(site.store.links, membershipsOf(scope.state.cells(), site.store.groupOf)))
      return answer.access_token
    // Ended meanwhile; whoever ended it took what there was then.
    await vault.take(login)
    return null
  } catch (error) {
    const reason = reasonOf(error)
    tell({ site }, scope, 'reject', reason)
    // What is over for the provider, or another's, is not asked for again; what merely failed may work the next time.
    if (reason !== 'invalid_grant' && reason !== 'sub') return null
    // Whoever took our place meanwhile may have got what we did not.
    if ((await vault.get(login))?.refresh !== tokens.refresh) return 'elsewhere'
    await vault.put(login, { id: tokens.id, until: tokens.until })
    return null
  }
}
