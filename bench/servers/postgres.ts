import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../../test/support/servers/index.js'
import type { BenchServer } from '../servers.js'

/** With fsync, as it comes. */
export const postgres: BenchServer = {
  start: () => startPostgres(),
  version: async ({ url }) =>
    String((await ask(url, 'SHOW server_version'))[0]?.['server_version']).split(' ')[0] ?? '',
  clear: async ({ url }) => void (await ask(url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')),
  /** By its log: every statement is written there before it is done. Holds for connections that are opened from here on. */
  async watch({ url, folder }) {
    await ask(url, "ALTER ROLE sojourn SET log_statement = 'all'")
    const log = join(folder, 'log')
    let at = statSync(log).size
    return {
      async take() {
        const text = textFrom(log, at)
        at += text.length
        return statementsIn(text)
      },
      end: async () => void (await ask(url, 'ALTER ROLE sojourn RESET log_statement')),
    }
  },
}

/** How often each kind of statement stands in a piece of the log. */
export function statementsIn(log: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [, word = ''] of log.matchAll(/^[^[\n]*\[\d+\] LOG: {2}(?:statement|execute [^:]*):\s*(\w+)/gm)) {
    const name = word.toUpperCase()
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows as Record<string, unknown>[]
  } finally {
    await client.end()
  }
}

function textFrom(path: string, position: number): string {
  const bytes = Buffer.alloc(statSync(path).size - position)
  const file = openSync(path, 'r')
  try {
    readSync(file, bytes, 0, bytes.length, position)
  } finally {
    closeSync(file)
  }
  return bytes.toString('latin1')
}
