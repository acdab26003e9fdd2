import { inOrder } from '../../core/maybe.js'
import type { MaybePromise } from '../../core/types.js'
import type { Database, Dialect } from '../../databases/database.js'

/** MySQL's own collations take letters of either case for the same. */
const BINARY = ' CHARACTER SET ascii COLLATE ascii_bin'

const separate = [
  ...tablesOf({ binary: '', text: 'text' }),
  'CREATE INDEX IF NOT EXISTS sojourn_record_expires ON sojourn_record (expires)',
  'CREATE INDEX IF NOT EXISTS sojourn_member_expires ON sojourn_member (expires)',
]
const TABLES: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: separate,
  postgres: separate,
  mysql: tablesOf({
    binary: BINARY,
    text: 'longtext',
    recordKey: ', KEY sojourn_record_expires (expires)',
    memberKey: ', KEY sojourn_member_expires (expires)',
  }),
}

interface Words {
  readonly binary: string
  readonly text: string
  readonly recordKey?: string
  readonly memberKey?: string
}

function tablesOf({ binary, text, recordKey = '', memberKey = '' }: Words): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS sojourn_record (name varchar(80)${binary} NOT NULL PRIMARY KEY, value ${text} NOT NULL, expires bigint NOT NULL${recordKey})`,
    `CREATE TABLE IF NOT EXISTS sojourn_member (grp varchar(80)${binary} NOT NULL, session_key varchar(40)${binary} NOT NULL, since bigint NOT NULL, expires bigint NOT NULL, PRIMARY KEY (grp, session_key)${memberKey})`,
  ]
}

/** Makes the tables `sojourn_record` and `sojourn_member` where they are not there yet; Django has no part in them. */
export function linkTables(database: Database): MaybePromise<void> {
  return inOrder(TABLES[database.dialect].map((statement) => () => database.execute(statement)))
}
