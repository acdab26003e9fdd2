import { databaseSchemes, schemeAdvice } from '../core/url-schemes.js'
import { ImproperlyConfigured } from '../errors.js'
import { d1, isD1Handle } from './d1.js'
import type { Database, ZoneRules } from './database.js'
import { isMysqlHandle, mysql } from './mysql.js'
import { isPostgresHandle, postgres } from './postgres.js'
import { isSqliteHandle, sqlite } from './sqlite.js'

interface Rules extends ZoneRules {
  /** Seconds that a statement may take, where a URL does not say otherwise. */
  readonly sessionStoreTimeout?: number
}

/**
 * The database that a setting names. `onOpen` is called once for a SQLite file, which gets its tables by itself; servers,
 * and handles that belong to somebody, are migrated.
 */
export function openDatabase(source: unknown, rules: Rules, onOpen?: (database: Database) => void): Database {
  if (typeof source === 'string') {
    const scheme = source.slice(0, source.indexOf(':'))
    if (scheme === 'sqlite') return sqlite(source, rules, onOpen)
    if (/^postgres(ql)?$/.test(scheme)) return postgres(patient(source, 'query_timeout', rules), rules)
    if (/^(mysql|mariadb)$/.test(scheme)) return mysql(patient(source, 'queryTimeout', rules), rules)
  }
  if ((typeof source === 'object' || typeof source === 'function') && source !== null) {
    if ('dialect' in source) return source as Database
    // D1 has all that a SQLite file has, and more.
    if (isD1Handle(source)) return d1(source, rules)
    if (isSqliteHandle(source)) return sqlite(source, rules)
    if (isPostgresHandle(source)) return postgres(source, rules)
    if (isMysqlHandle(source)) return mysql(source, rules)
  }
  const advice = typeof source === 'string' ? schemeAdvice(source, databaseSchemes) : ''
  const schemes = databaseSchemes.known.map((name) => `${name}:`).join(', ')
  throw new ImproperlyConfigured(
    `The databases setting needs a default: a URL (${schemes}), an open handle of better-sqlite3, node:sqlite or bun:sqlite, a D1 binding, or a pool of pg, postgres or mysql2. ${advice}`.trimEnd(),
  )
}

/** A statement is waited for as long as the site waits for its store. */
function patient(url: string, parameter: string, { sessionStoreTimeout: seconds }: Rules): string {
  if (seconds === undefined || url.includes(`${parameter}=`)) return url
  return `${url}${url.includes('?') ? '&' : '?'}${parameter}=${Math.ceil(seconds * 1000)}`
}
