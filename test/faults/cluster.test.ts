import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer, startRedisCluster, type TestRedisCluster } from '../support/servers/index.js'
import { infoLine, redisCommands } from '../support/servers/redis.js'
import { Application } from './application.js'
import { Load } from './load.js'
import type { Outcome } from './outcomes.js'

const missing = await missingServer('redis')

/** What a failover may cost, as replicas are written to later than a write is acknowledged. */
const LOSSES: readonly Outcome[] = ['FALSE_ACK', 'SILENT_ANON', 'REVIVED']
const MOST_LOST = 10

describe.skipIf(missing !== undefined)(
  'a Redis Cluster of which a master dies, under the load of two processes',
  () => {
    let cluster: TestRedisCluster
    let applications: readonly Application[] = []
    beforeAll(async () => {
      cluster = await startRedisCluster()
      const hosts = cluster.nodes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`)
      const address = { engine: 'redis-cluster', cache: `redis+cluster://${hosts.join(',')}` } as const
      applications = await Promise.all([1, 2].map(() => Application.start({ address })))
    })
    afterAll(async () => {
      await Promise.all(applications.map((each) => each[Symbol.asyncDispose]()))
      await cluster?.[Symbol.asyncDispose]()
    })

    test('every answer is good or a clear error, and all sessions are read again within ten seconds', async () => {
      const loads = await Promise.all(applications.map((each) => Load.begin(each)))
      await sleep(1000)
      const killed = performance.now()
      await cluster.nodes[0]?.kill()
      await promotion(cluster.nodes[3]?.url ?? '')
      const promoted = performance.now() - killed
      await sleep(3000)
      await Promise.all(loads.map((load) => load.end()))

      const entries = loads.flatMap((load) => load.tally.entries)
      const count = (...which: readonly Outcome[]): number =>
        entries.filter((each) => which.includes(each.outcome)).length
      const lastError = Math.max(
        0,
        ...entries.filter((each) => each.outcome === 'CLEAR_ERROR').map(({ ended }) => ended - killed),
      )
      const lost = count(...LOSSES)
      console.log(
        `cluster: OK ${count('OK')}, CLEAR_ERROR ${count('CLEAR_ERROR')}, acknowledged and lost ${lost} · a replica took over after ${promoted.toFixed(0)} ms, the last error came after ${lastError.toFixed(0)} ms`,
      )
      expect(count('CLEAR_ERROR')).toBeGreaterThan(0)
      const rest = entries.filter(({ outcome }) => !['OK', 'CLEAR_ERROR', 'DECLARED', ...LOSSES].includes(outcome))
      expect(rest.map(({ outcome, detail }) => [outcome, detail])).toEqual([])
      expect(lost).toBeLessThanOrEqual(MOST_LOST)
      expect(lastError).toBeLessThan(10_000)
      expect(applications.map(({ hasCrashed, complaints }) => [hasCrashed, complaints])).toEqual([
        [false, ''],
        [false, ''],
      ])
    })
  },
)

async function promotion(url: string): Promise<void> {
  const role = (): Promise<unknown> =>
    redisCommands(url, async (command) => infoLine(await command('INFO', 'replication'), 'role'))
  while ((await role()) !== 'master') await sleep(20)
}
