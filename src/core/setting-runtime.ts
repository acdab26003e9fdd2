import { ImproperlyConfigured } from '../errors.js'
import { type Runtime, runtime } from './runtime.js'
import type { Speller } from './setting-conflicts.js'
import type { ResolvedSettings, SettingName } from './settings.js'
import { schemeOf } from './url-schemes.js'

/** A setting that asks for what not every runtime has. */
interface Need {
  readonly setting: SettingName
  readonly of: 'files' | 'shares' | 'addons'
  asks(settings: ResolvedSettings): boolean
  /** What to do instead. */
  readonly remedy: string
}

/** What a URL begins with; `''` for what is open already. */
const scheme = (source: unknown): string => (typeof source === 'string' ? schemeOf(source) : '')

/** Whether there are sessions in the file of SQLite: it is the default, so for users alone it is refused when they are asked for. */
const isInFile = ({ sessionEngine, databases }: ResolvedSettings): boolean =>
  (sessionEngine === 'db' || sessionEngine === 'cached_db') && scheme(databases.default) === 'sqlite'

/** Whether there are sessions in a cache on a server. */
const isInCache = ({ sessionEngine, caches, sessionCacheAlias }: ResolvedSettings): boolean => {
  if (sessionEngine !== 'cache' && sessionEngine !== 'cached_db') return false
  const location = caches[sessionCacheAlias]?.location
  return !['', 'locmem'].includes(scheme(Array.isArray(location) ? location[0] : location))
}

const ON_WORKERS =
  'hand over a D1 database ({ default: env.DB }), or use sojourn/engines/durable-object as sessionEngine'

const NEEDS: readonly Need[] = [
  {
    setting: 'sessionEngine',
    of: 'files',
    asks: ({ sessionEngine }) => sessionEngine === 'file',
    remedy: 'use sojourn/engines/durable-object, or db with a D1 database',
  },
  {
    setting: 'databases',
    of: 'files',
    asks: isInFile,
    remedy: ON_WORKERS,
  },
  {
    setting: 'databases',
    of: 'shares',
    asks: ({ databases }) => !['', 'sqlite'].includes(scheme(databases.default)),
    remedy: `open a client of pg or postgres in each request and make the site with it, ${ON_WORKERS}`,
  },
  {
    setting: 'caches',
    of: 'shares',
    asks: isInCache,
    remedy: 'use sojourn/engines/durable-object as sessionEngine, or give a cache that speaks HTTP',
  },
  {
    setting: 'passwordHashers',
    of: 'addons',
    asks: ({ passwordHashers }) => /^(?:argon2|bcrypt)/.test(passwordHashers[0] as string),
    remedy: "name 'scrypt' first",
  },
]

const LACKS: Readonly<Record<Need['of'], string>> = {
  files: 'which has no files that last',
  shares: 'where a connection belongs to the request that opened it',
  addons: 'which loads no package that was compiled for Node',
}

/** Settings that this runtime cannot do: found out here, and not by the first visitor. */
export function refuseForRuntime(settings: ResolvedSettings, spell: Speller, at: Runtime = runtime): void {
  const need = NEEDS.find(({ of, asks }) => !at[of] && asks(settings))
  if (need === undefined) return
  const { setting, of, remedy } = need
  throw new ImproperlyConfigured(
    `The setting ${spell(setting)} asks for what cannot be on ${at.name}, ${LACKS[of]}: ${remedy}.`,
  )
}
