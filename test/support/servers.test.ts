/** That the servers of the other tests are real, are those just started, obey, and leave nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mysql, { type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  missingServer,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  type TestServer,
} from './servers/index.js'
import { workingIn } from './servers/processes.js'
import type { ServerName } from './servers/programs.js'
import { infoLine, redisCommands } from './servers/redis.js'
import { until } from './servers/until.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** One connection, over which one value is written and read. */
interface Client {
  write(value: string): Promise<unknown>
  read(): Promise<string | undefined>
  close(): unknown
}

async function openPostgres(url: string): Promise<Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  await client.query('CREATE TABLE IF NOT EXISTS kept (value text)')
  return {
    write: (value) => client.query('INSERT INTO kept VALUES ($1)', [value]),
    read: async () => (await client.query<{ value: string }>('SELECT value FROM kept')).rows[0]?.value,
    close: () => client.end(),
  }
}

async function openMariadb(url: string): Promise<Client> {
  const connection = await mysql.createConnection(url)
  connection.on('error', () => undefined)
  await connection.query('CREATE TABLE IF NOT EXISTS kept (value text)')
  return {
    write: (value) => connection.query('INSERT INTO kept VALUES (?)', [value]),
    read: async () => (await connection.query<RowDataPacket[]>('SELECT value FROM kept'))[0][0]?.['value'] as string,
    close: () => connection.destroy(),
  }
}

async function openRedis(url: string): Promise<Client> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => undefined)
  await client.connect()
  return {
    write: (value) => client.set('kept', value),
    read: async () => (await client.get('kept')) ?? undefined,
    close: () => client.destroy(),
  }
}

async function openMemcached(url: string): Promise<Client> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
    .setEncoding('latin1')
    .setNoDelay()
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  const ask = async (text: string): Promise<string> => {
    socket.write(text)
    return (await once(socket, 'data'))[0] as string
  }
  return {
    write: (value) => ask(`set kept 0 0 ${value.length}\r\n${value}\r\n`),
    read: async () => /^VALUE.*\r\n(.*)\r\n/.exec(await ask('get kept\r\n'))?.[1],
    close: () => socket.destroy(),
  }
}

async function withClient<T>(kind: Kind, url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await kind.open(url)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

interface Kind {
  readonly name: ServerName
  readonly start: () => Promise<TestServer>
  readonly open: (url: string) => Promise<Client>
  readonly url: RegExp
  /** What is left of a value after a crash. */
  readonly kept: string | undefined
}

const value = 'written before'

const kinds: readonly Kind[] = [
  {
    name: 'postgres',
    start: startPostgres,
    open: openPostgres,
    url: /^postgres:\/\/sojourn@127\.0\.0\.1:\d+\/sojourn$/,
    kept: value,
  },
  {
    name: 'mariadb',
    start: startMariadb,
    open: openMariadb,
    url: /^mysql:\/\/root@127\.0\.0\.1:\d+\/sojourn$/,
    kept: value,
  },
  { name: 'redis', start: startRedis, open: openRedis, url: /^redis:\/\/127\.0\.0\.1:\d+$/, kept: value },
  {
    name: 'memcached',
    start: startMemcached,
    open: openMemcached,
    url: /^memcached:\/\/127\.0\.0\.1:\d+$/,
    kept: undefined,
  },
]

/** For the name of what is skipped. */
function why(missing: string | undefined): string {
  return missing === undefined ? '' : ` (${missing})`
}

/** The System V memory of a PostgreSQL: its id, of which the kernel's list has a line. */
function sharedMemory(folder: string): string | undefined {
  return readFileSync(join(folder, 'data/postmaster.pid'), 'utf8').split('\n')[6]?.trim().split(/ +/)[1]
}

function sharedMemories(): readonly (string | undefined)[] {
  const lines = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n')
  return lines.map((line) => line.trim().split(/ +/)[1])
}

/** One letter for each process: T is frozen. */
function states(server: TestServer): string {
  const stat = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'latin1')
  return workingIn(join(server.folder, 'data'))
    .map((pid) => /\) (\w)/.exec(stat(pid))?.[1])
    .join('')
}

