import { setTimeout as wait } from 'node:timers/promises'
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis'
import { createCluster, createSentinel } from 'redis'
import { StoreUnavailable } from 'sojourn'
import type { Cache, Stored } from 'sojourn/caches/cache'
import { isRedisHandle, type RedisHandle, redis } from 'sojourn/caches/redis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  startRedisCluster,
  startRedisSentinel,
  type TestRedisCluster,
  type TestRedisSentinel,
  type TestServer,
} from '../support/servers/index.js'
import { redisCommands } from '../support/servers/redis.js'

const later = (): number => Date.now() + 3_600_000
const bytes = (text: string): Uint8Array => Buffer.from(text)
const stored = { version: expect.anything() }
const hostsOf = (urls: readonly string[]): string => urls.map((url) => url.slice('redis://'.length)).join(',')
const nodesOf = (urls: readonly string[]): { host: string; port: number }[] =>
  urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }))
const on = (server: TestServer, ...words: string[]): Promise<unknown> =>
  redisCommands(server.url, (command) => command(...words))

/** Tries an operation until it succeeds, as the requests of a site do; how long that took, in milliseconds. */
async function untilDone(work: () => unknown): Promise<number> {
  const begin = performance.now()
  for (;;) {
    const tried = performance.now()
    try {
      await work()
      return performance.now() - begin
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(performance.now() - tried).toBeLessThan(1600)
      if (performance.now() - begin > 15_000) throw error
      await wait(20)
    }
  }
}

async function promises(cache: Cache, key: string): Promise<void> {
  expect(await cache.get(key)).toBeNull()
  const all = Uint8Array.from({ length: 256 }, (_, at) => at)
  const { version } = (await cache.add(key, all, later())) as Stored
  expect(await cache.add(key, all, later())).toBe('conflict')
  expect(Buffer.compare((await cache.get(key))!.value, all)).toBe(0)
  expect(await cache.replace(key, bytes('2'), later(), version)).toMatchObject(stored)
  expect(await cache.replace(key, bytes('3'), later(), version)).toBe('conflict')
  expect(await cache.replace(key, bytes('3'), later())).toMatchObject(stored)
  expect(await cache.touch(key, later())).toBe('saved')
  expect(Buffer.from((await cache.getAndTouch?.(key, later()))!.value).toString()).toBe('3')
  expect(await cache.has(key)).toBe(true)
  expect(await cache.delete(key, Buffer.from('2'))).toBe('conflict')
  expect(await cache.delete(key)).toBe('deleted')
  expect(await cache.delete(key)).toBe('missing')
}

/** When a server became a master, by `performance.now()`. */
async function promotionOf(server: TestServer): Promise<number> {
  for (;;) {
    // Sentinels close all connections of the one they promote, this one too.
    const replication = await on(server, 'INFO', 'replication').catch(() => '')
    if (/^role:master/m.test(String(replication))) return performance.now()
    await wait(10)
  }
}

