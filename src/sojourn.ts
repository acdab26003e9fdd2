import { authPart } from './auth/part.js'
import { openCache } from './caches/open.js'
import { jsonCodec } from './codecs/json.js'
import { pickleCodec } from './codecs/pickle.js'
import { signedCodec } from './codecs/signed.js'
import type { Part } from './core/part.js'
import type { SchemaSettings } from './core/schema-settings.js'
import type { SchemaData, SessionSchema } from './core/session-schema.js'
import type { ResolvedCache, SessionEngineName } from './core/setting-stores.js'
import type { ResolvedSettings, SettingsInput } from './core/settings.js'
import { resolveSettings } from './core/settings-input.js'
import { Site } from './core/site.js'
import type { SessionEngine } from './core/types.js'
import { csrfPart } from './csrf/part.js'
import type { Database } from './databases/database.js'
import { openDatabase } from './databases/open.js'
import { type CacheEngineOptions, cacheEngine } from './engines/cache.js'
import { cachedDbEngine } from './engines/cached-db.js'
import { dbEngine } from './engines/db.js'
import { fileEngine } from './engines/file.js'
import { DbLinks } from './engines/links/in-table.js'
import { memoryEngine } from './engines/memory.js'
import { signedCookiesEngine } from './engines/signed-cookies.js'
import { DbCutoffs } from './engines/user-index/cutoffs.js'
import { ImproperlyConfigured } from './errors.js'
import { messagesPart } from './messages/part.js'
import { makeTables } from './tables.js'
import { TokensPart } from './tokens/part.js'
import { randomString } from './wire/crypto.js'
import { groupOf } from './wire/link-names.js'

/**
 * Makes a site from its settings, in TypeScript's spelling or Django's. Every adapter's `sojourn` takes the same settings,
 * or this site.
 *
 * @example
 * ```ts
 * import { sojourn } from 'sojourn'
 *
 * const site = sojourn({ secretKey: 'a long random text', databases: { default: 'sqlite::memory:' } })
 * const session = site.sessions.open()
 * session.set('username', 'john_doe')
 * await session.save()
 * await site.close()
 * ```
 */
export function sojourn<const S extends SessionSchema>(input: SchemaSettings<S>): Site<SchemaData<S>>
export function sojourn(input: SettingsInput): Site
export function sojourn(input: SettingsInput): Site {
  const settings = resolveSettings(input)
  const database = databaseOf(settings)
  const engine = engineOf(settings, database, (error) => site.emit('cache_failed', { error }))
  const site: Site = new Site(settings, {
    engine,
    parts: partsOf(settings, database),
    random: settings.random ?? randomString,
    groupOf,
    cutoffs: settings.sessionUserIndex && engine.stateless ? new DbCutoffs(database) : null,
    links: engine.stateless ? new DbLinks(database, settings.clock) : null,
    others: engine.stateless ? dbEngine({ database, codec: signedCodec(settings), clock: settings.clock }) : null,
    migrate: () => makeTables(database),
    close: () => database.close(),
  })
  return site
}

/** The site of an adapter: made from settings, or the one it was given. */
export function siteOf(settings: SettingsInput | Site): Site {
  if (settings instanceof Site) return settings
  const meant = meantInstead(settings)
  if (meant !== undefined) throw new ImproperlyConfigured(meant)
  return sojourn(settings)
}

/** What is to be written where `sojourn` was given to a framework as it is, which then calls it: with a request, a context, an app. */
function meantInstead(given: unknown): string | undefined {
  if (typeof given === 'function') {
    return 'site' in given
      ? 'What an adapter has made is no site and no settings: give its `.site`.'
      : 'sojourn is called with the settings, and then with a handler: `sojourn({ secretKey })(handler)`.'
  }
  if (typeof given !== 'object' || given === null || 'secretKey' in given || 'SECRET_KEY' in given) return undefined
  if ('event' in given && 'resolve' in given) {
    return 'sojourn is called with the settings, and gives the hook: `export const handle = sojourn({ secretKey })`.'
  }
  if (isPlain(given)) return undefined
  return 'register' in given
    ? 'sojourn is called with the settings, and gives the plugin: `app.register(sojourn({ secretKey }))`.'
    : 'sojourn is called with the settings, and gives what the app takes: `app.use(sojourn({ secretKey }))`.'
}

/** Also where another realm made it, as test runners do. Arrays are for whoever reads settings to refuse. */
function isPlain(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given)
  return prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(given)
}

function engineOf(settings: ResolvedSettings, database: Database, failed: (error: unknown) => void): SessionEngine {
  const { sessionEngine, clock } = settings
  if (typeof sessionEngine === 'object') return sessionEngine
  const db = (): SessionEngine => dbEngine({ database, codec: signedCodec(settings), clock })
  const engines: Readonly<Record<SessionEngineName, () => SessionEngine>> = {
    db,
    cache: () => cacheEngine(cacheOf(settings)),
    cached_db: () => cachedDbEngine({ ...cacheOf(settings), db: db(), onCacheFailure: failed }),
    file: () =>
      fileEngine({
        ...settings,
        folder: settings.sessionFilePath ?? undefined,
        codec: signedCodec(settings),
        sync: settings.sessionFileSync,
      }),
    signed_cookies: () => signedCookiesEngine(settings),
    memory: () => memoryEngine({ max: settings.sessionMemoryMax, clock }),
  }
  return engines[sessionEngine]()
}

/** The cache of the cache engines, and how Django names and keeps sessions in it. */
function cacheOf(settings: ResolvedSettings): CacheEngineOptions {
  const { caches, sessionCacheAlias, clock } = settings
  const { location, codec, keyPrefix, version } = caches[sessionCacheAlias] as ResolvedCache
  const codecs = { pickle: pickleCodec, json: jsonCodec }
  const { sessionTouchAfter, sessionUserIndex } = settings
  const cache = openCache(location, { clock, withExpiry: sessionTouchAfter !== null || sessionUserIndex })
  return { cache, codec: codecs[codec](settings), keyPrefix, version, clock }
}

/**
 * Messages go before the token and the login they may depend on; the session, which holds them all, comes last. The token's part is always
 * there: without it in `middleware` it looks at no request by itself, and `csrfProtect` still can.
 */
function partsOf(settings: ResolvedSettings, database: Database): readonly Part[] {
  const made = {
    messages: () => messagesPart(settings),
    csrf: () => csrfPart(settings),
    auth: () => authPart(settings, database),
  }
  const parts = (['messages', 'csrf', 'auth'] as const)
    .filter((name) => name === 'csrf' || settings.middleware.includes(name))
    .map((name) => made[name]())
  const { sessionTokenAudiences, sessionTokenAllauth } = settings
  const hasTokens = sessionTokenAudiences.length > 0 || sessionTokenAllauth
  // Whose session it is has to be known before any other part looks at it.
  return hasTokens ? [new TokensPart(settings), ...parts] : parts
}

/** The default database. A file gets its tables by itself when it is opened; a server's are made by `sojourn migrate`, or `site.migrate()`. */
function databaseOf(settings: ResolvedSettings): Database {
  return openDatabase(settings.databases.default, settings, (database) => {
    void makeTables(database)
  })
}
