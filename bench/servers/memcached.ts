import { startMemcached } from '../../test/support/servers/index.js'
import type { BenchServer } from '../servers.js'
import { Lines } from './lines.js'

export const memcached: BenchServer = {
  start: () => startMemcached(),
  version: async ({ port }) => (await ask(port, 'version\r\n', '\r\n')).split(/\s+/)[1] ?? '',
  clear: async ({ port }) => void (await ask(port, 'flush_all\r\n', '\r\n')),
  async watch({ port }) {
    let before = await counters(port)
    return {
      async take() {
        const now = await counters(port)
        const counts = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
        before = now
        return Object.fromEntries(counts.filter(([, count]) => count > 0))
      },
      end: async () => undefined,
    }
  },
}

/** What it was asked to read, store, move and forget, found or not. */
async function counters(port: number): Promise<Record<string, number>> {
  const found = [...(await ask(port, 'stats\r\n', 'END\r\n')).matchAll(/^STAT (\w+) (\d+)\r$/gm)]
  const of = new Map(found.map(([, name = '', value]) => [name, Number(value)]))
  const sum = (...names: readonly string[]): number => names.reduce((total, name) => total + (of.get(name) ?? 0), 0)
  return {
    get: sum('cmd_get'),
    set: sum('cmd_set'),
    touch: sum('cmd_touch'),
    delete: sum('delete_hits', 'delete_misses'),
  }
}

async function ask(port: number, command: string, end: string): Promise<string> {
  const lines = new Lines(port)
  try {
    return await lines.ask(command, end)
  } finally {
    lines.close()
  }
}
