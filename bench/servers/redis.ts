import { startRedis } from '../../test/support/servers/index.js'
import type { BenchServer } from '../servers.js'
import { Lines } from './lines.js'

/** Keeps nothing on the disk: what is measured is sessions. */
export const redis: BenchServer = {
  start: () => startRedis({ settings: { appendonly: 'no' } }),
  version: async ({ port }) => /redis_version:(\S+)/.exec(await ask(port, 'info server'))?.[1] ?? '',
  clear: async ({ port }) => void (await ask(port, 'flushall sync')),
  /** By MONITOR, which tells what clients sent from what scripts did; its statistics add up both. */
  async watch({ port }) {
    const monitor = new Lines(port)
    await monitor.ask('monitor\r\n', '+OK\r\n')
    let turn = 0
    return {
      async take() {
        const mark = `sojourn-bench-${++turn}`
        await ask(port, `echo ${mark}`)
        return commandsIn(await monitor.until(`"${mark}"\r\n`))
      },
      end: async () => monitor.close(),
    }
  },
}

/** Not of the work: how a client makes itself known, and our own mark. */
const ASIDE = ['client', 'hello', 'info', 'echo', 'select', 'ping']

/** How often clients sent each command, by the lines of MONITOR. */
export function commandsIn(lines: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [, source, word = ''] of lines.matchAll(/^\+[\d.]+ \[\d+ (\S+)\] "(\w+)"/gm)) {
    const name = word.toLowerCase()
    if (source === 'lua' || ASIDE.includes(name)) continue
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

async function ask(port: number, command: string): Promise<string> {
  const lines = new Lines(port)
  try {
    // Its answer to this ends what came before.
    return await lines.ask(`${command}\r\nping\r\n`, '+PONG\r\n')
  } finally {
    lines.close()
  }
}
