import { createHash, randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis as IoRedis } from 'ioredis'
import { createClient } from 'redis'
import { ImproperlyConfigured, StoreUnavailable } from 'sojourn'
import type { Cache, Stored } from 'sojourn/caches/cache'
import { isRedisHandle, redis } from 'sojourn/caches/redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { DELETE_SAME, REPLACE_SAME } from '../../src/caches/redis/scripts.js'
import { parseRedisUrl } from '../../src/caches/redis/url.js'
import { startRedis, type TestServer } from '../support/servers/index.js'
import { redisCommands } from '../support/servers/redis.js'
import { ways } from './redis-clients.js'

let server: TestServer
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  // The log need not be synced here; that would only make the tests slow.
  server = await startRedis({ settings: { appendfsync: 'no' } })
})
afterAll(() => server[Symbol.asyncDispose]())
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
  await admin('FLUSHALL')
})

const HOUR = 3_600_000
const later = (): number => Date.now() + HOUR
const bytes = (text: string): Uint8Array => Buffer.from(text)
const admin = (...words: string[]): Promise<unknown> => redisCommands(server.url, (command) => command(...words))

/** The error of an operation and how long it took; fails where there is none. */
async function failureOf(operation: unknown): Promise<{ error: Error; took: number }> {
  const begin = performance.now()
  try {
    await operation
  } catch (error) {
    return { error: error as Error, took: performance.now() - begin }
  }
  throw new Error('It did not fail.')
}

function byUrl(url: string, options?: Parameters<typeof redis>[1]): Cache {
  const cache = redis(url, options)
  closing.push(async () => cache.close())
  return cache
}

/** Asks until the server answers, as the requests of a site do. */
async function untilAnswered(cache: Cache): Promise<number> {
  const begin = performance.now()
  for (;;) {
    try {
      await cache.has('k')
      return performance.now() - begin
    } catch {
      if (performance.now() - begin > 5000) throw new Error('Not answered within 5 s.')
    }
  }
}

