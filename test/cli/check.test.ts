import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Driver from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/run.js'
import { openDatabase } from '../../src/databases/open.js'
import {
  missingServer,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  type TestServer,
} from '../support/servers/index.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-check-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function sojourn(args: readonly string[], env: Record<string, string> = {}) {
  const out: string[] = []
  const err: string[] = []
  const world = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) }
  const code = await run(args, { env: { SECRET_KEY: 'the-secret-key', ...env }, ...world })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const MIGRATE = "run 'sojourn migrate'"

test('check finds a folder of the file engine that is not there', async () => {
  const env = { SESSION_ENGINE: 'file', SESSION_FILE_PATH: join(folder, 'sessions') }
  const { code, out, err } = await sojourn(['check'], env)
  expect([code, out]).toEqual([1, expect.stringContaining('file: compare-and-set')])
  expect(err).toMatch(/sessionFilePath.*is not there: make it/)
  mkdirSync(env.SESSION_FILE_PATH)
  expect(await sojourn(['check'], env)).toMatchObject({ code: 0, err: '' })
  expect(readdirSync(env.SESSION_FILE_PATH)).toEqual([])
})

test('check makes no SQLite file, and says that there will be one', async () => {
  const path = join(folder, 'db.sqlite3')
  const { code, out, err } = await sojourn(['check'], { DATABASE_URL: `sqlite:${path}?synchronous=full` })
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain('db: compare-and-set')
  expect(out).toContain(`The file ${path} is not there yet`)
  expect(readdirSync(folder)).toEqual([])
})

test('check says nothing of a database in which no sessions are', async () => {
  const env = { DATABASE_URL: `sqlite:${join(folder, 'db.sqlite3')}`, SESSION_ENGINE: 'cache', CACHE_URL: 'locmem:' }
  const { code, out } = await sojourn(['check'], env)
  expect([code, out.split('\n').length]).toEqual([0, 1])
})

test('check finds a SQLite file that cannot be opened, or is none', async () => {
  const gone = await sojourn(['check', '--database', `sqlite:${join(folder, 'gone', 'db.sqlite3')}`])
  expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('cannot be opened') })
  const path = join(folder, 'text.sqlite3')
  writeFileSync(path, 'not a database at all, but long enough to be taken for one'.repeat(20))
  expect(await sojourn(['check', '--database', `sqlite:${path}`])).toMatchObject({
    code: 1,
    err: expect.stringContaining('not a database'),
  })
})

test('check is content with a SQLite file and its tables, and leaves them empty', async () => {
  const path = join(folder, 'db.sqlite3')
  const env = { DATABASE_URL: `sqlite:${path}`, SESSION_USER_INDEX: 'true' }
  await sojourn(['migrate'], env)
  for (const SESSION_ENGINE of ['db', 'signed_cookies']) {
    expect(await sojourn(['check'], { ...env, SESSION_ENGINE })).toMatchObject({ code: 0, err: '' })
  }
  const file = new Driver(path)
  for (const table of ['django_session', 'sojourn_session', 'sojourn_cutoff']) {
    expect(file.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get()).toBe(0)
  }
  file.close()
})

const UNREACHABLE = {
  postgres: { DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:1/shop' },
  mysql: { DATABASE_URL: 'mysql://shop:hunter2@127.0.0.1:1/shop' },
  redis: { SESSION_ENGINE: 'cache', CACHE_URL: 'redis://:hunter2@127.0.0.1:1' },
  memcached: { SESSION_ENGINE: 'cache', CACHE_URL: 'memcached://127.0.0.1:1' },
  'the cache of cached_db': { SESSION_ENGINE: 'cached_db', CACHE_URL: 'redis://:hunter2@127.0.0.1:1' },
  'the lists of signed cookies': {
    SESSION_ENGINE: 'signed_cookies',
    SESSION_USER_INDEX: 'true',
    DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:1/shop',
  },
}

test.each(Object.entries(UNREACHABLE))('check finds a server that is not there: %s', async (_, env) => {
  const path = join(folder, 'db.sqlite3')
  const { code, out, err } = await sojourn(['check'], { DATABASE_URL: `sqlite:${path}`, ...env })
  expect(code).toBe(1)
  expect(out).toMatch(/compare-and-set|nothing is stored/)
  expect(err).toMatch(/(?:ECONNREFUSED|no answer).*is the server up/)
  expect(err).not.toContain('hunter2')
  expect(readdirSync(folder)).toEqual([])
})

test('what a driver says of a host is not shown where it is a part of the password', async () => {
  const database = 'postgres://h/d?host=hunter2.invalid&password=hunter2'
  for (const command of ['migrate', 'check', 'clearsessions']) {
    for (const given of [
      await sojourn([command, '--database', database]),
      await sojourn([command], { DATABASE_URL: database }),
    ]) {
      expect(given.code).toBe(1)
      expect(given.err).toContain('***.invalid')
      expect(given.err).not.toContain('hunter2')
    }
  }
})

test('an error of a setting is told as it is, without advice about servers', async () => {
  const { code, err } = await sojourn(['check'], { SESSION_STORE_TIMEOUT: 'soon' })
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/SESSION_STORE_TIMEOUT must be .*, but it is the text 'soon'\.$/),
  ])
})

