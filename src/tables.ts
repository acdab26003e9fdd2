import { authTables } from './auth/part.js'
import { inOrder } from './core/maybe.js'
import type { MaybePromise } from './core/types.js'
import type { Database } from './databases/database.js'
import { sessionTables } from './engines/db.js'
import { linkTables } from './engines/links/tables.js'
import { userIndexTables } from './engines/user-index/tables.js'

/** Makes the tables of a site that are not there yet, and changes none that is. */
export function makeTables(database: Database): MaybePromise<void> {
  return inOrder([sessionTables, authTables, userIndexTables, linkTables].map((make) => () => make(database)))
}