describe.each(Object.entries(ways))('with %s', (_, make) => {
  let cache: Cache
  let clock = 0

  beforeEach(async () => {
    await admin('FLUSHALL')
    clock = Date.now()
    const made = make(server.url, { clock: () => clock })
    cache = made.cache
    closing.push(made.close)
    await untilAnswered(cache)
  })

  test('what is not there is null, missing, or no', async () => {
    expect(await cache.get('k')).toBeNull()
    expect(await cache.has('k')).toBe(false)
    expect(await cache.touch('k', later())).toBe('missing')
    expect(await cache.delete('k')).toBe('missing')
    expect(await cache.delete('k', Buffer.from('v'))).toBe('missing')
    expect(await cache.replace('k', bytes('v'), later())).toBe('missing')
    expect(await cache.replace('k', bytes('v'), later(), Buffer.from('u'))).toBe('missing')
    expect(await cache.getAndTouch?.('k', later())).toBeNull()
    expect(await admin('DBSIZE')).toBe(0)
  })

  test('add stores, and never replaces', async () => {
    expect(await cache.add('k', bytes('first'), later())).toMatchObject({ version: expect.anything() })
    expect(await cache.add('k', bytes('second'), later())).toBe('conflict')
    expect(Buffer.from((await cache.get('k'))!.value).toString()).toBe('first')
    expect(await cache.has('k')).toBe(true)
  })

  test('replace compares with the version that get, add or replace gave', async () => {
    const { version: added } = (await cache.add('k', bytes('1'), later())) as Stored
    const { version: replaced } = (await cache.replace('k', bytes('2'), later(), added)) as Stored
    expect(await cache.replace('k', bytes('3'), later(), added)).toBe('conflict')
    expect(await cache.replace('k', bytes('3'), later(), replaced)).toMatchObject({ version: expect.anything() })
    const { version: read } = (await cache.get('k'))!
    expect(await cache.replace('k', bytes('4'), later(), read)).toMatchObject({ version: expect.anything() })
    expect(await cache.replace('k', bytes('5'), later())).toMatchObject({ version: expect.anything() })
    expect(await admin('GET', 'k')).toBe('5')
  })

  test('of fifty that replace one version, one wins', async () => {
    const { version } = (await cache.add('k', bytes('0'), later())) as Stored
    const tries = Array.from({ length: 50 }, (_, at) => cache.replace('k', bytes(`${at + 1}`), later(), version))
    const outcomes = await Promise.all(tries)
    expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(49)
  })

  test('delete compares too', async () => {
    const { version } = (await cache.add('k', bytes('1'), later())) as Stored
    expect(await cache.delete('k', Buffer.from('other'))).toBe('conflict')
    expect(await cache.delete('k', version)).toBe('deleted')
    await cache.add('k', bytes('1'), later())
    expect(await cache.delete('k')).toBe('deleted')
    expect(await cache.has('k')).toBe(false)
  })

  test('an end is told as milliseconds from now on by our clock, so that the server may have another', async () => {
    clock = 5000
    await cache.add('k', bytes('1'), 5000 + HOUR)
    const left = async (): Promise<number> => Number(await admin('PTTL', 'k'))
    expect(await left()).toBeGreaterThan(HOUR - 20_000)
    expect(await left()).toBeLessThanOrEqual(HOUR)
    await cache.touch('k', 5000 + 2 * HOUR)
    expect(await left()).toBeGreaterThan(HOUR)
    await cache.replace('k', bytes('2'), 5000 + HOUR)
    expect(await left()).toBeLessThanOrEqual(HOUR)
    await cache.replace('k', bytes('3'), 5000 + 2 * HOUR, Buffer.from('2'))
    expect(await left()).toBeGreaterThan(HOUR)
    await cache.getAndTouch?.('k', 5000 + HOUR)
    expect(await left()).toBeLessThanOrEqual(HOUR)
  })

  test('touch keeps the version, and so does getAndTouch', async () => {
    const { version } = (await cache.add('k', bytes('1'), later())) as Stored
    expect(await cache.touch('k', later())).toBe('saved')
    const read = await cache.getAndTouch?.('k', later())
    expect(Buffer.from(read!.value).toString()).toBe('1')
    expect(await cache.replace('k', bytes('2'), later(), version)).toMatchObject({ version: expect.anything() })
  })

  test('what is past its end is gone', async () => {
    const { version } = (await cache.add('k', bytes('1'), later())) as Stored
    await admin('PEXPIRE', 'k', '0')
    expect(await cache.get('k')).toBeNull()
    expect(await cache.replace('k', bytes('2'), later(), version)).toBe('missing')
  })

  test('an end that has come already is stored as nothing', async () => {
    const past = clock - 1
    const stored = { version: expect.anything() }
    expect(await cache.add('k', bytes('1'), past)).toMatchObject(stored)
    expect(await cache.has('k')).toBe(false)
    await cache.add('k', bytes('1'), later())
    expect(await cache.add('k', bytes('2'), past)).toBe('conflict')
    expect(await cache.replace('k', bytes('2'), past, Buffer.from('other'))).toBe('conflict')
    expect(await cache.has('k')).toBe(true)
    expect(await cache.replace('k', bytes('2'), past)).toMatchObject(stored)
    expect(await cache.has('k')).toBe(false)
    expect(await cache.replace('k', bytes('2'), past)).toBe('missing')
    await cache.add('k', bytes('1'), later())
    expect(await cache.touch('k', clock)).toBe('saved')
    expect(await cache.has('k')).toBe(false)
    await cache.add('k', bytes('1'), later())
    await cache.getAndTouch?.('k', past)
    expect(await cache.has('k')).toBe(false)
  })

  test('bytes come back as they went, all 256 of them, none, and a megabyte', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, at) => at)
    for (const value of [all, new Uint8Array(0), new Uint8Array(randomBytes(2 ** 20))]) {
      await cache.delete('k')
      const { version } = (await cache.add('k', value, later())) as Stored
      const read = (await cache.get('k'))!
      expect(Buffer.compare(read.value, value)).toBe(0)
      expect(Buffer.compare((await cache.getAndTouch?.('k', later()))!.value, value)).toBe(0)
      expect(await cache.replace('k', value, later(), version)).toMatchObject({ version: expect.anything() })
      expect(await cache.replace('k', value, later(), read.version)).toMatchObject({ version: expect.anything() })
      expect(await cache.delete('k', version)).toBe('deleted')
    }
  })

  test('a view into a larger buffer is stored without its surroundings', async () => {
    const whole = new TextEncoder().encode('before-value-after')
    await cache.add('k', whole.subarray(7, 12), later())
    expect(await admin('GET', 'k')).toBe('value')
  })

  test('each operation is one command', async () => {
    const { version } = (await cache.add('warm', bytes('1'), later())) as Stored
    await cache.replace('warm', bytes('1'), later(), version)
    await cache.delete('warm', version)
    const counted = async (work: () => unknown): Promise<string[]> => {
      await admin('CONFIG', 'RESETSTAT')
      await work()
      return commandsOf(String(await admin('INFO', 'commandstats')))
    }
    expect(await counted(() => cache.add('k', bytes('1'), later()))).toEqual(['set'])
    expect(await counted(() => cache.get('k'))).toEqual(['get'])
    expect(await counted(() => cache.getAndTouch?.('k', later()))).toEqual(['getex'])
    expect(await counted(() => cache.has('k'))).toEqual(['exists'])
    expect(await counted(() => cache.touch('k', later()))).toEqual(['pexpire'])
    expect(await counted(() => cache.replace('k', bytes('1'), later()))).toEqual(['set'])
    // What a script does itself is counted beside it.
    expect(await counted(() => cache.replace('k', bytes('1'), later(), version))).toEqual(['evalsha', 'get', 'set'])
    expect(await counted(() => cache.delete('k', version))).toEqual(['del', 'evalsha', 'get'])
    expect(await counted(() => cache.delete('k'))).toEqual(['del'])
  })

  test('scripts that the server has forgotten are sent again, also many at once', async () => {
    const { version } = (await cache.add('k', bytes('1'), later())) as Stored
    await admin('SCRIPT', 'FLUSH')
    const others = Array.from({ length: 20 }, (_, at) => cache.delete(`absent${at}`, version))
    expect(await cache.replace('k', bytes('2'), later(), version)).toMatchObject({ version: expect.anything() })
    expect(new Set(await Promise.all(others))).toEqual(new Set(['missing']))
    await admin('SCRIPT', 'FLUSH')
    expect(await cache.delete('k', Buffer.from('2'))).toBe('deleted')
  })

  test('with withExpiry, get tells the end, and knows of none where none was set', async () => {
    const { cache: telling, close } = make(server.url, { withExpiry: true, clock: () => clock })
    closing.push(close)
    const end = clock + HOUR
    await telling.add('k', bytes('1'), end)
    const read = await telling.get('k')
    expect(read?.expires).toBeGreaterThan(end - 20_000)
    expect(read?.expires).toBeLessThanOrEqual(end + 1)
    await admin('SET', 'forever', '1')
    expect((await telling.get('forever'))?.expires).toBeUndefined()
    expect(await telling.get('absent')).toBeNull()
  })

  test('a lost connection is an error or made anew, and the next second all is well', async () => {
    await cache.add('k', bytes('1'), later())
    await admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    expect(await untilAnswered(cache)).toBeLessThan(1000)
    expect(Buffer.from((await cache.get('k'))!.value).toString()).toBe('1')
  })

  test('a server that stops answering is an error within a second and a bit, and answers stay with their questions', async () => {
    for (let at = 0; at < 10; at++) await cache.add(`k${at}`, bytes(`${at}`), later())
    server.pause()
    try {
      const failures = await Promise.all(Array.from({ length: 10 }, (_, at) => failureOf(cache.get(`k${at}`))))
      for (const { error, took } of failures) {
        expect(error).toBeInstanceOf(StoreUnavailable)
        expect(took).toBeLessThan(1600)
      }
    } finally {
      server.resume()
    }
    // Asked in another order than before, while the old answers arrive.
    const asked = Array.from({ length: 10 }, (_, at) => 9 - at)
    await untilAnswered(cache)
    const values = await Promise.all(
      asked.map(async (at) => Buffer.from((await cache.get(`k${at}`))!.value).toString()),
    )
    expect(values).toEqual(asked.map(String))
  })

  test('a wrong type, a full server and a read-only one are errors, not misses', async () => {
    await admin('RPUSH', 'list', '1')
    await expect(cache.get('list')).rejects.toThrow(/^Redis answered: WRONGTYPE/)
    await cache.add('there', bytes('0'), later())
    await admin('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await expect(cache.add('k', bytes('1'), later())).rejects.toThrow(/^Redis answered: OOM/)
      const saved = cache.replace('there', bytes('1'), later(), Buffer.from('0'))
      await expect(saved).rejects.toThrow(/^Redis answered: OOM/)
    } finally {
      await admin('CONFIG', 'SET', 'maxmemory', '0')
    }
    await admin('REPLICAOF', '127.0.0.1', '1')
    try {
      await expect(cache.touch('k', later())).rejects.toThrow(StoreUnavailable)
    } finally {
      await admin('REPLICAOF', 'NO', 'ONE')
    }
    await untilAnswered(cache)
  })
})

