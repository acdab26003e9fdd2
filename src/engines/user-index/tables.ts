import { inOrder } from '../../core/maybe.js'
import type { MaybePromise } from '../../core/types.js'
import type { Database, Dialect } from '../../databases/database.js'

const SEPARATE_INDEX = [
  tableOf(),
  'CREATE INDEX IF NOT EXISTS sojourn_session_user ON sojourn_session (user_id)',
  'CREATE INDEX IF NOT EXISTS sojourn_session_expires ON sojourn_session (expires)',
]
const SESSIONS: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: SEPARATE_INDEX,
  postgres: SEPARATE_INDEX,
  mysql: [tableOf(', KEY sojourn_session_user (user_id), KEY sojourn_session_expires (expires)')],
}

function tableOf(more = ''): string {
  return `CREATE TABLE IF NOT EXISTS sojourn_session (session_key varchar(40) NOT NULL PRIMARY KEY, user_id varchar(190) NOT NULL, created bigint NOT NULL, seen bigint NOT NULL, expires bigint NOT NULL, user_agent varchar(300) NOT NULL, address varchar(64) NOT NULL${more})`
}

const CUTOFFS =
  'CREATE TABLE IF NOT EXISTS sojourn_cutoff (user_id varchar(190) NOT NULL PRIMARY KEY, moment bigint NOT NULL)'

/** Makes the tables `sojourn_session` and `sojourn_cutoff` where they are not there yet; Django has no part in them. */
export function userIndexTables(database: Database): MaybePromise<void> {
  const statements = [...SESSIONS[database.dialect], CUTOFFS]
  return inOrder(statements.map((statement) => () => database.execute(statement)))
}

/** Makes an insertion replace what is there. */
export function orUpdate(dialect: Dialect, key: string, columns: readonly string[]): string {
  return dialect === 'mysql'
    ? `ON DUPLICATE KEY UPDATE ${columns.map((name) => `${name} = VALUES(${name})`).join(', ')}`
    : `ON CONFLICT (${key}) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`
}
