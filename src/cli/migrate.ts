import { openDatabase } from '../databases/open.js'
import { makeTables } from '../tables.js'
import type { Command } from './run.js'
import { shownDatabase } from './shown-database.js'

const DEFAULT = 'sqlite:./db.sqlite3'
/** What `makeTables` makes. */
const TABLES = 'django_session, auth_user, sojourn_session, sojourn_cutoff, sojourn_record and sojourn_member'
const UTC = { useTz: true, timeZone: 'UTC' }

/** Makes the tables that are not there yet, and changes none that is. */
export const migrate: Command = {
  summary: `Make the tables ${TABLES} where they are missing.`,
  takes: [],
  async run({ database: url = DEFAULT }, { out }) {
    const database = openDatabase(url, UTC)
    try {
      await makeTables(database)
    } finally {
      await database.close()
    }
    out(`${TABLES} are in ${shownDatabase(url)}.`)
    return 0
  },
}
