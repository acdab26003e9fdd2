import { infoLine, redisCommands, redisKind } from './redis.js'
import { type ServerOptions, startServer, type TestServer } from './server.js'
import { until } from './until.js'

/** A Redis cluster of three masters, the first three nodes, and a replica of each, in the same order. */
export interface TestRedisCluster extends AsyncDisposable {
  readonly nodes: readonly TestServer[]
  /** Of the first node, which is enough to find the others. */
  readonly url: string
  readonly urls: readonly string[]
}

const masters = 3
const slots = 16_384

const ours = {
  appendonly: 'yes',
  appendfsync: 'always',
  save: '""',
  'cluster-enabled': 'yes',
  'cluster-node-timeout': '1000',
  // A replica that lost sight of its master for long may still take over: in a test it is the only one there is.
  'cluster-replica-validity-factor': '0',
  'repl-diskless-sync-delay': '0',
}

/** Starts the six nodes, makes a cluster of them, and waits until each says that all is well and each replica follows. */
export async function startRedisCluster(options: Pick<ServerOptions, 'settings'> = {}): Promise<TestRedisCluster> {
  const settings = { ...ours, ...options.settings }
  const kind = redisKind(settings, [])
  const nodes = await startAll(Array.from({ length: masters * 2 }, () => () => startServer(kind)))
  const end = (): Promise<void> => endAll(nodes)
  try {
    // A busy machine must not make them vote before there is a cluster.
    await Promise.all(nodes.map((node) => setTimeouts(node, '3000')))
    const ids = await Promise.all(nodes.map((node) => cluster(node, 'MYID')))
    await Promise.all(nodes.slice(0, masters).map(giveSlots))
    await Promise.all(nodes.slice(1).map((node) => cluster(node, 'MEET', '127.0.0.1', String(nodes[0]?.port))))
    await until('all nodes know each other', async () => {
      const known = await Promise.all(
        nodes.map(async (node) => infoLine(await cluster(node, 'INFO'), 'cluster_known_nodes')),
      )
      return known.every((count) => count === String(nodes.length))
    })
    await Promise.all(nodes.slice(masters).map((node, at) => cluster(node, 'REPLICATE', String(ids[at]))))
    await until('the cluster is well', async () => (await Promise.all(nodes.map(isWell))).every(Boolean))
    await Promise.all(nodes.map((node) => setTimeouts(node, settings['cluster-node-timeout'])))
  } catch (error) {
    await end()
    throw error
  }
  const urls = nodes.map((node) => node.url)
  return { nodes, url: urls[0]!, urls, [Symbol.asyncDispose]: end }
}

/** Starts several at once; if one fails, those that started are ended. */
export async function startAll(starts: readonly (() => Promise<TestServer>)[]): Promise<readonly TestServer[]> {
  const results = await Promise.allSettled(starts.map((start) => start()))
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return started
  await endAll(started)
  throw failed.reason
}

export async function endAll(servers: readonly TestServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
}

/** Its third of the slots, and an epoch of its own, which spares them to settle who owns what; before they meet. */
async function giveSlots(node: TestServer, at: number): Promise<void> {
  const from = Math.floor((slots * at) / masters)
  const to = Math.floor((slots * (at + 1)) / masters) - 1
  await cluster(node, 'ADDSLOTSRANGE', String(from), String(to))
  await cluster(node, 'SET-CONFIG-EPOCH', String(at + 1))
}

async function isWell(node: TestServer, at: number): Promise<boolean> {
  const state = await cluster(node, 'INFO')
  if (infoLine(state, 'cluster_state') !== 'ok' || infoLine(state, 'cluster_slots_ok') !== String(slots)) return false
  const replication = await redisCommands(node.url, (command) => command('INFO', 'replication'))
  return at < masters
    ? infoLine(replication, 'connected_slaves') === '1'
    : infoLine(replication, 'master_link_status') === 'up'
}

function setTimeouts(node: TestServer, milliseconds: string): Promise<unknown> {
  return redisCommands(node.url, (command) => command('CONFIG', 'SET', 'cluster-node-timeout', milliseconds))
}

function cluster(node: TestServer, ...words: readonly string[]): Promise<unknown> {
  return redisCommands(node.url, (command) => command('CLUSTER', ...words))
}
