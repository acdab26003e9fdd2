import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import callbacks from 'mysql2'
import promises from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../src/databases/database.js'
import { insertNew } from '../../src/databases/database.js'
import { isMysqlHandle, type MysqlPool, mysql } from '../../src/databases/mysql.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { startMariadb, type TestServer } from '../support/servers/index.js'

let server: TestServer
let url = ''
let root: promises.Pool
const opened: Database[] = []
const ended: (() => Promise<void>)[] = []

beforeAll(async () => {
  server = await startMariadb()
  url = server.url
  root = promises.createPool(url)
}, 60_000)
afterAll(async () => {
  await root?.end()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await root.query('DROP TABLE IF EXISTS t')
  await root.query('CREATE TABLE t (id varchar(20) PRIMARY KEY, text longtext, at datetime(6), number int)')
})
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close()
  for (const end of ended.splice(0)) await end()
})

function open(source: string | MysqlPool = url, ...rules: [Parameters<typeof mysql>[1]?]): Database {
  const database = mysql(source, ...rules)
  opened.push(database)
  return database
}

const insert = insertNew('mysql', 't (id, text)', '(?1, ?2)')

/** Every way to hand over a database, each set up so that it would misread a moment or miscount a row. */
const contrary = { timezone: '+05:00', flags: ['-FOUND_ROWS'], rowsAsArray: true, bigNumberStrings: true }
const wayward = { ...contrary, supportBigNumbers: true, typeCast: (): string => 'cast by the site' }
const sources = {
  'a URL': async (): Promise<string> => url,
  'a pool of callbacks': async () => {
    const pool = callbacks.createPool({ uri: url, ...contrary })
    ended.push(() => pool.promise().end())
    return pool
  },
  'a pool of promises': async () => {
    const pool = promises.createPool({ uri: url, ...wayward })
    ended.push(() => pool.end())
    return pool
  },
  'a connection of callbacks': async () => {
    const connection = callbacks.createConnection({ uri: url, ...wayward })
    ended.push(() => connection.promise().end())
    return connection
  },
  'a connection of promises': async () => {
    const connection = await promises.createConnection({ uri: url, ...contrary })
    ended.push(() => connection.end())
    return connection
  },
}

describe.each(Object.entries<() => Promise<string | MysqlPool>>(sources))('%s', (_, source) => {
  test('gives texts, numbers and nothing as they are, by name', async () => {
    const database = open(await source())
    const write = database.prepare('INSERT INTO t (id, text, number) VALUES (?1, ?2, ?3)')
    const text = "a 'quote', a \\ and a \u{1F600} with \0"
    expect(await write.run('a', text, 7)).toBe(1)
    expect(await write.run('b', null, null)).toBe(1)
    const read = database.prepare('SELECT id, text, at, number FROM t WHERE id = ?1')
    expect({ ...(await read.get('a')) }).toEqual({ id: 'a', text, at: null, number: 7 })
    expect(await read.get('c')).toBeUndefined()
    expect(await database.prepare('SELECT id FROM t ORDER BY id').all()).toMatchObject([{ id: 'a' }, { id: 'b' }])
  })

  test('keeps moments in UTC, whatever zone the driver and the process believe in', async () => {
    const database = open(await source())
    const ms = Date.UTC(2031, 4, 6, 7, 8, 9, 250)
    await database.prepare('INSERT INTO t (id, at) VALUES (?1, ?2)').run('a', database.fromMoment(ms))
    const [[stored]] = await root.query<promises.RowDataPacket[][]>('SELECT CAST(at AS CHAR) AS at FROM t')
    expect(stored).toEqual({ at: '2031-05-06 07:08:09.250000' })
    const row = await database.prepare('SELECT at FROM t').get()
    expect(database.toMoment(row?.['at'])).toBe(ms)
  })

  test('counts the rows that matched, changed or not', async () => {
    const database = open(await source())
    for (const id of ['a', 'b', 'c']) await database.prepare(insert).run(id, 'x')
    const update = database.prepare('UPDATE t SET text = ?1 WHERE id < ?2')
    expect(await update.run('x', 'c')).toBe(2)
    expect(await update.run('1', 'd')).toBe(3)
    expect(await update.run('1', 'a')).toBe(0)
    expect(await database.prepare('DELETE FROM t WHERE id < ?1').run('c')).toBe(2)
  })

  test('an insertion whose key is taken is no row, and any other refusal an error', async () => {
    const database = open(await source())
    expect(await database.prepare(insert).run('a', 'x')).toBe(1)
    expect(await database.prepare(insert).run('a', 'y')).toBe(0)
    expect(await database.prepare('INSERT IGNORE INTO t (id) VALUES (?1)').run('a')).toBe(0)
    expect(await database.prepare('SELECT text FROM t').all()).toMatchObject([{ text: 'x' }])
    await expect(database.prepare(insert).run('a'.repeat(21), 'y')).rejects.toMatchObject({ code: 'ER_DATA_TOO_LONG' })
  })

  test('is closed only if it was opened here', async () => {
    const given = await source()
    const database = open(given)
    await database.execute('DO 1')
    await database.close()
    if (typeof given === 'string') return
    expect(await open(given).prepare('SELECT 1 AS one').get()).toMatchObject({ one: 1 })
  })
})

