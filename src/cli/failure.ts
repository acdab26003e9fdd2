import { isMissingTable, MIGRATE } from '../core/missing-tables.js'
import { NOBODY_THERE } from '../core/until-ready.js'
import { SojournError } from '../errors.js'

const CAUSES = 4

/** What helps, by the codes and words of PostgreSQL, MySQL, SQLite, Redis, Memcached and the system. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/\b3D000\b|ER_BAD_DB_ERROR/, "The server has no database of that name: make it, and then run 'sojourn migrate'."],
  [
    /\b28P01\b|\b28000\b|\b42501\b|ER_ACCESS_DENIED|ER_DBACCESS_DENIED|ER_TABLEACCESS_DENIED|WRONGPASS|NOAUTH|NOPERM/,
    'The server is there and does not let this user in: look at user, password and rights.',
  ],
  [
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|ENOENT|no connection to|not connected|no answer|timeout|timed out|out of reach/i,
    NOBODY_THERE,
  ],
]

/** An error in one line: what failed, why, and what helps. */
export function describeFailure(error: unknown): string {
  const causes = causesOf(error)
  const [first = '', ...rest] = causes.map(wordsOf)
  const whole = rest.length > 0 ? `${first.replace(/\.$/, '')} (${rest.join(': ')}).` : first
  // Ours that are about a setting say themselves what helps.
  const isClear = causes.some((each) => each instanceof SojournError && each.code === 'improperly_configured')
  const facts = causes.flatMap((each) => [codeOf(each), wordsOf(each)]).join(' ')
  const found = isMissingTable(error) ? MIGRATE : REMEDIES.find(([sign]) => sign.test(facts))?.[1]
  const remedy = isClear || (found !== undefined && whole.includes(found)) ? undefined : found
  return remedy === undefined ? whole : `${whole.replace(/\.?$/, '.')} ${remedy}`
}

function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [error]
  for (let next = causeOf(error); next instanceof Error && causes.length < CAUSES; next = causeOf(next))
    causes.push(next)
  return causes
}

function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown } | null)?.cause
}

/** Where all addresses of a name failed, the code alone says how. */
function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message || codeOf(error) || error.name : String(error)
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '')
}
