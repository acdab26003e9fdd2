import type { SettingsInput } from '../../core/settings.js'
import { Site } from '../../core/site.js'
import { ImproperlyConfigured } from '../../errors.js'
import { siteOf } from '../../sojourn.js'
import type { Visits } from './visit.js'

/** A site, and the requests that it is answering. */
export interface Shared {
  readonly site: Site
  readonly visits: Visits
  /** What it was made of. */
  readonly text: string
}

/** What all copies of a module in this process have in common. */
interface Process {
  [SITES]?: { readonly named: Map<string, Shared>; readonly given: WeakMap<Site, Shared> }
}

const SITES = Symbol.for('sojourn.next.sites')

/**
 * The site of a name in this process. Next evaluates a module once for every page and route that imports it, so that each would open
 * connections of its own, and sessions in memory would be of one page only. `settings` make it at the first call; a later one with others
 * is an error, but for a server that develops, where it makes a new site and closes the old one. A site that is given is taken as it is.
 */
export function oneSite(settings: SettingsInput | Site, name: string): Shared {
  const process = globalThis as Process
  process[SITES] ??= { named: new Map(), given: new WeakMap() }
  const { named, given } = process[SITES]
  if (settings instanceof Site) return given.get(settings) ?? kept(given, settings, settings)
  const known = named.get(name)
  const text = describe(settings)
  if (known !== undefined && !(known.site instanceof Site)) throw bundled()
  if (known?.text === text) return known
  if (known !== undefined && !isDeveloping()) throw twoSites(name)
  const shared = kept(named, name, siteOf(settings), text)
  if (known !== undefined) replaced(known.site, shared.site)
  return shared
}

/** Each change of the settings would leave connections behind. A server that develops answers nobody who has to hear of it. */
function replaced(old: Site, site: Site): void {
  const given = givenTo(site)
  // A site closes an engine, a database or a cache that was made for it, and these were made for both.
  if (givenTo(old).some((each) => given.includes(each))) return
  old.close().catch(() => undefined)
}

/** What a site was handed, and may have been kept from one evaluation of its module to the next. */
function givenTo({ engine, settings: { databases, caches } }: Site): readonly unknown[] {
  const sources = [...Object.values(databases), ...Object.values(caches).map(({ location }) => location)]
  return [engine, ...sources.filter((source) => typeof source !== 'string')]
}

function kept<Key>(all: { set(key: Key, shared: Shared): unknown }, key: Key, site: Site, text = ''): Shared {
  const made = { site, visits: new WeakMap(), text }
  all.set(key, made)
  return made
}

/** Two settings of one text are the same settings. Of functions it tells only that they are there: bundlers write one function in several ways. */
function describe(settings: object): string {
  const seen = new Set<unknown>()
  return JSON.stringify(settings, (_, value: unknown) => {
    if (typeof value === 'function') return 'function'
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (seen.has(value)) return ''
    seen.add(value)
    const kind = value.constructor as { readonly name: string } | undefined
    return kind === Object || kind === undefined ? value : kind.name
  })
}

function isDeveloping(): boolean {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  return process?.env?.['NODE_ENV'] === 'development'
}

function twoSites(name: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `sojourn was called with other settings for the site '${name}', which this process has already: call it in one module that the others import, or give the second site a name: sojourn(settings, 'admin').`,
  )
}

function bundled(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    "Next has put several copies of sojourn into this process: set serverExternalPackages: ['sojourn'] in next.config.",
  )
}