describe('where autocommit is off', () => {
  test('for everybody, our own connections have it on', async () => {
    await root.query('SET GLOBAL autocommit = 0')
    try {
      expect(await open().prepare(insert).run('a', 'x')).toBe(1)
    } finally {
      await root.query('SET GLOBAL autocommit = 1')
    }
    expect(await open().prepare('SELECT id FROM t').all()).toHaveLength(1)
  })

  test.each(['SET autocommit = 0', 'BEGIN'])(
    "on the site's connection, a write that may not last is an error: %s",
    async (sql) => {
      const connection = await promises.createConnection(url)
      ended.push(() => connection.end())
      const database = open(connection)
      expect(await database.prepare(insert).run('a', 'x')).toBe(1)
      await connection.query(sql)
      await expect(database.prepare(insert).run('b', 'x')).rejects.toThrow(ImproperlyConfigured)
      expect(await database.prepare('SELECT 1 AS one').get()).toMatchObject({ one: 1 })
    },
  )
})

describe('a statement', () => {
  test('takes its values in any order, and one twice', async () => {
    const database = open()
    const row = await database.prepare('SELECT ?2 AS b, ?1 AS a, ?2 AS c').get('x', 'y')
    expect(row).toMatchObject({ a: 'x', b: 'y', c: 'y' })
  })

  test('takes a list of any length', async () => {
    const database = open()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await database.prepare(insert).run(id, id === 'e' ? 'no' : 'yes')
    const read = database.prepare('SELECT id FROM t WHERE id IN (?1) AND text = ?2 ORDER BY id')
    const ids = async (...list: string[]): Promise<unknown[]> => (await read.all(list, 'yes')).map(({ id }) => id)
    expect(await ids('c', 'a', 'b')).toEqual(['a', 'b', 'c'])
    expect(await ids('e', 'd', 'nobody', 'a', 'a')).toEqual(['a', 'd'])
    expect(await ids()).toEqual([])
  })

  test('is never made of its values, though backslashes mean nothing and quotes everything', async () => {
    const pool = callbacks.createPool(url)
    ended.push(() => pool.promise().end())
    pool.on('connection', (connection) =>
      connection.query("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,STRICT_ALL_TABLES'"),
    )
    const database = open(pool)
    const evil = "\\' OR 1 = 1 -- "
    await database.prepare(insert).run('a', 'x')
    expect(await database.prepare('SELECT id FROM t WHERE text = ?1').all(evil)).toEqual([])
  })

  test('that is refused does not repeat its values', async () => {
    await root.query('CREATE OR REPLACE TABLE t (id varchar(20) PRIMARY KEY, text varchar(20) CHARACTER SET latin1)')
    const database = open()
    const refused = database.prepare(insert).run('a', 'secret \u{1F600}')
    await expect(refused).rejects.toMatchObject({ errno: 1366, message: expect.not.stringContaining('secret') })
    await database.prepare(insert).run('secret', 'x')
    await database.prepare(insert).run('b', 'x')
    const moved = database.prepare('UPDATE t SET id = ?1 WHERE id = ?2').run('secret', 'b')
    await expect(moved).rejects.toMatchObject({ errno: 1062, message: expect.not.stringContaining('secret') })
  })
})