for (const kind of kinds) {
  const missing = await missingServer(kind.name)
  describe.skipIf(missing !== undefined)(`a private ${kind.name}${why(missing)}`, () => {
    let server: TestServer
    beforeAll(async () => {
      server = await kind.start()
    })
    afterAll(() => server?.[Symbol.asyncDispose]())

    test('answers at its address, from its own folder', async () => {
      expect(server.url).toMatch(kind.url)
      expect(new URL(server.url).port).toBe(String(server.port))
      expect(workingIn(join(server.folder, 'data'))).toContain(server.pid)
      expect(await withClient(kind, server.url, (client) => client.write(value).then(client.read))).toBe(value)
    })

    test('answers nobody while it is paused, and what was asked when it goes on', async () => {
      await withClient(kind, server.url, async (client) => {
        const before = await client.read()
        server.pause()
        await until('all of its processes are frozen', async () => /^T+$/.test(states(server)))
        const answer = client.read()
        expect(await Promise.race([answer, wait(200, 'nothing yet')])).toBe('nothing yet')
        server.resume()
        expect(await answer).toBe(before)
      })
    })

    test(`${kind.kept === undefined ? 'forgets all' : 'keeps what it acknowledged'} when it is killed`, async () => {
      const { pid, port, url } = server
      expect(await withClient(kind, url, (client) => client.read())).toBe(value)
      server.pause()
      await server.kill()
      expect(workingIn(join(server.folder, 'data'))).toEqual([])
      await expect(kind.open(url)).rejects.toThrow('ECONNREFUSED')
      await server.start()
      expect([server.port, server.url]).toEqual([port, url])
      expect(server.pid).not.toBe(pid)
      expect(await withClient(kind, url, (client) => client.read())).toBe(kind.kept)
    })

    test('ends in good order, with a client connected, and starts again', async () => {
      await withClient(kind, server.url, async () => {
        await server.stop()
        expect(workingIn(join(server.folder, 'data'))).toEqual([])
      })
      await server.start()
      expect(await withClient(kind, server.url, (client) => client.read())).toBe(kind.kept)
    })

    test('leaves neither process nor folder', async () => {
      const { folder, pid, port } = server
      await server[Symbol.asyncDispose]()
      expect([existsSync(folder), existsSync(`/proc/${pid}`), workingIn(join(folder, 'data'))]).toEqual([
        false,
        false,
        [],
      ])
      await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
      await server[Symbol.asyncDispose]()
    })
  })
}

const noRedis = await missingServer('redis')
const noPostgres = await missingServer('postgres')