describe('a server that goes and comes', () => {
  beforeEach(() => admin('FLUSHALL'))

  test.each(Object.entries(ways))(
    'with %s, operations fail within 250 ms meanwhile and work within a second',
    async (name, make) => {
      const { cache, close } = make(server.url)
      closing.push(close)
      await cache.has('k')
      await server.kill()
      try {
        await failureOf(cache.get('k'))
        const { error, took } = await failureOf(cache.get('k'))
        expect(error).toBeInstanceOf(StoreUnavailable)
        expect(took).toBeLessThan(750)
      } finally {
        await server.start()
      }
      // node-redis and ioredis wait up to 2 s by themselves before they connect again: the owner's choice.
      expect(await untilAnswered(cache)).toBeLessThan(name === 'a URL' ? 1000 : 3000)
      // What failed was not kept to be sent now.
      await vi.waitFor(async () => expect(await cache.has('late')).toBe(false), 3000)
    },
  )

  test('by URL, the very first operation after its return succeeds', async () => {
    const cache = byUrl(server.url)
    await cache.has('k')
    await server.kill()
    try {
      for (let at = 0; at < 4; at++) await failureOf(cache.has('k'))
    } finally {
      await server.start()
    }
    expect(await cache.has('k')).toBe(false)
  })

  test('by URL, a server that is not there costs at most ten connections a second', async () => {
    const cache = byUrl(server.url)
    await cache.has('k')
    await admin('CONFIG', 'RESETSTAT')
    const before = Number(/total_connections_received:(\d+)/.exec(String(await admin('INFO', 'stats')))?.[1])
    // It takes connections and drops them before they are of use.
    await admin('CONFIG', 'SET', 'requirepass', 'p')
    const authorized = (...words: string[]): Promise<unknown> =>
      redisCommands(server.url.replace('://', '://:p@'), (command) => command(...words))
    try {
      await authorized('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      const denied = byUrl(server.url.replace('://', '://:wrong@'))
      const begin = performance.now()
      while (performance.now() - begin < 2000) await Promise.all([1, 2, 3].map(() => failureOf(denied.has('k'))))
      const stats = String(await authorized('INFO', 'stats'))
      expect(Number(/total_connections_received:(\d+)/.exec(stats)?.[1]) - before).toBeLessThan(24)
    } finally {
      await authorized('CONFIG', 'SET', 'requirepass', '')
    }
    await admin('FLUSHALL')
  })

  test('by URL, a frozen server is found again at once, over a connection of its own', async () => {
    const cache = byUrl(server.url)
    await cache.add('k', bytes('1'), later())
    const id = await clientIds()
    server.pause()
    try {
      await failureOf(cache.get('k'))
      const { took } = await failureOf(cache.get('k'))
      expect(took).toBeLessThan(750)
    } finally {
      server.resume()
    }
    expect(await untilAnswered(cache)).toBeLessThan(1000)
    await vi.waitFor(async () => expect((await clientIds()).filter((other) => id.includes(other))).toEqual([]), 2000)
    await cache.delete('k')
  })

  test('by URL, a server that vanished without a word is left for the one that answers now, also if it did so while greeting', async () => {
    let isSilent = true
    const sockets: Socket[] = []
    const road = createServer((client) => {
      sockets.push(client)
      client.on('error', () => undefined)
      // A connection that began in silence stays silent for ever.
      if (isSilent) return
      const target = connect(server.port, '127.0.0.1').on('error', () => undefined)
      sockets.push(target)
      client.pipe(target).pipe(client)
    })
    await new Promise<void>((resolve) => road.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      for (const socket of sockets) socket.destroy()
      road.close()
    })
    const cache = byUrl(`redis://127.0.0.1:${(road.address() as AddressInfo).port}`)
    await failureOf(cache.has('k'))
    isSilent = false
    expect(await untilAnswered(cache)).toBeLessThan(1000)
    for (const socket of sockets) socket.unpipe().pause()
    const { took } = await failureOf(cache.has('k'))
    expect(took).toBeLessThan(1600)
    expect(await untilAnswered(cache)).toBeLessThan(1000)
  })

  async function clientIds(): Promise<string[]> {
    await wait(0)
    const list = String(await admin('CLIENT', 'LIST'))
    return [...list.matchAll(/^id=(\d+) .* cmd=(?!client)/gm)].map(([, id]) => id!)
  }

  test('many operations at the first moment wait for one connection', async () => {
    await admin('CONFIG', 'RESETSTAT')
    const cache = byUrl(server.url)
    expect(await Promise.all(Array.from({ length: 100 }, () => cache.has('k')))).not.toContain(true)
    expect(commandsOf(String(await admin('INFO', 'commandstats'))).filter((name) => name === 'exists')).toHaveLength(
      100,
    )
    expect(/total_connections_received:(\d+)/.exec(String(await admin('INFO', 'stats')))?.[1]).toBe('3')
  })

  test('a wrong password is an error that tells the reason beside it and never the password', async () => {
    const { error } = await failureOf(byUrl(server.url.replace('://', '://:s3cret@')).get('k'))
    expect(error).toBeInstanceOf(StoreUnavailable)
    expect(String((error.cause as Error).message)).toMatch(/AUTH|WRONGPASS/)
    expect(`${error.stack} ${(error.cause as Error).stack}`).not.toContain('s3cret')
  })

  test('an error of a user’s ioredis carries neither key nor value', async () => {
    await admin('RPUSH', 'the-key', '1')
    const client = new IoRedis(server.url)
    closing.push(async () => client.disconnect())
    const { error } = await failureOf(redis(client).replace('the-key', bytes('the-value'), later(), Buffer.from('1')))
    const { inspect } = await import('node:util')
    expect(error.message).toMatch(/^Redis answered: WRONGTYPE/)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/the-key|the-value/)
    await admin('DEL', 'the-key')
  })

  test('a command that the server does not know is an error without its arguments', async () => {
    await using renamed = await startRedis({ settings: { 'rename-command': 'GETEX ""' } })
    const { error } = await failureOf(byUrl(renamed.url).getAndTouch?.('the-key', later()))
    expect(error.message).toMatch(/^Redis answered: ERR unknown command/)
    expect(error.message).not.toContain('the-key')
  })

  test('by URL, a master that became a replica is left for whoever answers there then', async () => {
    const cache = byUrl(server.url)
    await cache.has('k')
    const before = await clientIds()
    await admin('REPLICAOF', '127.0.0.1', '1')
    try {
      await expect(cache.add('k', bytes('1'), later())).rejects.toThrow(/READONLY/)
    } finally {
      await admin('REPLICAOF', 'NO', 'ONE')
    }
    expect(await cache.add('k', bytes('1'), later())).not.toBe('conflict')
    expect((await clientIds()).some((id) => !before.includes(id))).toBe(true)
    await cache.delete('k')
  })
})