test('without USE_TZ a moment is what the clocks of the site show, on both sides of their change', () => {
  const database = open(url, { useTz: false, timeZone: 'America/Chicago' })
  const summer = Date.UTC(2031, 2, 9, 8) // 03:00, an hour after 01:59:59
  expect(database.fromMoment(summer - 1000)).toBe('2031-03-09 01:59:59')
  expect(database.fromMoment(summer)).toBe('2031-03-09 03:00:00')
  for (const ms of [summer - 1000, summer, Date.UTC(2031, 10, 2, 5, 59), Date.UTC(2031, 10, 2, 8)]) {
    expect(database.toMoment(database.fromMoment(ms))).toBe(ms)
  }
  expect(database.toMoment(null)).toBeNull()
  expect(database.toMoment('0000-00-00 00:00:00')).toBeNull()
})

describe('a URL', () => {
  test('may say mariadb, and name a socket', async () => {
    const path = encodeURIComponent(`${server.folder}/socket`)
    const database = open(`mariadb://root@localhost/sojourn?socketPath=${path}&connectionLimit=2`)
    expect(await database.prepare("SELECT @@hostname <> '' AS is_there").get()).toMatchObject({ is_there: 1 })
  })

  test.each([
    'mysql://root:secret@127.0.0.1',
    'mysql://root:secret@127.0.0.1/x?connectionLimit=0',
    'mysql://root:secret@127.0.0.1/x?multipleStatements=true',
    'mysql://root:secret@127.0.0.1:x/x',
  ])('with a mistake is a wrong setting, and its password is not told: %s', async (wrong) => {
    const refused = open(wrong).execute('DO 1')
    await expect(refused).rejects.toThrow(ImproperlyConfigured)
    await expect(refused).rejects.not.toThrow(/secret/)
  })

  test('without the driver says what to install', async () => {
    vi.doMock('mysql2', () => {
      throw new Error('not installed')
    })
    try {
      await expect(open().execute('DO 1')).rejects.toThrow(/npm install mysql2/)
    } finally {
      vi.doUnmock('mysql2')
    }
  })

  test('opens as many connections as it says, however many statements there are', async () => {
    const database = open(`${url}?connectionLimit=3`)
    const sleep = database.prepare('SELECT CONNECTION_ID() AS id, SLEEP(0.01)')
    const rows = await Promise.all(Array.from({ length: 12 }, () => sleep.get()))
    expect(new Set(rows.map((row) => row?.['id'])).size).toBe(3)
  })
})

test('a handle is a pool or a connection of mysql2, in either flavour, and nothing else', async () => {
  for (const source of Object.values<() => Promise<string | MysqlPool>>(sources)) {
    const handle = await source()
    if (typeof handle !== 'string') expect(isMysqlHandle(handle)).toBe(true)
  }
  expect([{}, new Map(), { query: () => 1 }, { execute: 1, query: 2, config: {} }].some(isMysqlHandle)).toBe(false)
})