test('check does not wait for ever where nothing is said', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  const { code, err } = await sojourn(['check', '--database', `postgres://u@127.0.0.1:${port}/d`])
  expect([code, err]).toEqual([1, expect.stringContaining('Nothing answers there')])
  silent.close()
})

const DATABASES = { postgres: startPostgres, mariadb: startMariadb }
for (const name of ['postgres', 'mariadb'] as const) {
  const missing = await missingServer(name)
  describe.skipIf(missing !== undefined)(`on ${name} ${missing ?? ''}`, () => {
    test('check finds tables that are missing, and says what makes them', { timeout: 60_000 }, async () => {
      await using server: TestServer = await DATABASES[name]()
      const env = { DATABASE_URL: server.url, SESSION_USER_INDEX: 'true' }
      for (const SESSION_ENGINE of ['db', 'signed_cookies']) {
        const bare = await sojourn(['check'], { ...env, SESSION_ENGINE })
        expect(bare).toMatchObject({ code: 1, err: expect.stringContaining(MIGRATE) })
      }
      await sojourn(['migrate'], env)
      for (const SESSION_ENGINE of ['db', 'signed_cookies']) {
        expect(await sojourn(['check'], { ...env, SESSION_ENGINE })).toMatchObject({ code: 0, err: '' })
      }
      const database = openDatabase(server.url, { useTz: true, timeZone: 'UTC' })
      await database.execute('DROP TABLE sojourn_session')
      await database.close()
      expect((await sojourn(['check'], env)).err).toContain(MIGRATE)
      expect(await sojourn(['check'], { DATABASE_URL: server.url })).toMatchObject({ code: 0, err: '' })
      const elsewhere = await sojourn(['check'], { DATABASE_URL: `${server.url}_none` })
      expect(elsewhere).toMatchObject({ code: 1, err: expect.stringContaining('no database of that name') })
    })
  })
}

const noMemcached = await missingServer('memcached')
test.skipIf(noMemcached !== undefined)(
  `a first connection that fails is tried once more ${noMemcached ?? ''}`,
  async () => {
    await using server = await startMemcached()
    let connections = 0
    const flaky = createServer((socket) => {
      socket.on('error', () => undefined)
      if (connections++ === 0) socket.destroy()
      else socket.pipe(connect(server.port, '127.0.0.1')).pipe(socket)
    })
    await new Promise<void>((resolve) => flaky.listen(0, '127.0.0.1', resolve))
    const { port } = flaky.address() as { port: number }
    const env = { SESSION_ENGINE: 'cache', CACHE_URL: `memcached://127.0.0.1:${port}` }
    expect(await sojourn(['check'], env)).toMatchObject({ code: 0, err: '' })
    expect(connections).toBe(2)
    flaky.close()
  },
)

const CACHES = { redis: startRedis, memcached: startMemcached }
for (const name of ['redis', 'memcached'] as const) {
  const missing = await missingServer(name)
  test.skipIf(missing !== undefined)(`check is content with a ${name} that answers ${missing ?? ''}`, async () => {
    await using server: TestServer = await CACHES[name]()
    const env = { CACHE_URL: server.url, DATABASE_URL: 'sqlite::memory:' }
    for (const SESSION_ENGINE of ['cache', 'cached_db']) {
      expect(await sojourn(['check'], { ...env, SESSION_ENGINE })).toMatchObject({ code: 0, err: '' })
    }
  })
}
