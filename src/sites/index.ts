import type { AuthPart } from '../auth/part.js'
import { type Guard, guard } from '../core/guard.js'
import { chain, orElse } from '../core/maybe.js'
import { OnSite } from '../core/on-site.js'
import type { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import type { CsrfPart } from '../csrf/part.js'
import { ImproperlyConfigured } from '../errors.js'
import { failedPrivately, notAhead, privately, wrongMethod } from './answers.js'
import { begin } from './begin.js'
import { callback } from './callback.js'
import { grant } from './grant.js'
import { type Ground, rejected, type Step } from './ground.js'
import { logout } from './logout.js'
import { Registry, type SiteNames } from './registry.js'
import { isAhead, isFramed, silent } from './silent.js'
import { token } from './token.js'
import { Transactions } from './transaction.js'

export type { NativeMember, SiteNames } from './registry.js'

export interface SitesOptions extends SiteNames {
  /** This site; all of them have one database, one `secretKey` and the same users. */
  readonly site: Site
  /**
   * `'linked'` (default): each site has a session of its own, and all end together. `'shared'`: the sites have one session, with one key in
   * all their cookies; whoever steals it on one has it on all.
   */
  readonly mode?: 'linked' | 'shared'
}

/** What a site mounts to share its logins with the others. */
export interface Sites {
  /**
   * The routes, below the path that the site's own URL ends in: `begin?next=/path`, `callback` and `logout` on each site, `grant` and `token` on the
   * hub. A guard: it answers them, and lets all other requests pass.
   */
  readonly routes: Guard
  /** A guard before pages that asks the hub who an unknown visitor is, by three redirects that nobody sees. */
  readonly silent: Guard
}

const made: OnSite = new OnSite('createSites')

/** The routes: how each is asked for, and on which sites it is. */
const ROUTES: Readonly<
  Record<string, { readonly methods: readonly string[]; readonly step: Step; readonly on?: 'hub' | 'member' }>
> = {
  begin: { methods: ['GET'], step: begin },
  grant: { methods: ['GET', 'POST'], step: grant, on: 'hub' },
  callback: { methods: ['GET'], step: callback, on: 'member' },
  token: { methods: ['POST'], step: token, on: 'hub' },
  logout: { methods: ['POST'], step: logout },
}

/**
 * One login for several sites of one organisation, on domains of their own, over one session database: the hub has the login page, and hands
 * whoever is logged in there over to the members by a ticket that works once, for one site, in one browser. No step needs a cookie of
 * another site, a frame or a script. Throws `ImproperlyConfigured` for names and URLs that cannot be.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { sojourn } from 'sojourn/express'
 * import { createSites } from 'sojourn/sites'
 *
 * const sessions = sojourn({ secretKey: 'a long random text', loginUrl: '/sso/begin' })
 * const sites = createSites({
 *   site: sessions.site,
 *   self: 'shop',
 *   hub: 'https://id.example.com/sso/',
 *   members: { shop: 'https://shop.example/sso/', news: 'https://news.example/sso/' },
 * })
 * const app = express()
 * app.use(sessions, sites.routes)
 * app.get('/', sites.silent, (_req, res) => void res.send('Welcome'))
 * ```
 */
export function createSites({ site, mode = 'linked', ...names }: SitesOptions): Sites {
  made.refuseOther(site)
  made.refuseUnknown(names, ['self', 'hub', 'members', 'mode', 'site'])
  if (mode !== 'linked' && mode !== 'shared') {
    throw new ImproperlyConfigured(`mode of createSites is 'linked' or 'shared', not '${mode}'.`)
  }
  made.refuseLastWriteWins(site, 'a ticket could be used twice')
  if (site.engine.stateless && mode === 'shared') {
    throw new ImproperlyConfigured(
      "Signed cookies cannot be one session on several sites: createSites needs mode 'linked', or another engine.",
    )
  }
  if (site.settings.sessionCookieSamesite === 'Strict') {
    throw new ImproperlyConfigured(
      "createSites needs sessionCookieSamesite 'Lax': with 'Strict' browsers send the hub no session when a member leads there.",
    )
  }
  const registry = new Registry(names)
  const transactions = new Transactions(site.settings, registry.self.audience)
  const ground: Ground = { site, registry, transactions, mode }
  site.store.usesLinks()
  const auth = site.part<AuthPart>('auth')
  auth.linksLogins = true
  const begins = `${registry.self.base.pathname}begin`
  if (!registry.isHub) auth.delegated.add(begins)
  else if (site.settings.loginUrl === begins) {
    throw new ImproperlyConfigured(`loginUrl of the hub is its own login page, not '${begins}', which leads there.`)
  }
  // Programs have no cookies, so nobody can be made to send one.
  if (registry.isHub) site.part<CsrfPart>('csrf').exemptPath(`${registry.self.base.pathname}token`)
  return {
    routes: guard((request) => routed(ground, made.scopeOf(site, request))),
    silent: guard((request) => silent(ground, made.scopeOf(site, request))),
  }
}

function routed(ground: Ground, scope: Scope): MaybePromise<PlainResponse | null> {
  const { self, isHub } = ground.registry
  const [path = ''] = scope.head.url.split('?', 1)
  if (!path.startsWith(self.base.pathname)) return null
  const found = Object.entries(ROUTES).find(([name]) => path === self.base.pathname + name)?.[1]
  if (found === undefined || (found.on !== undefined && (found.on === 'hub') !== isHub)) return null
  if (!found.methods.includes(scope.head.method)) return wrongMethod(found.methods.join(', '))
  if (isAhead(scope)) return notAhead()
  if (scope.head.method === 'GET' && isFramed(scope)) return rejected(ground, scope, 'frame')
  const answer = orElse(() => found.step(ground, scope), failedPrivately)
  return chain(answer, privately)
}