describe.skipIf(noRedis !== undefined)(`a server that is asked for more${why(noRedis)}`, () => {
  test('has the settings that were given, and prints into its log', async () => {
    await using server = await startRedis({ settings: { appendfsync: 'no', maxmemory: '4mb' } })
    const get = (name: string): Promise<unknown> =>
      redisCommands(server.url, (command) => command('CONFIG', 'GET', name))
    expect([await get('maxmemory'), await get('appendfsync'), await get('appendonly')]).toEqual([
      ['maxmemory', '4194304'],
      ['appendfsync', 'no'],
      ['appendonly', 'yes'],
    ])
    expect(server.log()).toContain('Ready to accept connections')
  })

  test('says why it did not start', async () => {
    await expect(startRedis({ settings: { 'no-such-setting': '1' } })).rejects.toThrow(
      /redis ended before it answered[\s\S]*no-such-setting/,
    )
  })

  test('leaves a folder it was given, and finds its data there, with the settings of this time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sojourn-test-'))
    try {
      for (const [kept, timeout] of [
        [null, '100'],
        ['here', '200'],
      ] as const) {
        await using server = await startRedis({ folder, settings: { timeout } })
        const answer = await redisCommands(server.url, (command) => command('CONFIG', 'GET', 'timeout'))
        expect(answer).toEqual(['timeout', timeout])
        expect(await redisCommands(server.url, (command) => command('GET', 'kept'))).toBe(kept)
        await redisCommands(server.url, (command) => command('SET', 'kept', 'here'))
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('waits for its port when something else has it for a moment', async () => {
    await using server = await startRedis()
    await server.kill()
    const other = createServer().listen(server.port, '127.0.0.1')
    await once(other, 'listening')
    const started = server.start()
    await until('it has found its port taken', async () => server.log().includes('Address already in use'))
    other.close()
    await started
    expect(await redisCommands(server.url, (command) => command('PING'))).toBe('PONG')
  })
})

describe.skipIf((noRedis ?? noPostgres) !== undefined)(
  `a process that starts servers${why(noRedis ?? noPostgres)}`,
  () => {
    test('takes them along when it is killed, even frozen ones', async () => {
      const program = `
      import { startPostgres, startRedis } from './test/support/servers/index.ts'
      const servers = [await startPostgres(), await startRedis()]
      servers[0].pause()
      for (const server of servers) console.log(server.folder)
      console.log('')
      setInterval(() => undefined, 1000)
    `
      const node = [...['--import', 'tsx'], ...['--input-type=module', '--eval', program]]
      const child = spawn(process.execPath, node, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] })
      const folders: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        if (line === '') break
        folders.push(line)
      }
      const processes = (): readonly number[] => folders.flatMap((folder) => workingIn(join(folder, 'data')))
      const memory = sharedMemory(folders[0] ?? '')
      expect(processes().length).toBeGreaterThan(2)
      expect(sharedMemories()).toContain(memory)
      child.kill('SIGKILL')
      await until('nothing is left', async () => !folders.some(existsSync) && processes().length === 0)
      expect(sharedMemories()).not.toContain(memory)
    })

    test('has nothing left of one that it killed itself', async () => {
      await using server = await startPostgres()
      const memory = sharedMemory(server.folder)
      await server.kill()
      expect(sharedMemories()).toContain(memory)
      await server[Symbol.asyncDispose]()
      expect(sharedMemories()).not.toContain(memory)
    })
  },
)

describe.skipIf(noRedis !== undefined)(`several Redis servers${why(noRedis)}`, () => {
  test('make a cluster, where a replica takes the place of a dead master', { timeout: 60_000 }, async () => {
    await using cluster = await startRedisCluster()
    const state = await redisCommands(cluster.url, (command) => command('CLUSTER', 'INFO'))
    expect([infoLine(state, 'cluster_state'), infoLine(state, 'cluster_size')]).toEqual(['ok', '3'])
    const [, master, , , replica] = cluster.nodes
    expect(await role(replica)).toBe('slave')
    await master?.kill()
    await until('the replica is the master', async () => (await role(replica)) === 'master')
    await master?.start()
    await until('the old master follows it', async () => (await role(master)) === 'slave')
  })

  test('are watched by sentinels, who make the replica the primary', async () => {
    await using watched = await startRedisSentinel()
    await watched.primary.kill()
    await until('the replica is the primary', async () => (await role(watched.replica)) === 'master')
    await until('each sentinel names it', async () => {
      const ask = (url: string): Promise<unknown> =>
        redisCommands(url, (command) => command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', watched.name))
      const named = await Promise.all(watched.urls.map(ask))
      return named.every((address) => String(address) === `127.0.0.1,${watched.replica.port}`)
    })
  })
})

async function role(server: TestServer | undefined): Promise<unknown> {
  const answer = await redisCommands(server?.url ?? '', (command) => command('ROLE'))
  return (answer as readonly unknown[])[0]
}