describe('when the server', () => {
  const alive = 'SELECT 1 AS one'

  test.each([
    ['and nobody asked meanwhile', false],
    ['and was asked meanwhile', true],
  ])(
    'was killed and started, %s: the next statements succeed, reads and writes',
    async (_, asked) => {
      const database = open(`${url}?connectTimeout=1000&queryTimeout=1000`)
      const read = database.prepare('SELECT SLEEP(0.02)')
      await Promise.all(Array.from({ length: 10 }, () => read.get()))
      await server.kill()
      if (asked) await expect(database.prepare(alive).get()).rejects.toThrow()
      await server.start()
      const began = performance.now()
      const reads = Array.from({ length: 10 }, () => database.prepare(alive).get())
      const [written] = await Promise.all([database.prepare(insert).run('a', 'x'), ...reads])
      expect(written).toBe(1)
      expect(performance.now() - began).toBeLessThan(1000)
    },
    30_000,
  )

  test('is away, it is asked at most some ten times a second, and statements fail soon', async () => {
    let connects = 0
    const closing = createServer((socket) => {
      connects++
      socket.destroy()
    })
    closing.listen(0, '127.0.0.1')
    await once(closing, 'listening')
    const { port } = closing.address() as { port: number }
    const database = open(`mysql://root@127.0.0.1:${port}/sojourn?connectionLimit=2`)
    const until = performance.now() + 600
    let slowest = 0
    while (performance.now() < until) {
      const began = performance.now()
      const all = await Promise.allSettled(Array.from({ length: 20 }, () => database.prepare(alive).get()))
      expect(all.every(({ status }) => status === 'rejected')).toBe(true)
      slowest = Math.max(slowest, performance.now() - began)
    }
    closing.close()
    expect(slowest).toBeLessThan(450)
    expect(connects).toBeLessThan(12)
  })

  test.each<[string, () => Promise<string | MysqlPool>]>([
    ['a URL', sources['a URL']],
    ['a pool', sources['a pool of promises']],
    ['a connection', sources['a connection of callbacks']],
  ])(
    'hangs, a statement fails in time, and its late answer is nobody else’s, and no refused write comes after it: %s',
    async (_, source) => {
      const database = open(await source())
      const say = database.prepare('SELECT ?1 AS said')
      expect(await say.get('before')).toMatchObject({ said: 'before' })
      server.pause()
      await expect.poll(() => readFileSync(`/proc/${server.pid}/stat`, 'latin1')).toMatch(/\) T /)
      const began = performance.now()
      try {
        await expect(say.get('lost')).rejects.toThrow(/No answer .* within 500 ms/)
        await expect(database.prepare(insert).run('late', 'x')).rejects.toThrow(/No connection|ETIMEDOUT/)
        expect(performance.now() - began).toBeLessThan(1300)
      } finally {
        server.resume()
      }
      await expect
        .poll(() => Promise.resolve(say.get('after')).catch(String), { timeout: 1000 })
        .toMatchObject({ said: 'after' })
      expect(await database.prepare('SELECT id FROM t').all()).toEqual([])
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((each) => say.get(each)))
      expect(answers).toMatchObject([{ said: 'a' }, { said: 'b' }, { said: 'c' }, { said: 'd' }])
    },
  )

  test('kills or times out idle connections, nothing crashes, and the next statement has another one', async () => {
    const database = open(`${url}?connectionLimit=1`)
    const id = async (): Promise<number> =>
      Number((await database.prepare('SELECT CONNECTION_ID() AS id').get())?.['id'])
    const first = await id()
    await root.query(`KILL ${first}`)
    const second = await id()
    expect(second).not.toBe(first)
    await database.execute('SET SESSION wait_timeout = 1')
    await wait(1500)
    expect(await database.prepare(insert).run('a', 'x')).toBe(1)
    expect(await id()).not.toBe(second)
  })

  test('kills a connection in the middle, that is an error of this statement only', async () => {
    const database = open(`${url}?connectionLimit=1&queryTimeout=5000`)
    const id = Number((await database.prepare('SELECT CONNECTION_ID() AS id').get())?.['id'])
    const slow = database.prepare('UPDATE t SET text = SLEEP(3) WHERE id = ?1')
    await database.prepare(insert).run('a', 'x')
    const outcome = Promise.resolve(slow.run('a')).then(String, String)
    await expect.poll(() => busy(id)).toBe(true)
    await root.query(`KILL ${id}`)
    expect(await outcome).toMatch(/lost|killed|closed|reset/i)
    expect(await database.prepare('SELECT text FROM t').get()).toMatchObject({ text: 'x' })
  })

  test('refuses writes, a write is an error and a read is not', async () => {
    await root.query("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY ''")
    await root.query("GRANT ALL ON sojourn.* TO reader@'127.0.0.1'")
    const database = open(url.replace('root', 'reader'))
    await root.query('SET GLOBAL read_only = ON')
    try {
      await expect(database.prepare(insert).run('a', 'x')).rejects.toMatchObject({ errno: 1290 })
      expect(await database.prepare(alive).get()).toMatchObject({ one: 1 })
    } finally {
      await root.query('SET GLOBAL read_only = OFF')
    }
    expect(await database.prepare(insert).run('a', 'x')).toBe(1)
  })
})

