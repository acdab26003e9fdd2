import { openDatabase } from '../databases/open.js'
import { makeTables } from '../tables.js'
import type { Command } from './run.js'

const DEFAULT = 'sqlite:./db.sqlite3'
const UTC = { useTz: true, timeZone: 'UTC' }

/** Makes the tables that are not there yet, and changes none that is. */
export const migrate: Command = {
  summary: 'Make the tables django_session, auth_user and sojourn_session where they are missing.',
  async run({ database: url = DEFAULT }, { out }) {
    const database = openDatabase(url, UTC)
    try {
      await makeTables(database)
    } finally {
      await database.close()
    }
    out(`django_session, auth_user and sojourn_session are in ${withoutPassword(url)}.`)
    return 0
  },
}

/** A URL as it may be shown. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^@/]*@/, '$1')
}
