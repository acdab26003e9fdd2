import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'sojourn/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { demoUsers } from '../../examples/site/users.js'
import {
  missingServer,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  type TestServer,
} from '../support/servers/index.js'
import type { ServerName } from '../support/servers/programs.js'
import { startSite } from './site-process.js'

const [ada] = demoUsers as [(typeof demoUsers)[0]]
const folder = mkdtempSync(join(tmpdir(), 'sojourn-site-'))
const table = `sqlite:${join(folder, 'db.sqlite3')}`

const starts: Readonly<Record<ServerName, () => Promise<TestServer>>> = {
  postgres: startPostgres,
  mariadb: startMariadb,
  redis: startRedis,
  memcached: startMemcached,
}
const running: Partial<Record<ServerName, Promise<TestServer>>> = {}

/** The private server of that name: one for this file. */
async function urlOf(name: ServerName): Promise<string> {
  running[name] ??= starts[name]()
  return (await running[name]).url
}

afterAll(async () => {
  await Promise.all(Object.values(running).map(async (server) => (await server)[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

interface Kind {
  readonly servers: readonly ServerName[]
  /** What `npm start` is given. */
  env(): Promise<Readonly<Record<string, string>>>
  /** What the page "this session" calls it. */
  readonly shown: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  PostgreSQL: {
    servers: ['postgres'],
    env: async () => ({ DATABASE_URL: await urlOf('postgres') }),
    shown: 'db (postgres)',
  },
  Redis: {
    servers: ['redis'],
    env: async () => ({ SESSION_ENGINE: 'cache', CACHE_URL: await urlOf('redis'), DATABASE_URL: table }),
    shown: 'cache (redis)',
  },
  Memcached: {
    servers: ['memcached'],
    env: async () => ({ SESSION_ENGINE: 'cache', CACHE_URL: await urlOf('memcached'), DATABASE_URL: table }),
    shown: 'cache (memcached)',
  },
  files: {
    servers: [],
    env: async () => ({ SESSION_ENGINE: 'file', SESSION_FILE_PATH: join(folder, 'sessions'), DATABASE_URL: table }),
    shown: 'file',
  },
  'cached_db on MariaDB and Redis': {
    servers: ['mariadb', 'redis'],
    env: async () => {
      const [DATABASE_URL, CACHE_URL] = await Promise.all([urlOf('mariadb'), urlOf('redis')])
      return { SESSION_ENGINE: 'cached_db', DATABASE_URL, CACHE_URL }
    },
    shown: 'cached_db (mysql, redis)',
  },
}

const absent: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  await Promise.all(
    Object.entries(KINDS).map(async ([name, { servers }]) => {
      const missing = await Promise.all(servers.map((server) => missingServer(server)))
      return [name, missing.find((each) => each !== undefined)]
    }),
  ),
)

const dataOf = async (visitor: Client): Promise<unknown> => (await visitor.get('/session.json')).json()['data']

describe.each(Object.entries(KINDS))('the demonstration on %s', (name, kind) => {
  const missing = absent[name]

  test.skipIf(missing !== undefined)(
    `a login and a cart outlive kill -9 of the site, its devices are known, logout ends it ${missing ?? ''}`,
    async () => {
      const env = { SECRET_KEY: 'a secret of the tests, of more than fifty characters in all', ...(await kind.env()) }
      const closing: (() => unknown)[] = []
      const visitorOf = ({ origin }: { readonly origin: string }): Client => {
        const visitor = new Client(origin)
        closing.push(() => visitor.close())
        return visitor
      }
      try {
        const first = await startSite(env)
        closing.push(() => first.kill())
        const before = visitorOf(first)
        await before.get('/')
        await before.post('/cart/add', { item: 'lantern' })
        await before.get('/login')
        expect((await before.post('/login', { ...ada })).status).toBe(303)
        const key = before.cookies.get('sessionid') as string
        await first.kill()

        const second = await startSite(env)
        closing.push(() => second.kill())
        const after = visitorOf(second)
        after.cookies.set('sessionid', key)
        expect(await dataOf(after)).toMatchObject({ cart: { lantern: 1 }, username: 'ada', _auth_user_id: '1' })
        const page = await after.get('/session')
        expect(page.text).toContain(`<code id="engine">${kind.shown}</code>`)
        expect(page.text).toContain('<dd id="consistency">all are kept</dd>')
        expect((await after.get('/devices')).text.match(/<li class="device" aria-current="true">/g)).toHaveLength(1)

        await after.post('/logout')
        after.cookies.set('sessionid', key)
        expect(await dataOf(after)).toEqual({})
      } finally {
        for (const close of closing.reverse()) await close()
      }
    },
  )
})
