import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from 'redis'
import { serverProgram } from './programs.js'
import { type ServerKind, type ServerOptions, startServer, type TestServer } from './server.js'

/** What is acknowledged is on the disk: the log of commands is synced with each, and there are no snapshots. */
const ours: Readonly<Record<string, string>> = { appendonly: 'yes', appendfsync: 'always', save: '""' }

/** Starts a Redis that keeps what it acknowledged. The settings are lines of redis.conf. */
export function startRedis(options: ServerOptions = {}): Promise<TestServer> {
  return startServer(redisKind({ ...ours, ...options.settings }, []), options)
}

/** A Redis of those lines of redis.conf, which it may write to itself, as Sentinel does. */
export function redisKind(settings: Readonly<Record<string, string>>, args: readonly string[]): ServerKind {
  const lines = Object.entries({ bind: '127.0.0.1', ...settings }).map(([name, value]) => `${name} ${value}\n`)
  return {
    name: 'redis',
    prepare: ({ data }) => writeFile(join(data, 'redis.conf'), lines.join('')),
    command: ({ data }, port) => [
      serverProgram('redis-server'),
      ...[join(data, 'redis.conf'), '--port', String(port), '--dir', data, '--daemonize', 'no', ...args],
    ],
    url: (port) => `redis://127.0.0.1:${port}`,
    // While it reads its log it answers PING with an error.
    isOurs: ({ url, pid }) =>
      redisCommands(url, async (command) => {
        await command('PING')
        return infoLine(await command('INFO', 'server'), 'process_id') === String(pid)
      }),
  }
}

type Command = (...words: readonly string[]) => Promise<unknown>

/** Connects, gives commands, and disconnects. Rejects instead of waiting for a server that is not there. */
export async function redisCommands<T>(url: string, work: (command: Command) => Promise<T>): Promise<T> {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    socket: { connectTimeout: 5000, socketTimeout: 5000, reconnectStrategy: false },
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await work((...words) => client.sendCommand(words))
  } finally {
    client.destroy()
  }
}

/** The value of a line `name:value`, as INFO and CLUSTER INFO have them. */
export function infoLine(text: unknown, name: string): string | undefined {
  return String(text)
    .split('\r\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
}