describe('replicas', () => {
  test('with waitReplicas a write counts only where the replicas have it', async () => {
    await admin('CONFIG', 'SET', 'repl-diskless-sync-delay', '0')
    await using replica = await startRedis({ settings: { replicaof: `127.0.0.1 ${server.port}` } })
    await vi.waitFor(async () => expect(await admin('WAIT', '1', '100')).toBe(1), { timeout: 10_000 })
    const patient = byUrl(server.url, { waitReplicas: 1, waitTimeout: 900 })
    const cache = byUrl(server.url, { waitReplicas: 1 })
    const { version } = (await patient.add('k', bytes('1'), later())) as Stored
    expect(await redisCommands(replica.url, (command) => command('GET', 'k'))).toBe('1')
    expect(await patient.replace('k', bytes('2'), later(), version)).toMatchObject({ version: expect.anything() })
    replica.pause()
    try {
      await expect(cache.replace('k', bytes('3'), later(), Buffer.from('2'))).rejects.toThrow(
        /^Only 0 of the 1 replicas/,
      )
      await expect(cache.touch('k', later())).rejects.toThrow(StoreUnavailable)
      // Nothing was written here, so nothing is missed.
      expect(await cache.add('k', bytes('4'), later())).toBe('conflict')
      expect(await cache.delete('k', Buffer.from('other'))).toBe('conflict')
    } finally {
      replica.resume()
    }
  })

  test('waitReplicas is refused where WAIT might ask another connection', () => {
    expect(() => redis('redis+cluster://127.0.0.1:1', { waitReplicas: 1 })).toThrow(ImproperlyConfigured)
    expect(() => redis(createClient(), { waitReplicas: 1 })).toThrow(ImproperlyConfigured)
  })
})

