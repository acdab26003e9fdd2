import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { startMariadb } from '../../test/support/servers/index.js'
import type { BenchServer } from '../servers.js'

/** Statements of clients; the server counts those that were prepared as well as others. */
const COUNTED = ['select', 'insert', 'update', 'delete', 'replace', 'begin', 'commit', 'rollback']

export const mariadb: BenchServer = {
  start: () => startMariadb(),
  async version({ url }) {
    const [row] = await ask(url, 'SHOW VARIABLES WHERE Variable_name = "version"')
    return String(row?.['Value']).split('-')[0] ?? ''
  },
  async clear({ url }) {
    await ask(url, 'DROP DATABASE sojourn')
    await ask(url.replace(/sojourn$/, ''), 'CREATE DATABASE sojourn CHARACTER SET utf8mb4')
  },
  async watch({ url }) {
    let before = await counters(url)
    return {
      async take() {
        const now = await counters(url)
        const counts = Object.entries(now).flatMap(([name, count]) => {
          const more = count - (before[name] ?? 0)
          return more === 0 ? [] : [[name, more] as const]
        })
        before = now
        return Object.fromEntries(counts)
      },
      end: async () => undefined,
    }
  },
}

async function counters(url: string): Promise<Record<string, number>> {
  const rows = await ask(url, "SHOW GLOBAL STATUS LIKE 'Com\\_%'")
  const found = rows.map((row): [string, number] => [String(row['Variable_name']).slice(4), Number(row['Value'])])
  return Object.fromEntries(
    found.filter(([name]) => COUNTED.includes(name)).map(([name, n]) => [name.toUpperCase(), n]),
  )
}

async function ask(url: string, sql: string): Promise<RowDataPacket[]> {
  const connection = await createConnection({ uri: url })
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql)
    return rows
  } finally {
    await connection.end()
  }
}
