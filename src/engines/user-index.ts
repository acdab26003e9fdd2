import type { Cache } from '../caches/cache.js'
import { chain, inOrder } from '../core/maybe.js'
import type { Clock, Cutoffs, IndexEntry, MaybePromise, SessionIndex } from '../core/types.js'
import type { Database, Dialect, Row, Statement } from '../databases/database.js'
import { StoreUnavailable } from '../errors.js'
import { base64url, saltedHmac } from '../wire/crypto.js'

/** Which sessions a user has, in a table of our own or in one value of a cache for each user. */

const COLUMNS = 'session_key, user_id, created, seen, expires, user_agent, address'
const UPDATES = ['user_id', 'created', 'seen', 'expires', 'user_agent', 'address']

const TABLE: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: onServers('IF NOT EXISTS '),
  postgres: onServers('IF NOT EXISTS '),
  mysql: [tableOf('varchar(40)', ', KEY sojourn_session_user (user_id)')],
}

function tableOf(key: string, more = ''): string {
  return `CREATE TABLE IF NOT EXISTS sojourn_session (session_key ${key} NOT NULL PRIMARY KEY, user_id varchar(190) NOT NULL, created bigint NOT NULL, seen bigint NOT NULL, expires bigint NOT NULL, user_agent varchar(300) NOT NULL, address varchar(64) NOT NULL${more})`
}

function onServers(ifAbsent: string): readonly string[] {
  return [tableOf('varchar(40)'), `CREATE INDEX ${ifAbsent}sojourn_session_user ON sojourn_session (user_id)`]
}

const CUTOFF_TABLE =
  'CREATE TABLE IF NOT EXISTS sojourn_cutoff (user_id varchar(190) NOT NULL PRIMARY KEY, moment bigint NOT NULL)'

/** Makes the tables `sojourn_session` and `sojourn_cutoff` where they are not there yet; Django has no part in them. */
export function userIndexTables(database: Database): MaybePromise<void> {
  const statements = [...TABLE[database.dialect], CUTOFF_TABLE]
  return inOrder(statements.map((statement) => () => database.execute(statement)))
}

/** Makes an insertion replace what is there. */
function orUpdate(dialect: Dialect, key: string, columns: readonly string[]): string {
  return dialect === 'mysql'
    ? `ON DUPLICATE KEY UPDATE ${columns.map((name) => `${name} = VALUES(${name})`).join(', ')}`
    : `ON CONFLICT (${key}) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`
}

function statementsFor(dialect: Dialect): Readonly<Record<'put' | 'of' | 'remove' | 'clear', string>> {
  return {
    put: `INSERT INTO sojourn_session (${COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ${orUpdate(dialect, 'session_key', UPDATES)}`,
    of: `SELECT ${COLUMNS} FROM sojourn_session WHERE user_id = ?1`,
    remove: 'DELETE FROM sojourn_session WHERE session_key = ?1 AND user_id = ?2',
    // A session whose end was moved since may outlive what was noted of it.
    clear:
      'DELETE FROM sojourn_session WHERE expires < ?1 AND NOT EXISTS (SELECT 1 FROM django_session WHERE django_session.session_key = sojourn_session.session_key)',
  }
}

/** The index in a table beside `django_session`. */
export class DbIndex implements SessionIndex {
  readonly #database: Database
  readonly #sql: ReturnType<typeof statementsFor>
  readonly #statements: Partial<Record<keyof ReturnType<typeof statementsFor>, Statement>> = {}

  constructor(database: Database) {
    this.#database = database
    this.#sql = statementsFor(database.dialect)
  }