describe('a cluster', () => {
  let cluster: TestRedisCluster
  const caches: Record<string, Cache> = {}
  const closing: (() => unknown)[] = []
  const names = ['a URL', 'node-redis', 'ioredis']

  beforeAll(async () => {
    cluster = await startRedisCluster({ settings: { appendfsync: 'no' } })
    const nodeRedis = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) })
    const ioredis = new IoCluster(nodesOf(cluster.urls))
    expect([nodeRedis, ioredis].every(isRedisHandle)).toBe(true)
    caches['a URL'] = redis(`redis+cluster://${hostsOf(cluster.urls)}`)
    caches['node-redis'] = redis(nodeRedis)
    caches['ioredis'] = redis(ioredis)
    closing.push(
      () => caches['a URL']!.close(),
      () => nodeRedis.destroy(),
      () => ioredis.disconnect(),
    )
  })
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()))
    await cluster[Symbol.asyncDispose]()
  })

  /** A key that lives on that master, which has that third of the slots. */
  async function keyOn(master: number, name: string): Promise<string> {
    for (let at = 0; ; at++) {
      const key = `${name}${at}`
      const slot = Number(await on(cluster.nodes[0]!, 'CLUSTER', 'KEYSLOT', key))
      if (Math.min(2, Math.floor((slot * 3) / 16_384)) === master) return key
    }
  }

  test.each(names)('keeps all promises on each of its nodes, with %s', async (name) => {
    // On a busy machine the first connections may take longer than an operation waits for them.
    await untilDone(() => Promise.resolve(caches[name]!.has('k')))
    for (let at = 0; at < 12; at++) await promises(caches[name]!, `:1:promise${at}`)
  })

  test.each(names)('is followed to where a key moves, with %s', async (name) => {
    const cache = caches[name]!
    const [from, to] = [cluster.nodes[0]!, cluster.nodes[1]!]
    const key = await keyOn(0, `moving-${name.replaceAll(' ', '')}`)
    const slot = String(await on(from, 'CLUSTER', 'KEYSLOT', key))
    const [fromId, toId] = [String(await on(from, 'CLUSTER', 'MYID')), String(await on(to, 'CLUSTER', 'MYID'))]
    const { version } = (await cache.add(key, bytes('1'), later())) as Stored
    await on(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await on(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    await on(from, 'MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000')
    // The key is on its way: ASK.
    expect(await cache.replace(key, bytes('2'), later(), version)).toMatchObject(stored)
    for (const node of [to, from]) await on(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId)
    // And has arrived: MOVED.
    expect(await cache.replace(key, bytes('3'), later(), Buffer.from('2'))).toMatchObject(stored)
    expect(await cache.delete(key, Buffer.from('3'))).toBe('deleted')
  })

  test('by URL, a node that hangs holds up only those who ask it', async () => {
    const cache = caches['a URL']!
    const [hanging, well] = [await keyOn(2, 'hanging'), await keyOn(1, 'well')]
    await Promise.all([cache.has(hanging), cache.has(well)])
    cluster.nodes[2]!.pause()
    try {
      const failing = expect(cache.has(hanging)).rejects.toThrow(StoreUnavailable)
      for (let at = 0; at < 20; at++) expect(await cache.has(well)).toBe(false)
      await failing
      expect(await untilDone(() => cache.has(well))).toBeLessThan(5000)
    } finally {
      cluster.nodes[2]!.resume()
    }
    expect(await untilDone(() => cache.has(hanging))).toBeLessThan(5000)
  })

  test('whose master dies is served by the replica, and nothing is taken for missing meanwhile', async () => {
    const key = await keyOn(0, 'surviving')
    const [first] = Object.values(caches) as [Cache]
    await first.add(key, bytes('1'), later())
    expect(await on(cluster.nodes[0]!, 'WAIT', '1', '1000')).toBe(1)
    await cluster.nodes[0]!.kill()
    const promotion = promotionOf(cluster.nodes[3]!)
    const found: Record<string, { value: string; at: number }> = {}
    await Promise.all(
      Object.entries(caches).map(([name, cache]) =>
        untilDone(async () => {
          const cached = await cache.get(key)
          const value = cached === null ? 'missing' : Buffer.from(cached.value).toString()
          found[name] = { value, at: performance.now() }
        }),
      ),
    )
    expect(Object.values(found).map(({ value }) => value)).toEqual(['1', '1', '1'])
    expect(found['a URL']!.at - (await promotion)).toBeLessThan(5000)
    expect(await first.replace(key, bytes('2'), later(), Buffer.from('1'))).toMatchObject(stored)
    await cluster.nodes[0]!.start()
    for (const cache of Object.values(caches)) await untilDone(() => cache.get(key))
  })
})

