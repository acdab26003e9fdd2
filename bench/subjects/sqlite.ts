import { createRequire } from 'node:module'

/** What node:sqlite and better-sqlite3 have in common. */
export interface Handle {
  prepare(sql: string): Statement
  exec(sql: string): unknown
}

export interface Statement {
  get(...values: unknown[]): unknown
  run(...values: unknown[]): { changes: number | bigint }
}

type Open = new (path: string) => Handle

const require = createRequire(import.meta.url)

function builtin(): Open | undefined {
  const modules = process as { getBuiltinModule?: (name: string) => unknown }
  return (modules.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Open } | undefined)?.DatabaseSync
}

/** The driver that sojourn takes on this runtime, in WAL mode with synchronous=NORMAL. */
export function openSqlite(path: string): Handle {
  const File = builtin() ?? (require('better-sqlite3') as Open)
  const handle = new File(path)
  handle.exec('PRAGMA journal_mode = WAL')
  handle.exec('PRAGMA synchronous = NORMAL')
  return handle
}

/** Counts each run of any statement from here on, whoever prepared it. */
export function countStatements(count: (owner: object, methods: readonly string[]) => void): void {
  for (const File of [builtin(), require('better-sqlite3') as Open]) {
    if (File !== undefined)
      count(Object.getPrototypeOf(new File(':memory:').prepare('SELECT 1')), ['get', 'all', 'run'])
  }
}
