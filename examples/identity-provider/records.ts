import type { Database } from 'better-sqlite3'
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'

/**
 * What the provider keeps, in tables of its own beside the app's. `provider_login` tells which of the provider's sessions came of which login
 * here, and `provider_ended` what was ended of late, so that whatever is under way just then does not bring it back.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS provider_record (
  kind TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, uid TEXT, grant_id TEXT, ends INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS provider_record_uid ON provider_record (uid) WHERE uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS provider_record_grant ON provider_record (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS provider_record_ends ON provider_record (ends);
CREATE TABLE IF NOT EXISTS provider_login (
  uid TEXT PRIMARY KEY, login TEXT NOT NULL, account TEXT NOT NULL, ends INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS provider_login_login ON provider_login (login);
CREATE INDEX IF NOT EXISTS provider_login_account ON provider_login (account);
CREATE INDEX IF NOT EXISTS provider_login_ends ON provider_login (ends);
CREATE TABLE IF NOT EXISTS provider_ended (name TEXT PRIMARY KEY, ends INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS provider_ended_ends ON provider_ended (ends);
`

/** Seconds until the provider forgets a session that nobody uses. */
export const SESSION_AGE = 14 * 86_400

/** The provider's records: one for all its processes, if they have one database. */
export class Records {
  readonly #sql: ReturnType<typeof statements>
  readonly #atOnce: <T>(run: () => T) => T

  constructor(database: Database) {
    database.exec(TABLES)
    this.#sql = statements(database)
    this.#atOnce = (run) => database.transaction(run).immediate()
  }

  /** What oidc-provider wants to have for each kind of record. */
  adapter(kind: string): Adapter {
    const { find, findByUid, destroy, destroyGrant } = this.#sql
    return {
      upsert: async (id, payload, seconds = SESSION_AGE) => this.#atOnce(() => this.#put(kind, id, payload, seconds)),
      find: async (id) => read(find.get(kind, id, now())),
      findByUid: async (uid) => read(findByUid.get(kind, uid, now())),
      // Of codes that people type on another device, which are off.
      findByUserCode: async () => undefined,
      consume: async (id) => this.#consume(kind, id),
      destroy: async (id) => void destroy.run(kind, id),
      revokeByGrantId: async (grantId) => void destroyGrant.run(grantId),
    }
  }

  /** A session of the provider's came of this login. Where that has ended meanwhile, so has the session. */
  belong(uid: string, login: string, account: string): void {
    this.#atOnce(() => {
      if (this.hasEnded(login)) this.end(uid)
      else this.#sql.belong.run(uid, login, account, now() + SESSION_AGE)
    })
  }

  /** No session of the provider's comes of this login any more; those that did, by their `uid`. */
  endLogin(login: string): readonly string[] {
    return this.#atOnce(() => {
      this.#sql.mark.run(login, now() + SESSION_AGE)
      return this.sessionsOf(login)
    })
  }

  sessionsOf(login: string): readonly string[] {
    return this.#sql.uidsOf.all(login).map(({ uid }) => uid)
  }

  /** The login that a session of the provider's came of. */
  loginOf(uid: string): string | undefined {
    return this.#sql.loginOf.get(uid)?.login
  }

  loginsOf(account: string): readonly string[] {
    return this.#sql.loginsOf.all(account).map(({ login }) => login)
  }

  /** A session of the provider's is over: a request that is under way does not store it again. */
  end(uid: string): void {
    this.#sql.mark.run(uid, now() + SESSION_AGE)
    this.#sql.destroySession.run(uid)
  }

  /** Whether a login, or a session of the provider's, was ended of late. */
  hasEnded(name: string): boolean {
    return this.#sql.ended.get(name) !== undefined
  }

  #put(kind: string, id: string, payload: AdapterPayload, seconds: number): void {
    for (const purge of this.#sql.purges) purge.run(now())
    const { uid } = payload
    // A question that the provider has for its visitor names a grant too, and outlives it.
    const grantId = kind === 'Interaction' ? undefined : payload.grantId
    const isSession = kind === 'Session' && uid !== undefined
    if (isSession && this.hasEnded(uid)) return
    const stored = isSession ? read(this.#sql.findByUid.get(kind, uid, now())) : undefined
    const text = JSON.stringify(stored === undefined ? payload : together(stored, payload))
    this.#sql.put.run(kind, id, text, uid ?? null, grantId ?? null, now() + seconds)
  }

  /** A code is good for once: of two who bring it at the same moment one is refused. */
  #consume(kind: string, id: string): void {
    if (this.#sql.consume.run(now(), kind, id).changes === 0) throw new errors.InvalidGrant('this was used already')
  }
}

/** Two tabs that log in to two sites at once have each read the session before the other's site was in it. A logout has to find both. */
function together(stored: AdapterPayload, payload: AdapterPayload): AdapterPayload {
  if (stored.accountId !== payload.accountId) return payload
  return { ...payload, authorizations: { ...stored.authorizations, ...payload.authorizations } }
}

interface Stored {
  readonly payload: string
}

function read(row: Stored | undefined): AdapterPayload | undefined {
  return row === undefined ? undefined : (JSON.parse(row.payload) as AdapterPayload)
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}

function statements(database: Database) {
  return {
    put: database.prepare(
      'INSERT OR REPLACE INTO provider_record (kind, id, payload, uid, grant_id, ends) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    find: database.prepare<[string, string, number], Stored>(
      'SELECT payload FROM provider_record WHERE kind = ? AND id = ? AND ends > ?',
    ),
    findByUid: database.prepare<[string, string, number], Stored>(
      'SELECT payload FROM provider_record WHERE kind = ? AND uid = ? AND ends > ?',
    ),
    consume: database.prepare(
      `UPDATE provider_record SET payload = json_set(payload, '$.consumed', ?)
       WHERE kind = ? AND id = ? AND json_extract(payload, '$.consumed') IS NULL`,
    ),
    destroy: database.prepare('DELETE FROM provider_record WHERE kind = ? AND id = ?'),
    destroyGrant: database.prepare('DELETE FROM provider_record WHERE grant_id = ?'),
    destroySession: database.prepare("DELETE FROM provider_record WHERE kind = 'Session' AND uid = ?"),
    belong: database.prepare('INSERT OR REPLACE INTO provider_login (uid, login, account, ends) VALUES (?, ?, ?, ?)'),
    uidsOf: database.prepare<[string], { uid: string }>('SELECT uid FROM provider_login WHERE login = ?'),
    loginOf: database.prepare<[string], { login: string }>('SELECT login FROM provider_login WHERE uid = ?'),
    loginsOf: database.prepare<[string], { login: string }>(
      'SELECT DISTINCT login FROM provider_login WHERE account = ?',
    ),
    mark: database.prepare('INSERT OR REPLACE INTO provider_ended (name, ends) VALUES (?, ?)'),
    ended: database.prepare('SELECT 1 FROM provider_ended WHERE name = ?'),
    purges: ['provider_record', 'provider_login', 'provider_ended'].map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE ends <= ?`),
    ),
  }
}
