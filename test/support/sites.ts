import { signedCodec } from '../../src/codecs/signed.js'
import type { Part } from '../../src/core/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { Site } from '../../src/core/site.js'
import type { Cutoffs, RequestHead, ResponseHead, SessionEngine } from '../../src/core/types.js'
import type { Database } from '../../src/databases/database.js'
import { sqlite } from '../../src/databases/sqlite.js'
import { dbEngine, sessionTables } from '../../src/engines/db.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { userIndexTables } from '../../src/engines/user-index/tables.js'
import { randomString } from '../../src/wire/crypto.js'
import { groupOf } from '../../src/wire/link-names.js'

export const SECRET = 'a secret of the tests, of more than fifty characters in all'

/** A site of the core alone: an engine and, if wanted, parts. */
export function bareSite(
  input: SettingsInput & {
    readonly engine?: SessionEngine
    readonly parts?: readonly Part[]
    readonly cutoffs?: Cutoffs
  } = {},
): Site {
  const { engine, parts = [], cutoffs, ...given } = input
  const settings = resolveSettings({ secretKey: SECRET, ...given } as SettingsInput)
  return new Site(settings, {
    engine: engine ?? memoryEngine({ clock: settings.clock }),
    parts,
    random: settings.random ?? randomString,
    groupOf,
    cutoffs,
    close: () => undefined,
  })
}

/** The `db` engine on a SQLite of its own in memory. */
export function sqliteEngine(options: {
  readonly secretKey?: string
  readonly clock?: () => number
  readonly useTz?: boolean
  readonly timeZone?: string
}): { readonly engine: SessionEngine; readonly database: Database } {
  const { clock = Date.now, secretKey = SECRET, useTz = true, timeZone = 'UTC' } = options
  const database = sqlite('sqlite::memory:', { useTz, timeZone })
  void sessionTables(database)
  void userIndexTables(database)
  return { engine: dbEngine({ database, codec: signedCodec({ secretKey, clock }), clock }), database }
}

/** A request made by hand; header names in lower case. */
export function requestHead(
  headers: Readonly<Record<string, string>> = {},
  rest: {
    readonly method?: string
    readonly url?: string
    readonly encrypted?: boolean
    readonly form?: Record<string, string>
    readonly address?: string
  } = {},
): RequestHead {
  return {
    method: rest.method ?? 'GET',
    url: rest.url ?? '/',
    encrypted: rest.encrypted ?? false,
    ...(rest.address === undefined ? {} : { address: rest.address }),
    header: (name) => headers[name],
    formField: (name) => rest.form?.[name],
  }
}

export interface RecordedHead extends ResponseHead {
  readonly cookies: string[]
  readonly headers: Map<string, string>
}

/** A response head that keeps what it is told. */
export function responseHead(status = 200, before: Readonly<Record<string, string>> = {}): RecordedHead {
  const headers = new Map(Object.entries(before).map(([name, value]) => [name.toLowerCase(), value]))
  const cookies: string[] = []
  return {
    status,
    cookies,
    headers,
    get: (name) => headers.get(name.toLowerCase()),
    set: (name, value) => {
      headers.set(name.toLowerCase(), value)
    },
    append: (name, value) => {
      if (name === 'Set-Cookie') cookies.push(value)
      else headers.set(name.toLowerCase(), value)
    },
  }
}