describe('clients', () => {
  test('close ends what we opened, and leaves the user’s client open', async () => {
    const own = redis(server.url)
    await own.has('k')
    await own.close()
    await expect(own.get('k')).rejects.toThrow('The Redis cache is closed.')
    const client = createClient({ url: server.url })
    closing.push(async () => client.destroy())
    const cache = redis(client)
    await cache.has('k')
    await cache.close()
    expect(await client.ping()).toBe('PONG')
    await expect(cache.get('k')).rejects.toThrow(StoreUnavailable)
  })

  test('close lets what is on its way be answered', async () => {
    const cache = redis(server.url)
    await cache.has('k')
    const asked = cache.has('k')
    await cache.close()
    expect(await asked).toBe(false)
  })

  test.each(['a node-redis client', 'an ioredis client'])(
    '%s that its owner closed is an error at once',
    async (name) => {
      const { cache, close } = ways[name]!(server.url)
      await cache.has('k')
      await close()
      const { error, took } = await failureOf(cache.get('k'))
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(took).toBeLessThan(100)
    },
  )

  test('a user’s client that nobody can reach is an error within 250 ms, and crashes nothing', async () => {
    await using gone = await startRedis()
    await gone.kill()
    for (const [name, make] of Object.entries(ways)) {
      const { cache, close } = make(gone.url)
      const { error, took } = await failureOf(cache.get('k'))
      expect(error).toBeInstanceOf(StoreUnavailable)
      // A pool does not tell that it waits for its first connection.
      expect(took).toBeLessThan(name === 'a node-redis pool' ? 1600 : 750)
      await close()
    }
  })

  test('clients are told from other objects', () => {
    const io = new IoRedis(server.url, { lazyConnect: true })
    expect([createClient(), io].map(isRedisHandle)).toEqual([true, true])
    expect([{}, new Map(), { get: () => null }, { sendCommand: () => null }].map(isRedisHandle)).toEqual(
      Array(4).fill(false),
    )
  })

  test('without the package, the error says what to install', async () => {
    vi.doMock('redis', () => {
      throw new Error('Cannot find package')
    })
    try {
      await expect(byUrl(server.url).get('k')).rejects.toThrow(/npm install redis/)
      await expect(byUrl(server.url).get('k')).rejects.toThrow(ImproperlyConfigured)
    } finally {
      vi.doUnmock('redis')
    }
  })

  test('the scripts are known by their SHA-1', () => {
    for (const { text, sha1 } of [REPLACE_SAME, DELETE_SAME]) {
      expect(sha1).toBe(createHash('sha1').update(text).digest('hex'))
    }
  })
})

