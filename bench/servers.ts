import { spawnSync } from 'node:child_process'
import type { TestServer } from '../test/support/servers/index.js'
import { isPinned } from './child.js'
import { mariadb } from './servers/mariadb.js'
import { memcached } from './servers/memcached.js'
import { postgres } from './servers/postgres.js'
import { redis } from './servers/redis.js'
import type { ServerName } from './subjects/index.js'

/** What a run asks of a server besides its work. */
export interface BenchServer {
  start(): Promise<TestServer>
  /** As it is named in the results. */
  version(server: TestServer): Promise<string>
  /** Empties it. */
  clear(server: TestServer): Promise<void>
  /** Counts what clients ask from here on. */
  watch(server: TestServer): Promise<Watch>
}

export interface Watch {
  /** Commands since the last time, each with how often it came. */
  take(): Promise<Record<string, number>>
  end(): Promise<void>
}

const kinds: Readonly<Record<ServerName, BenchServer>> = { postgres, mariadb, redis, memcached }

const NAMES: Readonly<Record<ServerName, string>> = {
  postgres: 'PostgreSQL',
  mariadb: 'MariaDB',
  redis: 'Redis',
  memcached: 'Memcached',
}

/** The private servers of a run: one of each that some subject needs. */
export class Servers {
  readonly #running = new Map<ServerName, TestServer>()

  /**
   * Starts them on the load generator's cpu: the subject's own is for what is measured. They are children of this process, which moves
   * there first.
   */
  static async start(names: Iterable<ServerName>, cpu: number): Promise<Servers> {
    if (isPinned()) spawnSync('taskset', ['-a', '-c', '-p', String(cpu), String(process.pid)])
    const servers = new Servers()
    try {
      for (const name of new Set(names)) servers.#running.set(name, await kinds[name].start())
    } catch (error) {
      await servers.end()
      throw error
    }
    return servers
  }

  /** Where they are, by name. */
  urls(): Readonly<Partial<Record<ServerName, string>>> {
    return Object.fromEntries([...this.#running].map(([name, server]) => [name, server.url]))
  }

  /** By names that are no package's. */
  async versions(): Promise<Record<string, string>> {
    const found = [...this.#running].map(
      async ([name, server]) => [NAMES[name], await kinds[name].version(server)] as const,
    )
    return Object.fromEntries(await Promise.all(found))
  }

  async clear(names: readonly ServerName[]): Promise<void> {
    for (const name of names) await kinds[name].clear(this.#get(name))
  }

  /** Watches several at once. */
  async watch(names: readonly ServerName[]): Promise<Watch> {
    const watches = await Promise.all(names.map((name) => kinds[name].watch(this.#get(name))))
    return {
      take: async () => Object.assign({}, ...(await Promise.all(watches.map((watch) => watch.take())))),
      end: async () => void (await Promise.all(watches.map((watch) => watch.end()))),
    }
  }

  async end(): Promise<void> {
    for (const server of this.#running.values()) await server[Symbol.asyncDispose]()
    this.#running.clear()
  }

  #get(name: ServerName): TestServer {
    const server = this.#running.get(name)
    if (server === undefined) throw new Error(`${name} was not started.`)
    return server
  }
}
