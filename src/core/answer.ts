/** What a store itself says no by, as against silence: it is there, and serves others. To be thrown, or to be the cause of what is. */
export class StoreAnswered extends Error {}

/** SQLSTATE as PostgreSQL has it, MariaDB's names, SQLite's result codes, and the one code of `node:sqlite`. */
const ANSWERS = /^(?:[0-9][0-9A-Z]{4}|(?:F0|HV|P0|XX)[0-9A-Z]{3}|ER_\w+|SQLITE_\w+|ERR_SQLITE_ERROR)$/

/** Whether an error, or what caused it, came from the store: refused, full, locked by somebody else. Whatever else fails, nobody answered. */
export function isAnswer(error: unknown, depth = 5): boolean {
  if (!(error instanceof Error) || depth === 0) return false
  const { code = '', sqlState } = error as { readonly code?: unknown; readonly sqlState?: unknown }
  if (error instanceof StoreAnswered || typeof sqlState === 'string' || ANSWERS.test(String(code))) return true
  return isAnswer(error.cause, depth - 1)
}