describe('between us and the server', () => {
  test('a connection breaks under a read: it is asked again; under a write: nobody knows, so it fails and is done once', async () => {
    const line = await breakable()
    const database = open(line.url)
    await database.prepare('SELECT ?1 AS said').get('x')
    const add = database.prepare('UPDATE t SET number = number + 1 WHERE id = ?1')
    await root.query("INSERT INTO t (id, number) VALUES ('a', 0)")
    await add.run('a')
    line.breakAtNextAnswer()
    expect(await database.prepare('SELECT ?1 AS said').get('y')).toMatchObject({ said: 'y' })
    await add.run('a')
    line.breakAtNextAnswer()
    await expect(add.run('a')).rejects.toThrow()
    expect(await database.prepare('SELECT number FROM t').get()).toMatchObject({ number: 3 })
    await line.close()
  })

  test('a connection falls silent: one statement fails, and the next one has another connection', async () => {
    const line = await breakable()
    const database = open(`${line.url}?connectionLimit=1`)
    const say = database.prepare('SELECT ?1 AS said')
    await say.get('before')
    line.silence()
    await expect(say.get('lost')).rejects.toThrow(/No answer .* within 500 ms/)
    expect(await say.get('after')).toMatchObject({ said: 'after' })
    expect(line.open()).toBe(1)
    line.silence()
    const lost = Promise.resolve(say.get('lost')).catch(String)
    const began = performance.now()
    await database.close()
    expect(performance.now() - began).toBeLessThan(700)
    expect(await lost).toMatch(/No answer|closed/)
    await line.close()
  })
})

test('a deadlock’s victim did nothing, and is sent again', async () => {
  const database = open(`${url}?queryTimeout=5000`)
  await root.query("INSERT INTO t (id, number) VALUES ('a', 0), ('b', 0)")
  const other = await root.getConnection()
  await other.query('SET SESSION innodb_lock_wait_timeout = 5')
  await other.beginTransaction()
  // Holds b with more work behind it than the statement below, so that that one is the victim.
  await other.query("UPDATE t SET number = number + 10, text = 'x' WHERE id = 'b'")
  await other.query("INSERT INTO t (id) VALUES ('p'), ('q'), ('r'), ('s')")
  const both = database.prepare("UPDATE t SET number = number + 1 WHERE id IN ('a', 'b')").run()
  await expect.poll(async () => (await lockWaits()) > 0, { interval: 200, timeout: 4000 }).toBe(true) // InnoDB remembers for 0.1 s
  await other.query("UPDATE t SET number = number + 10 WHERE id = 'a'")
  await other.commit()
  other.release()
  expect(await both).toBe(2)
  const rows = await database.prepare("SELECT number FROM t WHERE id IN ('a', 'b')").all()
  expect(rows).toMatchObject([{ number: 11 }, { number: 11 }])
})

async function busy(id: number): Promise<boolean> {
  const [rows] = await root.query<promises.RowDataPacket[]>(
    "SELECT 1 FROM information_schema.processlist WHERE id = ? AND state = 'User sleep'",
    [id],
  )
  return rows.length > 0
}

async function lockWaits(): Promise<number> {
  const [rows] = await root.query<promises.RowDataPacket[]>(
    "SELECT COUNT(*) AS n FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
  )
  return Number(rows[0]?.['n'])
}

interface Line {
  readonly url: string
  breakAtNextAnswer(): void
  /** From now on no answer comes on the connections there are; new ones work. */
  silence(): void
  /** How many connections our side holds. */
  open(): number
  close(): Promise<void>
}

/** A way to the server that hands a statement on and, when told to, cuts before its answer comes back. */
async function breakable(): Promise<Line> {
  let cut = false
  const clients = new Map<Socket, Socket>()
  const proxy = createServer((client) => {
    const target = connect(server.port, '127.0.0.1')
    clients.set(client, target)
    for (const socket of [client, target]) socket.on('error', () => undefined)
    client.on('data', (bytes) => target.write(bytes))
    client.on('close', () => {
      clients.delete(client)
      target.destroy()
    })
    target.on('close', () => client.destroy())
    target.on('data', (bytes) => {
      if (!cut) return client.write(bytes)
      cut = false
      return client.destroy()
    })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as { port: number }
  return {
    url: url.replace(`:${server.port}`, `:${port}`),
    breakAtNextAnswer: () => (cut = true),
    silence: () => {
      for (const target of clients.values()) target.removeAllListeners('data').on('data', () => undefined)
    },
    open: () => clients.size,
    async close() {
      for (const socket of clients.keys()) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}
