import { authPart, authTables } from './auth/part.js'
import { signedCodec } from './codecs/signed.js'
import type { Part } from './core/part.js'
import type { ResolvedSettings, SettingsInput } from './core/settings.js'
import { resolveSettings } from './core/settings-input.js'
import { Site } from './core/site.js'
import type { SessionEngine } from './core/types.js'
import { csrfPart } from './csrf/part.js'
import type { Database } from './databases/database.js'
import { isSqliteHandle, sqlite } from './databases/sqlite.js'
import { dbEngine, sessionTables } from './engines/db.js'
import { memoryEngine } from './engines/memory.js'
import { signedCookiesEngine } from './engines/signed-cookies.js'
import { ImproperlyConfigured } from './errors.js'
import { messagesPart } from './messages/part.js'
import { randomString } from './wire/crypto.js'

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
export function sojourn(input: SettingsInput): Site {
  const settings = resolveSettings(input)
  const database = databaseOf(settings)
  return new Site(settings, {
    engine: engineOf(settings, database),
    parts: partsOf(settings, database),
    random: settings.random ?? randomString,
    close: () => database.close(),
  })
}

/** The site of an adapter: made from settings, or the one it was given. */
export function siteOf(settings: SettingsInput | Site): Site {
  return settings instanceof Site ? settings : sojourn(settings)
}

function engineOf(settings: ResolvedSettings, database: Database): SessionEngine {
  const { sessionEngine } = settings
  if (typeof sessionEngine === 'object') return sessionEngine
  switch (sessionEngine) {
    case 'memory':
      return memoryEngine({ max: settings.sessionMemoryMax, clock: settings.clock })
    case 'signed_cookies':
      return signedCookiesEngine(settings)
    case 'db':
      return dbEngine({ database, codec: signedCodec(settings), clock: settings.clock })
    default:
      throw new ImproperlyConfigured(`The sessionEngine '${String(sessionEngine)}' is not built yet.`)
  }
}

/** Messages go before the token and the login they may depend on; the session, which holds them all, comes last. */
function partsOf(settings: ResolvedSettings, database: Database): readonly Part[] {
  const made = {
    messages: () => messagesPart(settings),
    csrf: () => csrfPart(settings),
    auth: () => authPart(settings, database),
  }
  return (['messages', 'csrf', 'auth'] as const)
    .filter((name) => settings.middleware.includes(name))
    .map((name) => made[name]())
}

/**
 * The default database. A file is opened when it is first asked, and gets its tables by itself; a handle belongs to
 * somebody, who migrates it.
 */
function databaseOf(settings: ResolvedSettings): Database {
  const source: unknown = settings.databases.default
  if (typeof source === 'string') return sqlite(source, settings, embeddedTables)
  if (typeof source === 'object' && source !== null) {
    if ('dialect' in source) return source as Database
    if (isSqliteHandle(source)) return sqlite(source, settings)
  }
  throw new ImproperlyConfigured(
    'The databases setting needs a default: a sqlite: URL, or an open handle of better-sqlite3 or node:sqlite.',
  )
}

function embeddedTables(database: Database): void {
  void sessionTables(database)
  void authTables(database)
}
