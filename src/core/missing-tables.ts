/** What helps where a table is missing. */
export const MIGRATE =
  "The tables are not all there: run 'sojourn migrate', or `await site.migrate()` where the database is an open handle."

/** Whether a database failed because a table is not there, by the codes and words of PostgreSQL, MySQL and SQLite. */
export function isMissingTable(error: unknown): boolean {
  const { code, message, cause } = (error ?? {}) as { code?: unknown; message?: unknown; cause?: unknown }
  if (/\b42P01\b|ER_NO_SUCH_TABLE|no such table/.test(`${code} ${message}`)) return true
  return cause !== undefined && isMissingTable(cause)
}
