import type { MaybePromise } from '../core/types.js'
import type { Database } from '../databases/database.js'
import { ImproperlyConfigured } from '../errors.js'

/** What Django's migrations auth 0001 to 0012 leave behind, to the byte. */
const TABLES: Partial<Record<Database['dialect'], string>> = {
  sqlite:
    'CREATE TABLE IF NOT EXISTS "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL)',
}

/** Makes Django's `auth_user` table where it is not there yet. Groups and permissions are Django's own affair. */
export function authTables(database: Database): MaybePromise<void> {
  const table = TABLES[database.dialect]
  if (table === undefined)
    throw new ImproperlyConfigured(`The auth_user table of ${database.dialect} is not built yet.`)
  return database.execute(table)
}
