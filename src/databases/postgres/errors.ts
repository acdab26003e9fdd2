/** What PostgreSQL's errors (SQLSTATE) and its drivers' say about the statement that met them. */

/** Bad names of prepared statements: gone (`DISCARD ALL`, another server behind PgBouncer), taken, or out of date (`ALTER TABLE`). */
const UNPREPARED = new Set(['26000', '42P05', '0A000'])
/** Rolled back because of what others did: a stricter isolation level than the usual one, or a deadlock. */
const ROLLED_BACK = new Set(['40001', '40P01'])
/** Two that make one table at once; the second time it is there. */
const MADE_MEANWHILE = new Set(['23505', '42P07', '42710'])
const SQLSTATE = /^[0-9A-Z]{5}$/
/** 08: the connection itself. 57P01 to 57P05: the server ended it, or takes none. */
const CONNECTION = /^(?:08...|57P0[1-5])$/
const NOT_SENT = /is not queryable/
/** The connection was there, and broke. What never was, or was too slow, is not tried again. */
const BROKE = /^(?:ECONNRESET|EPIPE|CONNECTION_CLOSED|CONNECTION_DESTROYED|0800[36]|57P0[125])$/
const BROKE_UNTOLD = /^Connection terminated(?: unexpectedly)?$/

/** What to do about an error: ask under another name, ask again, or give up. */
export type Remedy = 'rename' | 'again' | null

/**
 * Whether a statement may be sent once more. Any may whose error proves that it did nothing; one that only reads also when its
 * connection broke. A write on a connection that broke may have been done, so that is left to those who asked.
 */
export function remedyFor(error: unknown, reads: boolean): Remedy {
  const code = codeOf(error)
  if (UNPREPARED.has(code)) return 'rename'
  if (ROLLED_BACK.has(code) || NOT_SENT.test(messageOf(error))) return 'again'
  return reads && (BROKE.test(code) || BROKE_UNTOLD.test(messageOf(error))) ? 'again' : null
}

/** Whether the connection is of no use any more: it broke, was ended, or owes an answer that nobody waits for. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error)
  return !SQLSTATE.test(code) || CONNECTION.test(code)
}

/** Whether somebody else made the same table at the same moment. */
export function isMadeMeanwhile(error: unknown): boolean {
  return MADE_MEANWHILE.has(codeOf(error))
}

/**
 * Whether a value was asked for that no row can hold: a number out of the column's range, a text with a NUL. A visitor may send either, and
 * shall not make it look as if the database failed.
 */
export function isHeldByNoRow(error: unknown, values: readonly unknown[]): boolean {
  const code = codeOf(error)
  return code === '22003' || (code === '22021' && values.some((value) => String(value).includes('\0')))
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

/** Errors whose words name tables, columns, constraints and the server's own state. Others quote values, as most of class 22 do. */
const NAMING = /^(?:08...|0A...|22001|23...|25...|28...|3D...|3F...|40...|42...|53...|54...|55...|57...|58...|XX...)$/
/** What is told of an error: pg's words, postgres.js's where they are others, and those of system calls. */
const TOLD = [
  ...['code', 'severity', 'schema', 'table', 'column', 'dataType', 'constraint', 'routine'],
  ...['schema_name', 'table_name', 'column_name', 'type_name', 'constraint_name'],
  ...['errno', 'syscall', 'address', 'port'],
] as const
/** No session's key is shorter; what is may well be part of a name. */
const SHORTEST = 8

/**
 * An error as it may be logged. PostgreSQL quotes whole rows in `detail`, and `hint`, `where` and `internalQuery` whatever a trigger put
 * there; postgres.js hangs the statement's values on any error, also that of a connection. A new one is made, for the stack quotes too.
 */
export function discreet(error: unknown, values: readonly unknown[] = []): Error {
  const told: Record<string, unknown> = {}
  for (const name of TOLD) {
    const value = (error as Record<string, unknown> | null)?.[name]
    if (value !== undefined) told[name] = value
  }
  const cause = (error as { cause?: unknown } | null)?.cause
  const options = cause === undefined ? undefined : { cause: discreet(cause, values) }
  return Object.assign(new Error(wordsOf(error, values), options), told)
}

function wordsOf(error: unknown, values: readonly unknown[]): string {
  const code = codeOf(error)
  const message = messageOf(error)
  if (SQLSTATE.test(code)) {
    // A function or trigger chooses code and words itself; whenever one had a part in it, the server says where.
    const isNaming = NAMING.test(code) && !(error as { where?: unknown }).where
    return isNaming && !quotes(message, values) ? message : `The database refused a value or a statement (${code}).`
  }
  // Of JavaScript itself, as of a type parser, which quotes what it was given.
  const isOfLanguage = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
  if (isOfLanguage || quotes(message, values)) {
    return `The driver of the database failed with ${isOfLanguage ? `a ${error.name}` : 'an error'}.`
  }
  // All addresses of a name failed: pg tells that by the code alone.
  return message || code
}

function quotes(message: string, values: readonly unknown[]): boolean {
  return values.flat().some((value) => {
    const text = String(value)
    return text.length >= SHORTEST && message.includes(text)
  })
}
