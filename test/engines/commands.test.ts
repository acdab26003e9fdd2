import type { Session } from 'sojourn'
import { type SettingsInput, type Site, sojourn } from 'sojourn'
import { sojourn as sojournForNode } from 'sojourn/node'
import { Client, type Served, serve } from 'sojourn/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EngineName, engines, type RunningStore, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { redisCommands } from '../support/servers/redis.js'

/** How many commands a server has been given so far, by its own account. */
const COUNTED: Partial<Record<EngineName, (store: RunningStore) => Promise<number>>> = {
  redis: ({ address }) => commandsOfRedis(address.cache as string),
  ioredis: ({ address }) => commandsOfRedis(address.cache as string),
  memcached: ({ address }) => commandsOfMemcached(address.cache as string),
  postgres: ({ address }) => statementsOfPostgres(address.database as string),
  mariadb: ({ address }) => statementsOfMariadb(address.database as string),
}

/** What opening a connection and looking at the figures costs is not counted; a command within a script is not one of its own. */
async function commandsOfRedis(url: string): Promise<number> {
  const text = String(await redisCommands(url, (command) => command('INFO', 'commandstats')))
  const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0)
  const scripts = calls('evalsha') + calls('eval')
  const plain = ['getex', 'pexpire', 'pttl', 'exists'].map(calls).reduce((a, b) => a + b, 0)
  // A save's script is one GET and one SET inside.
  return scripts + plain + calls('get') + calls('set') + calls('del') - 2 * scripts
}

async function commandsOfMemcached(url: string): Promise<number> {
  const { hostname, port } = new URL(url)
  const { connect } = await import('node:net')
  const text = await new Promise<string>((resolve, reject) => {
    let got = ''
    const socket = connect(Number(port), hostname, () => socket.write('stats\r\n'))
    socket.on('error', reject).on('data', (data) => {
      got += String(data)
      if (!got.includes('END\r\n')) return
      socket.destroy()
      resolve(got)
    })
  })
  const stat = (name: string): number => Number(new RegExp(`STAT ${name} (\\d+)`).exec(text)?.[1] ?? 0)
  return stat('cmd_get') + stat('cmd_set') + stat('cmd_touch') + stat('delete_hits') + stat('delete_misses')
}

async function statementsOfPostgres(url: string): Promise<number> {
  const { default: pg } = await import('pg')
  const client = new pg.Client(url)
  await client.connect()
  try {
    const text = 'SELECT COALESCE(SUM(calls), 0)::int AS n FROM pg_stat_statements WHERE query ~ $1'
    const { rows } = await client.query(text, ['FROM django_session|INTO django_session|UPDATE django_session'])
    return rows[0].n as number
  } finally {
    await client.end()
  }
}

async function statementsOfMariadb(url: string): Promise<number> {
  const { createConnection } = await import('mysql2/promise')
  const connection = await createConnection(url)
  try {
    const [rows] = await connection.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")
    return Number((rows as { Value: string }[])[0]?.Value)
  } finally {
    await connection.end()
  }
}

const SERVER_SETTINGS: Partial<Record<EngineName, Readonly<Record<string, string>>>> = {
  postgres: { shared_preload_libraries: 'pg_stat_statements' },
}

for (const [name, count] of Object.entries(COUNTED) as [EngineName, (store: RunningStore) => Promise<number>][]) {
  const kind = engines[name]
  const missing = (await Promise.all(kind.servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`commands at the server of ${name} ${missing ?? ''}`, () => {
    let store: RunningStore
    beforeAll(async () => {
      store = await kind.start(SERVER_SETTINGS[name])
      if (name !== 'postgres') return
      const { default: pg } = await import('pg')
      const client = new pg.Client(store.address.database)
      await client.connect()
      await client.query('CREATE EXTENSION pg_stat_statements')
      await client.end()
    })
    afterAll(() => store[Symbol.asyncDispose]())

    const PAGES: Readonly<Record<string, (session: Session) => void>> = {
      '/untouched': () => undefined,
      '/read': (session) => void session['name'],
      // Sets the end at the first visit only; then it is a page that reads.
      '/short': (session) => {
        if (!session.has('_session_expiry')) session.setExpiry(60)
      },
      '/write': (session) => {
        session['n'] = Math.random()
      },
      '/ten': (session) => {
        for (let i = 0; i < 10; i++) session[`n${i}`] = Math.random()
      },
    }

    /** The commands of one request of a visitor who has a session, once everything is open and prepared. */
    const cost = async (path: string, settings: SettingsInput = {}, withCookie = true): Promise<number> => {
      const { settings: own, close } = await siteSettings(store.address)
      // How long a busy machine makes a command wait is not counted here.
      const site: Site = sojourn({ ...own, sessionStoreTimeout: 30, ...settings })
      const served: Served = await serve(
        sojournForNode(site).handle(async (request, response) => {
          const { url = '' } = request
          if (settings.sessionPrefetch === false && url !== '/untouched') await request.session.load()
          PAGES[url]?.(request.session)
          response.end('ok')
        }),
      )
      const client = new Client(served.origin)
      try {
        for (const each of ['/write', '/read', path]) expect((await client.get(each)).status).toBe(200)
        if (!withCookie) client.cookies.delete('sessionid')
        const before = await count(store)
        expect((await client.get(path)).status).toBe(200)
        return (await count(store)) - before
      } finally {
        client.close()
        await served.close()
        await site.close()
        await close()
      }
    }

    test('a page without a cookie costs none', async () => {
      expect(await cost('/untouched', {}, false)).toBe(0)
    })

    test('a page that does not touch the session costs none, where nothing is loaded ahead', async () => {
      expect(await cost('/untouched', { sessionPrefetch: false })).toBe(0)
    })

    test('a page that reads costs one', async () => {
      expect(await cost('/read')).toBe(1)
      expect(await cost('/read', { sessionPrefetch: false })).toBe(1)
    })

    test('a page that writes costs two, however often it writes', async () => {
      expect(await cost('/write')).toBe(2)
      expect(await cost('/ten')).toBe(2)
    })

    if (name !== 'redis' && name !== 'ioredis') return

    test('a page that reads and moves the end costs one', async () => {
      expect(await cost('/read', { sessionSaveEveryRequest: true })).toBe(1)
      expect(await cost('/write', { sessionSaveEveryRequest: true })).toBe(2)
    })

    test('a session with an end of its own costs one more, and ends then', async () => {
      const every = { sessionSaveEveryRequest: true, sessionCookieAge: 10_000 }
      expect(await cost('/short', every)).toBe(2)
      const ends = await redisCommands(store.address.cache as string, async (command) => {
        const keys = (await command('KEYS', '*')) as string[]
        return Promise.all(keys.map(async (key) => Number(await command('PTTL', key))))
      })
      expect(ends.filter((left) => left <= 60_000)).toHaveLength(1)
    })
  })
}
