import { infoLine, redisCommands, redisKind } from './redis.js'
import { endAll, startAll } from './redis-cluster.js'
import { startServer, type TestServer } from './server.js'
import { until } from './until.js'

/** A primary and a replica, and three sentinels that make the replica the primary when two of them miss it. */
export interface TestRedisSentinel extends AsyncDisposable {
  /** By which the sentinels know the primary. */
  readonly name: string
  readonly primary: TestServer
  readonly replica: TestServer
  readonly sentinels: readonly TestServer[]
  /** Of the sentinels. */
  readonly urls: readonly string[]
}

const name = 'sojourn'

/** Starts the five, and waits until the replica follows and each sentinel knows it and the two others. */
export async function startRedisSentinel(): Promise<TestRedisSentinel> {
  const servers: TestServer[] = []
  const end = (): Promise<void> => endAll(servers)
  const add = async (settings: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<TestServer> => {
    const server = await startServer(redisKind(settings, args))
    servers.push(server)
    return server
  }
  try {
    const kept = { appendonly: 'yes', appendfsync: 'always', save: '""', 'repl-diskless-sync-delay': '0' }
    const primary = await add(kept)
    const replica = await add({ ...kept, replicaof: `127.0.0.1 ${primary.port}` })
    await until('the replica follows', async () => {
      const replication = await redisCommands(replica.url, (command) => command('INFO', 'replication'))
      return infoLine(replication, 'master_link_status') === 'up'
    })
    const watching = {
      'sentinel monitor': `${name} 127.0.0.1 ${primary.port} 2`,
      'sentinel down-after-milliseconds': `${name} 500`,
      'sentinel failover-timeout': `${name} 2000`,
    }
    const sentinels = await startAll([1, 2, 3].map(() => () => add(watching, ['--sentinel'])))
    await until('the sentinels know all', async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean))
    const urls = sentinels.map((sentinel) => sentinel.url)
    return { name, primary, replica, sentinels, urls, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

async function knowsAll(sentinel: TestServer): Promise<boolean> {
  const text = await redisCommands(sentinel.url, (command) => command('INFO', 'sentinel'))
  return /status=ok,address=[^,]*,slaves=1,sentinels=3/.test(String(text))
}
