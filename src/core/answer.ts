/** What a store itself says no by, as against silence: it is there, and serves others. To be thrown, or to be the cause of what is. */
export class StoreAnswered extends Error {}

/** SQLSTATE as PostgreSQL has it, MariaDB's names, SQLite's result codes, the one code of `node:sqlite`, and what a disk says. */
const ANSWERS =
  /^(?:[0-9][0-9A-Z]{4}|(?:F0|HV|P0|XX)[0-9A-Z]{3}|ER_\w+|SQLITE_\w+|ERR_SQLITE_ERROR|ENOSPC|EDQUOT|EROFS|EACCES|EPERM)$/
/** A server that lets nobody in: it starts or ends, has too many connections, or does not know this user. Nobody is served by it. */
const CLOSED =
  /^(?:08\w{3}|28\w{3}|3D000|53300|57P0\w|ER_(?:CON_COUNT|TOO_MANY_USER|USER_LIMIT|ACCESS_DENIED|DBACCESS|BAD_DB|HOST_|SERVER_SHUTDOWN|HANDSHAKE).*)$/

/** Whether an error, or what caused it, came from the store: refused, full, locked by somebody else. Whatever else fails, nobody answered. */
export function isAnswer(error: unknown, depth = 5): boolean {
  if (!(error instanceof Error) || depth === 0) return false
  const { code = '', sqlState } = error as { readonly code?: unknown; readonly sqlState?: unknown }
  if (CLOSED.test(String(code))) return false
  if (error instanceof StoreAnswered || typeof sqlState === 'string' || ANSWERS.test(String(code))) return true
  return isAnswer(error.cause, depth - 1)
}