describe('URLs', () => {
  test('name servers, who logs in, and a database', () => {
    expect(parseRedisUrl('redis://localhost')).toMatchObject({
      kind: 'server',
      tls: false,
      hosts: [{ host: 'localhost', port: 6379 }],
      database: 0,
    })
    expect(parseRedisUrl('rediss://u:p%40%2F@[::1]:7000/3')).toMatchObject({
      tls: true,
      username: 'u',
      password: 'p@/',
      hosts: [{ host: '::1', port: 7000 }],
      database: 3,
    })
    expect(parseRedisUrl('redis+cluster://:p@a:1,b,[fe80::1]:3')).toMatchObject({
      kind: 'cluster',
      password: 'p',
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 6379 },
        { host: 'fe80::1', port: 3 },
      ],
    })
    expect(parseRedisUrl('rediss+sentinel://a,b:2/mymaster/4')).toMatchObject({
      kind: 'sentinel',
      tls: true,
      hosts: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 2 },
      ],
      master: 'mymaster',
      database: 4,
    })
  })

  test.each([
    'redis://',
    'redis://a:1,b:2',
    'redis://a:b',
    'redis://a:99999',
    'redis://:s3cret@a/b',
    'redis://:s3cret%@a',
    'redis://:s3cret@a?db=1',
    'redis+sentinel://:s3cret@a',
    'redis+cluster://:s3cret@a/1',
    'rediss+pool://:s3cret@a',
  ])('%s is refused, without quoting it', (url) => {
    expect(() => redis(url)).toThrow(ImproperlyConfigured)
    expect(() => redis(url)).not.toThrow(/s3cret/)
  })

  test('a database and a user are used', async () => {
    await admin('ACL', 'SETUSER', 'site', 'on', '>p@ss', '~*', '&*', '+@all')
    const cache = byUrl(`redis://site:p%40ss@127.0.0.1:${server.port}/3`)
    await cache.add('k', bytes('1'), later())
    expect(await admin('GET', 'k')).toBeNull()
    expect(await redisCommands(`${server.url}/3`, (command) => command('GET', 'k'))).toBe('1')
    await admin('ACL', 'DELUSER', 'site')
  })
})

/** The commands that were counted, but for those of a connection's beginning and of this asking. */
function commandsOf(stats: string): string[] {
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    .filter(([, name]) => !/^(hello|auth|select|ping|info|client\|.*|config\|.*)$/.test(name!))
    .flatMap(([, name, calls]) => Array<string>(Number(calls)).fill(name!))
    .sort()
}