  put({ key, user, created, seen, expires, userAgent, address }: IndexEntry): MaybePromise<void> {
    const values = [key, user, created, seen, Math.ceil(expires), userAgent, address] as const
    return chain(this.#statement('put').run(...values), () => undefined)
  }

  of(user: string): MaybePromise<readonly IndexEntry[]> {
    return chain(this.#statement('of').all(user), (rows) => rows.filter(({ user_id }) => user_id === user).map(entryOf))
  }

  remove(user: string, key: string): MaybePromise<void> {
    return chain(this.#statement('remove').run(key, user), () => undefined)
  }

  /** Forgets sessions that are gone. */
  clear(now: number): MaybePromise<number> {
    return this.#statement('clear').run(now)
  }

  #statement(name: keyof ReturnType<typeof statementsFor>): Statement {
    this.#statements[name] ??= this.#database.prepare(this.#sql[name])
    return this.#statements[name] as Statement
  }
}

function entryOf(row: Row): IndexEntry {
  return {
    key: String(row['session_key']),
    user: String(row['user_id']),
    created: Number(row['created']),
    seen: Number(row['seen']),
    expires: Number(row['expires']),
    userAgent: String(row['user_agent']),
    address: String(row['address']),
  }
}

/** The moment of each user before which no signed cookie counts: what ends sessions that are stored nowhere. */
export class DbCutoffs implements Cutoffs {
  readonly #put: () => Statement
  readonly #of: () => Statement

  constructor(database: Database) {
    const update = orUpdate(database.dialect, 'user_id', ['moment'])
    this.#put = once(() => database.prepare(`INSERT INTO sojourn_cutoff (user_id, moment) VALUES (?1, ?2) ${update}`))
    this.#of = once(() => database.prepare('SELECT user_id, moment FROM sojourn_cutoff WHERE user_id = ?1'))
  }

  put(user: string, moment: number): MaybePromise<void> {
    return chain(this.#put().run(user, moment), () => undefined)
  }

  of(user: string): MaybePromise<number | null> {
    return chain(this.#of().get(user), (row) => (row?.['user_id'] === user ? Number(row['moment']) : null))
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** The most sessions noted of one user; past it the one seen longest ago is forgotten. */
const MOST = 1000
/** What was noted of an end may be older than the session by what a session is noted anew after. */
const SLACK = 120_000
const TRIES = 50
const PLAIN_ID = /^[A-Za-z0-9-]{1,60}$/

/** The index in a cache: one value for each user, a JSON list, replaced only by whoever has seen what it was. */
export class CacheIndex implements SessionIndex {
  readonly #cache: Cache
  readonly #prefix: string
  readonly #clock: Clock

  /** `prefix` stands before each key, as Django's `KEY_PREFIX:VERSION:`. */
  constructor(cache: Cache, prefix: string, clock: Clock = Date.now) {
    this.#cache = cache
    this.#prefix = `${prefix}sojourn.user`
    this.#clock = clock
  }

  put(entry: IndexEntry): MaybePromise<void> {
    return this.#change(entry.user, (entries) => [...entries.filter(({ key }) => key !== entry.key), entry], 1)
  }

  of(user: string): MaybePromise<readonly IndexEntry[]> {
    return chain(this.#cache.get(this.#keyOf(user)), (cached) =>
      cached === null ? [] : read(cached.value, user).filter((entry) => this.#isKept(entry)),
    )
  }

  remove(user: string, key: string): MaybePromise<void> {
    return this.#change(user, (entries) => entries.filter((entry) => entry.key !== key), 1)
  }

  #change(
    user: string,
    change: (entries: readonly IndexEntry[]) => readonly IndexEntry[],
    tries: number,
  ): MaybePromise<void> {
    if (tries > TRIES) throw new StoreUnavailable("The list of a user's sessions is changed by others all the time.")
    const key = this.#keyOf(user)
    return chain(this.#cache.get(key), (cached) => {
      const before = cached === null ? [] : read(cached.value, user)
      const after = change(before.filter((entry) => this.#isKept(entry)))
        .toSorted((a, b) => a.seen - b.seen)
        .slice(-MOST)
      if (cached === null && after.length === 0) return
      const value = new TextEncoder().encode(JSON.stringify(after))
      const end = Math.max(0, ...after.map(({ expires }) => expires)) + SLACK
      const done =
        cached === null
          ? this.#cache.add(key, value, end)
          : after.length === 0
            ? this.#cache.delete(key, cached.version)
            : this.#cache.replace(key, value, end, cached.version)
      return chain(done, (outcome) =>
        typeof outcome === 'object' || outcome === 'deleted' ? undefined : this.#change(user, change, tries + 1),
      )
    })
  }

  #isKept({ expires }: IndexEntry): boolean {
    return expires + SLACK > this.#clock()
  }

  #keyOf(user: string): string {
    return `${this.#prefix}:${PLAIN_ID.test(user) ? user : `_${base64url(saltedHmac('sojourn.user', user, ''))}`}`
  }
}

function read(value: Uint8Array, user: string): readonly IndexEntry[] {
  const entries: unknown = JSON.parse(new TextDecoder().decode(value))
  return Array.isArray(entries) ? (entries as IndexEntry[]).filter((entry) => entry.user === user) : []
}