describe('sentinels', () => {
  let servers: TestRedisSentinel
  const caches: Record<string, Cache> = {}
  const closing: (() => unknown)[] = []
  const names = ['a URL', 'node-redis', 'ioredis']

  beforeAll(async () => {
    servers = await startRedisSentinel()
    const nodeRedis = createSentinel({ name: servers.name, sentinelRootNodes: nodesOf(servers.urls) })
    const ioredis = new IoRedis({ sentinels: nodesOf(servers.urls), name: servers.name })
    const handles: readonly RedisHandle[] = [nodeRedis, ioredis]
    expect(handles.every(isRedisHandle)).toBe(true)
    caches['a URL'] = redis(`redis+sentinel://${hostsOf(servers.urls)}/${servers.name}`)
    caches['node-redis'] = redis(nodeRedis)
    caches['ioredis'] = redis(ioredis)
    closing.push(
      () => caches['a URL']!.close(),
      () => nodeRedis.destroy(),
      () => ioredis.disconnect(),
    )
  })
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()))
    await servers[Symbol.asyncDispose]()
  })

  test.each(names)('name the master, which keeps all promises, with %s', async (name) => {
    await untilDone(() => caches[name]!.has('k'))
    for (let at = 0; at < 3; at++) await promises(caches[name]!, `:1:promise${at}`)
  })

  test('that are partly down, or know no such master', async () => {
    const some = redis(`redis+sentinel://127.0.0.1:1,${hostsOf(servers.urls.slice(0, 1))}/${servers.name}`)
    await untilDone(() => some.has('k'))
    expect(await some.has('k')).toBe(false)
    await some.close()
    const unknown = redis(`redis+sentinel://${hostsOf(servers.urls)}/other`)
    await expect(unknown.has('k')).rejects.toThrow(StoreUnavailable)
    await unknown.close()
  })

  test('that name a replica are not believed', async () => {
    const [sentinel] = servers.sentinels as [TestServer]
    await on(sentinel, 'SENTINEL', 'MONITOR', 'mistaken', '127.0.0.1', String(servers.replica.port), '2')
    const cache = redis(`redis+sentinel://${hostsOf([sentinel.url])}/mistaken`)
    await vi.waitFor(async () => {
      const error = await Promise.resolve(cache.has('k')).then(String, (error: Error) => String(error.cause))
      expect(error).toMatch(/no master/)
    }, 5000)
    await cache.close()
    await on(sentinel, 'SENTINEL', 'REMOVE', 'mistaken')
  })

  test('with waitReplicas, a URL of sentinels knows that the replica has the write', async () => {
    const cache = redis(`redis+sentinel://${hostsOf(servers.urls)}/${servers.name}`, { waitReplicas: 1 })
    await untilDone(() => Promise.resolve(cache.has('waited')))
    expect(await cache.add('waited', bytes('1'), later())).toMatchObject(stored)
    expect(await on(servers.replica, 'GET', 'waited')).toBe('1')
    await cache.close()
  })

  test('promote the replica when the master dies, and all find it', async () => {
    const [first] = Object.values(caches) as [Cache]
    await first.add('surviving', bytes('1'), later())
    await vi.waitFor(async () => expect(await on(servers.replica, 'GET', 'surviving')).toBe('1'))
    await servers.primary.kill()
    const promotion = promotionOf(servers.replica)
    const found: Record<string, { value: string; at: number }> = {}
    await Promise.all(
      Object.entries(caches).map(([name, cache]) =>
        untilDone(async () => {
          const cached = await cache.get('surviving')
          await cache.touch('surviving', later())
          const value = cached === null ? 'missing' : Buffer.from(cached.value).toString()
          found[name] = { value, at: performance.now() }
        }),
      ),
    )
    expect(Object.values(found).map(({ value }) => value)).toEqual(['1', '1', '1'])
    expect(found['a URL']!.at - (await promotion)).toBeLessThan(5000)
    expect(await first.replace('surviving', bytes('2'), later(), Buffer.from('1'))).toMatchObject(stored)
    await servers.primary.start()
  })
})
