import { authPart, userBackend } from '../../src/auth/part.js'
import { authTables } from '../../src/auth/schema.js'
import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import type { Site } from '../../src/core/site.js'
import type { Cutoffs, PlainResponse, SessionEngine } from '../../src/core/types.js'
import type { Database, Statement } from '../../src/databases/database.js'
import { sqlite } from '../../src/databases/sqlite.js'
import { bareSite, type RecordedHead, requestHead, responseHead, SECRET, sqliteEngine } from '../support/sites.js'

export interface AuthSite {
  readonly site: Site
  readonly users: ReturnType<typeof userBackend>
  readonly database: Database
  readonly engine: SessionEngine
}

/** A site of sessions and login, both on SQLite in memory; hashes are cheap. */
export function authSite(
  input: SettingsInput & {
    readonly database?: Database
    readonly engine?: SessionEngine
    readonly cutoffs?: Cutoffs
  } = {},
): AuthSite {
  const { database = usersDatabase(), engine = sqliteEngine({ clock: input.clock }).engine, cutoffs, ...given } = input
  const settings = { pbkdf2Iterations: 10, ...given }
  const part = authPart(resolveSettings({ secretKey: SECRET, ...settings }), database)
  const site = bareSite({ ...settings, engine, cutoffs, parts: [part] })
  return { site, users: userBackend(site), database, engine }
}

export function usersDatabase(): Database {
  const database = sqlite('sqlite::memory:')
  void authTables(database)
  return database
}

/** The same database behind promises, as one over a network answers. */
export function slowly(database: Database): Database {
  const later = async <T>(answer: T | Promise<T>): Promise<T> => {
    await new Promise(setImmediate)
    return answer
  }
  return {
    dialect: database.dialect,
    synchronous: false,
    prepare(sql): Statement {
      const statement = database.prepare(sql)
      return {
        get: (...values) => later(statement.get(...values)),
        all: (...values) => later(statement.all(...values)),
        run: (...values) => later(statement.run(...values)),
      }
    },
    execute: (sql) => later(database.execute(sql)),
    fromMoment: (ms) => database.fromMoment(ms),
    toMoment: (value) => database.toMoment(value),
    close: () => database.close(),
  }
}

export interface Visit<T> {
  readonly result: T
  readonly scope: Scope
  readonly response: RecordedHead
  /** What was sent instead of the handler's answer. */
  readonly refused: PlainResponse | undefined
  /** The session key that the browser has afterwards. */
  readonly key: string | undefined
}

interface Asked {
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly url?: string
  readonly encrypted?: boolean
  readonly address?: string
}

/** One request from its begin to its finish, with the session key a browser sends and keeps. */
export async function visit<T>(
  site: Site,
  asked: Asked,
  handler: (request: object, scope: Scope) => T,
): Promise<Visit<Awaited<T>>> {
  const { key, headers, ...rest } = asked
  const cookie: Record<string, string> = key === undefined ? {} : { cookie: `sessionid=${key}` }
  const request = {}
  const scope = Scope.open(site, request, requestHead({ host: 'example.com', ...cookie, ...headers }, rest))
  const refused = await scope.begin()
  const result = await handler(request, scope)
  const response = responseHead()
  await scope.finish(response)
  const sent = response.cookies
    .map((line) => /^sessionid="?([^";]*)/.exec(line)?.[1])
    .find((value) => value !== undefined)
  return { result, scope, response, refused, key: sent === undefined ? key : sent || undefined }
}
