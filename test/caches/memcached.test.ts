import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Cache, Stored } from '../../src/caches/cache.js'
import { type MemcachedOptions, memcached } from '../../src/caches/memcached.js'
import { ImproperlyConfigured, SessionTooLarge, SojournError, StoreUnavailable } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { startMemcached, type TestServer } from '../support/servers/index.js'
import { until } from '../support/servers/until.js'
import { describeCache } from './claims.js'
import { type FakeAnswers, type FakeMemcached, fakeMemcached } from './fake-memcached.js'

let server: TestServer
/** Another one, with little memory. */
let small: TestServer
const closing: Cache[] = []

beforeAll(async () => {
  server = await startMemcached()
  small = await startMemcached({ arguments: ['-m', '2'] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await small[Symbol.asyncDispose]()
})
afterEach(async () => {
  await Promise.all(closing.splice(0).map((cache) => cache.close()))
})

/** For tests that are not about time, on a machine that is busy with others. */
const PATIENT: MemcachedOptions = { timeout: 5, connectTimeout: 2 }

function open(source: string | readonly string[] = server.url, options = PATIENT): Cache {
  const cache = memcached(source, options)
  closing.push(cache)
  return cache
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const inAMinute = (): number => Date.now() + 60_000
let keys = 0
const newKey = (): string => `:1:key${++keys}`

/** The error of an operation, and how many milliseconds it took; fails where there is none. */
async function failureOf(operation: unknown): Promise<{ error: SojournError; took: number }> {
  const begin = performance.now()
  try {
    await operation
  } catch (error) {
    expect(error).toBeInstanceOf(SojournError)
    return { error: error as SojournError, took: performance.now() - begin }
  }
  throw new Error('It did not fail.')
}

/** What the server itself answers to a command. */
async function tell(command: string, { port } = server): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  socket.end(`${command}\r\nquit\r\n`)
  let text = ''
  for await (const piece of socket) text += piece
  return text
}

/** Until each of its threads stands still: one may answer for some time after the signal. */
async function freeze(): Promise<void> {
  server.pause()
  await until('it stands still', async () => {
    const threads = await readdir(`/proc/${server.pid}/task`)
    const states = await Promise.all(threads.map((id) => readFile(`/proc/${server.pid}/task/${id}/stat`, 'latin1')))
    return states.every((state) => / T /.test(state))
  })
}

async function counters(...names: string[]): Promise<number[]> {
  const text = await tell('stats')
  return names.map((name) => Number(new RegExp(`^STAT ${name} (\\d+)\r$`, 'm').exec(text)?.[1]))
}

describeCache(() => open())

describe('through a socket file', () => {
  test('it is the same cache', async () => {
    const path = join(server.folder, 'socket')
    const door = createServer((socket) => {
      const inside = connect(server.port, '127.0.0.1')
      socket.on('error', () => inside.destroy())
      socket.pipe(inside).pipe(socket)
    })
    door.listen(path)
    await once(door, 'listening')
    const key = newKey()
    const cache = open(`memcached://${path}`)
    await cache.add(key, bytes('a'), inAMinute())
    expect((await open().get(key))?.value).toEqual(bytes('a'))
    await cache.close()
    door.close()
  })
})

describe('what the server is asked', () => {
  test('is one command for each operation', async () => {
    const cache = open()
    const key = newKey()
    const names = ['cmd_get', 'cmd_set', 'cmd_touch', 'cas_hits', 'cas_badval', 'delete_hits', 'total_connections']
    await cache.has(key)
    const before = await counters(...names)
    const { version } = (await cache.add(key, bytes('a'), inAMinute())) as Stored
    await cache.get(key)
    await cache.replace(key, bytes('b'), inAMinute(), version)
    await cache.replace(key, bytes('c'), inAMinute(), version)
    await cache.touch(key, inAMinute())
    await cache.has(key)
    await cache.delete(key)
    const after = await counters(...names)
    // A touch is no look. The one connection more is that of the counting itself.
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([2, 3, 1, 1, 1, 1, 1])
  })

  test('is written in one piece by all that ask in one turn', async () => {
    const pieces: string[] = []
    await using fake = await fakeMemcached({
      answer: (socket, piece) => {
        pieces.push(piece)
        socket.write('EN\r\n'.repeat(piece.split('\r\n').length - 1))
      },
    })
    const cache = open(fake.url)
    await cache.get('first')
    pieces.length = 0
    await Promise.all(['a', 'b', 'c'].map((key) => cache.get(key)))
    expect(pieces).toEqual(['mg a c f t v\r\nmg b c f t v\r\nmg c c f t v\r\n'])
  })

  test('are seconds, rounded up, and beyond thirty days a moment', async () => {
    const clock = testClock('2026-01-01T00:00:00Z')
    const lifetimes: (string | undefined)[] = []
    await using fake = await fakeMemcached({
      answer: (socket, piece) => {
        lifetimes.push(/ T(-?\d+)/.exec(piece)?.[1])
        socket.write('EN\r\n')
      },
    })
    const cache = open(fake.url, { ...PATIENT, clock })
    const ends = [0.001, 1, 1.001, 2_592_000, 2_592_000.001, 1e10, 0, -5]
    for (const seconds of ends) await cache.touch('key', clock() + seconds * 1000)
    const absolute = clock() / 1000 + 2_592_001
    expect(lifetimes).toEqual(['1', '1', '2', '2592000', `${absolute}`, '2147483647', '-1', '-1'])
  })
})

describe('what the server forgets', () => {
  test('is a miss: at its end', async () => {
    const cache = open()
    const key = newKey()
    await cache.add(key, bytes('a'), Date.now() + 1500)
    await until('the value is past its end', async () => (await cache.get(key)) === null)
    expect(await cache.has(key)).toBe(false)
  })

  test('is a miss: after flush_all', async () => {
    const cache = open()
    const key = newKey()
    const { version } = (await cache.add(key, bytes('a'), inAMinute())) as Stored
    expect(await tell('flush_all')).toContain('OK')
    expect(await cache.get(key)).toBeNull()
    expect(await cache.replace(key, bytes('b'), inAMinute(), version)).toBe('missing')
  })

  test('is a miss: after an eviction', async () => {
    const cache = open(small.url)
    const mine = Array.from({ length: 4000 }, newKey)
    for (const key of mine) await cache.add(key, Buffer.alloc(4000, 'x'), inAMinute())
    expect(await tell('stats', small)).toMatch(/STAT evictions [1-9]/)
    const found = await Promise.all(mine.slice(0, 500).map((key) => cache.get(key)))
    expect(found).toContain(null)
    expect(await cache.get(mine.at(-1) as string)).toMatchObject({ value: Buffer.alloc(4000, 'x') })
  })
})

describe('a value', () => {
  test('over a megabyte is refused before it is sent, and what is there stays', async () => {
    const cache = open()
    const key = newKey()
    const { version } = (await cache.add(key, bytes('a'), inAMinute())) as Stored
    for (const size of [1_048_576 - 100, 1_048_576, 5_000_000]) {
      const { error } = await failureOf(cache.replace(key, Buffer.alloc(size), inAMinute(), version))
      expect(error).toBeInstanceOf(SessionTooLarge)
      expect(error.message).toMatch(/1048576 bytes/)
    }
    expect(await cache.get(key)).toMatchObject({ value: bytes('a'), version })
  })

  test('may be as large as the server says', async () => {
    await using large = await startMemcached({ arguments: ['-I', '3m'] })
    const cache = open(large.url)
    const value = Buffer.alloc(3_000_000, 'abcdefg')
    await cache.add('large', value, inAMinute())
    expect(Buffer.compare((await cache.get('large'))?.value ?? bytes(''), value)).toBe(0)
    await cache.close()
  })

  test.each([0, 2, 8, 9, 16])('with the flags %i of another client is an error, not a miss', async (flags) => {
    const key = newKey()
    await tell(`set ${key} ${flags} 60 1\r\na`)
    const { error } = await failureOf(open().get(key))
    expect(error).toBeInstanceOf(ImproperlyConfigured)
    expect(error.message).toContain(`flags ${flags}, not 1`)
    expect((await open(server.url, { ...PATIENT, flags }).get(key))?.value).toEqual(bytes('a'))
  })

  test('without an end has none', async () => {
    const key = newKey()
    await tell(`set ${key} 1 0 1\r\na`)
    expect(Object.keys((await open().get(key)) ?? {})).toEqual(['value', 'version'])
  })
})

describe('a version', () => {
  test.each([{}, 7, '', '1 2', '1\r\nflush_all'])('that never came from here, %j, is refused', async (version) => {
    const cache = open()
    await expect(cache.replace('key', bytes('a'), inAMinute(), version)).rejects.toThrow(TypeError)
    await expect(cache.delete('key', version)).rejects.toThrow(TypeError)
  })
})

describe('a server that ends', () => {
  test('is an error at once, with another attempt ten times a second at most, and found within a second', async () => {
    const cache = open(server.url, {})
    const key = newKey()
    await cache.add(key, bytes('a'), inAMinute())
    await server.kill()
    const times: number[] = []
    const stop = performance.now() + 1000
    while (performance.now() < stop) {
      const { error, took } = await failureOf(cache.get(key))
      expect(error).toBeInstanceOf(StoreUnavailable)
      times.push(took)
      await wait(5)
    }
    times.sort((a, b) => a - b)
    expect(times.length).toBeGreaterThan(20)
    expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(50)
    expect(times.at(-1)).toBeLessThan(400)
    await server.start()
    const begin = performance.now()
    await until('it is found again', async () => typeof (await cache.has(key)) === 'boolean')
    expect(performance.now() - begin).toBeLessThan(1000)
    // It forgot everything, and says so itself.
    expect(await cache.get(key)).toBeNull()
  })

  test('and is back before anybody asks is asked as ever', async () => {
    const cache = open()
    await cache.has('key')
    await server.kill()
    await server.start()
    await wait(100)
    expect(await cache.get('key')).toBeNull()
  })

  test('fails what waits for it', async () => {
    const cache = open(server.url, {})
    await cache.has('key')
    await freeze()
    const failures = Promise.all([1, 2, 3].map((i) => failureOf(cache.get(`key${i}`))))
    await wait(50)
    await server.kill()
    for (const { error, took } of await failures) {
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(took).toBeLessThan(450)
    }
    await server.start()
  })
})

describe('a server that is silent', () => {
  test('fails all that wait after half a second, and its late replies reach nobody', async () => {
    const cache = open(server.url, {})
    const [mine, other] = [newKey(), newKey()]
    await cache.add(mine, bytes('mine'), inAMinute())
    await cache.add(other, bytes('other'), inAMinute())
    await freeze()
    try {
      const first = await Promise.all([1, 2, 3].map(() => failureOf(cache.get(other))))
      for (const { error, took } of first) {
        expect(error.message).toMatch(/did not answer within 500 ms/)
        expect(took).toBeGreaterThan(450)
        expect(took).toBeLessThan(800)
      }
      // Nor does the next one wait long: the kernel accepts the connection, and nobody greets.
      const { error, took } = await failureOf(cache.get(other))
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(took).toBeLessThan(400)
    } finally {
      server.resume()
    }
    const begin = performance.now()
    await until('it answers again', async () => typeof (await cache.has(mine)) === 'boolean')
    expect(performance.now() - begin).toBeLessThan(1000)
    const got = await Promise.all(Array.from({ length: 20 }, (_, i) => cache.get(i % 2 === 0 ? mine : other)))
    expect(got.map((cached) => Buffer.from(cached?.value ?? []).toString())).toEqual(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'mine' : 'other')),
    )
  })

  test('is not one that answered while this process was busy', async () => {
    const cache = open(server.url, {})
    await cache.has('key')
    const asked = ['a', 'b', 'c'].map((key) => cache.get(key))
    // Sent in this turn, and not yet answered.
    await new Promise(setImmediate)
    const until = performance.now() + 700
    while (performance.now() < until) Math.random()
    expect(await Promise.all(asked)).toEqual([null, null, null])
  })

  test('fails each that waits in its time, though others were answered', async () => {
    let commands = 0
    await using fake = await fakeMemcached({ answer: (socket) => ++commands < 3 && socket.write('EN\r\n') })
    const cache = open(fake.url, { timeout: 0.2 })
    await cache.get('a')
    const answered = cache.get('b')
    await wait(100)
    const begin = performance.now()
    const failing = failureOf(cache.get('c'))
    expect(await answered).toBeNull()
    expect((await failing).error.message).toMatch(/did not answer within 200 ms/)
    expect(performance.now() - begin).toBeLessThan(400)
    await until('its connection is gone', async () => fake.open() === 0)
  })

  test('has a thousand waiting at most', async () => {
    await using fake = await fakeMemcached({ answer: () => {} })
    const cache = open(fake.url, { timeout: 0.2 })
    const all = await Promise.allSettled(Array.from({ length: 1100 }, () => cache.has('key')))
    const reasons = all.map((one) => (one.status === 'rejected' ? (one.reason as Error).message : 'answered'))
    expect(reasons.filter((reason) => /1000 operations waiting/.test(reason))).toHaveLength(100)
    expect(fake.received().match(/mg key/g)).toHaveLength(1000)
  })

  test('that is only slow at times keeps its connection', async () => {
    await using fake = await fakeMemcached({ answer: (socket) => setTimeout(() => socket.write('EN\r\n'), 120) })
    const cache = open(fake.url, { timeout: 0.2 })
    for (let i = 0; i < 4; i++) expect(await cache.get('key')).toBeNull()
    expect(fake.connections).toHaveLength(1)
  })
})

describe('an answer', () => {
  const faking = (answers: FakeAnswers): Promise<FakeMemcached> => fakeMemcached(answers)

  test.each([
    ['an error of the server', 'SERVER_ERROR busy\r\n', /answered SERVER_ERROR/],
    ['an error of ours', 'CLIENT_ERROR bad command line format\r\n', /answered CLIENT_ERROR/],
    ['no known command', 'ERROR\r\n', /answered ERROR/],
    ['one of another command', 'NS\r\n', /another reply than there can be/],
    ['a code of the future', 'QQ\r\n', /another reply than there can be/],
    ['no protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n', /another reply than there can be/],
    ['an empty line', '\r\n', /another reply than there can be/],
    ['a line without CR', 'EN\n', /not the protocol/],
    ['a line without end', 'E'.repeat(3000), /not the protocol/],
    ['a value without length', 'VA x c1 f1 t1\r\n', /not the protocol/],
    ['a value with a length in other words', 'VA 1e0 c1 f1 t1\r\na\r\n', /not the protocol/],
    ['a value of terabytes', 'VA 99999999999999 c1 f1 t1\r\na\r\n', /not the protocol/],
    ['a value of another length', 'VA 1 c1 f1 t1\r\nabc\r\n', /not the protocol/],
  ])('that is %s is an error, and nothing after it is believed', async (_, reply, message) => {
    await using fake = await faking({ answer: (socket) => socket.write(`${reply}EN\r\nEN\r\n`) })
    const cache = open(fake.url)
    const failures = await Promise.all([failureOf(cache.get('a')), failureOf(cache.get('b'))])
    for (const { error } of failures) {
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(error.message).toMatch(message)
    }
  })

  test('that repeats what it was sent is not repeated in the error', async () => {
    await using fake = await faking({ answer: (socket, piece) => socket.write(`CLIENT_ERROR ${piece}`) })
    const { error } = await failureOf(open(fake.url).get('sessionkeyofsomebody'))
    expect(`${error.message}${String(error.cause)}`).not.toContain('sessionkey')
  })

  test('that nobody asked for ends the connection', async () => {
    await using fake = await faking({ answer: (socket) => socket.write('EN\r\nVA 1 c1 f1 t9\r\na\r\n') })
    const cache = open(fake.url)
    expect(await cache.get('a')).toBeNull()
    await until('there is another connection', async () => {
      await cache.get('b')
      return fake.connections.length > 1
    })
  })

  test('in pieces of one byte is put together', async () => {
    await using fake = await faking({
      async answer(socket) {
        socket.setNoDelay(true)
        for (const byte of 'VA 5 c7 f1 t30\r\n\r\nEN\r\r\n') {
          socket.write(byte)
          await wait(1)
        }
      },
    })
    expect(await open(fake.url).get('a')).toMatchObject({ value: bytes('\r\nEN\r'), version: '7' })
  })

  test('with blanks too many, as before 1.6.18, is read', async () => {
    await using fake = await faking({ version: '1.6.10', answer: (socket) => socket.write('HD  c5 \r\n') })
    expect(await open(fake.url).add('a', bytes('a'), inAMinute())).toEqual({ version: '5' })
  })

  test('that memory is short fails that one operation only', async () => {
    await using fake = await faking({
      answer: (socket) => socket.write('SERVER_ERROR out of memory storing object\r\nEN\r\n'),
    })
    const cache = open(fake.url)
    const adding = failureOf(cache.add('a', bytes('a'), inAMinute()))
    const getting = cache.get('b')
    expect((await adding).error.message).toMatch(/is out of memory/)
    expect(await getting).toBeNull()
  })
})

describe('a server that cannot do it', () => {
  test.each(['1.6.9', '1.5.22', '1.4.0', 'mcrouter 1.0'])(
    'is refused before any value is sent: %s',
    async (version) => {
      await using fake = await fakeMemcached({ version })
      const { error } = await failureOf(open(fake.url).add('a', bytes('flush_all\r\n'), inAMinute()))
      expect(error).toBeInstanceOf(ImproperlyConfigured)
      expect(error.message).toMatch(/1\.6\.10 or newer/)
      expect(fake.received()).toBe('')
    },
  )

  test.each(['1.6.10', '1.6.18', '1.6.40', '1.7.0', '2.0.0'])('is not one of version %s', async (version) => {
    await using fake = await fakeMemcached({ version, answer: (socket) => socket.write('EN\r\n') })
    expect(await open(fake.url).get('a')).toBeNull()
  })

  test('is refused: one that runs without CAS', async () => {
    await using without = await startMemcached({ arguments: ['-C'] })
    const { error } = await failureOf(open(without.url).get('a'))
    expect(error).toBeInstanceOf(ImproperlyConfigured)
    expect(error.message).toMatch(/runs with -C/)
  })

  test('is asked again ten times a second at most, however often it hangs up', async () => {
    await using fake = await fakeMemcached({ answer: (socket) => socket.destroy() })
    const cache = open(fake.url)
    const stop = performance.now() + 1000
    while (performance.now() < stop) {
      await failureOf(cache.get('a'))
      await wait(2)
    }
    expect(fake.connections.length).toBeGreaterThan(1)
    expect(fake.connections.length).toBeLessThan(12)
  })
})

describe('close', () => {
  test('waits for what was asked, and nothing is asked afterwards', async () => {
    const cache = open()
    const key = newKey()
    const adding = cache.add(key, bytes('a'), inAMinute())
    await cache.has(key)
    const getting = cache.get(key)
    await cache.close()
    expect(await adding).toHaveProperty('version')
    expect((await getting)?.value).toEqual(bytes('a'))
    const { error } = await failureOf(cache.get(key))
    expect(error.message).toMatch(/was closed/)
    await cache.close()
  })

  test('waits no longer than half a second for a silent server', async () => {
    const cache = open(server.url, {})
    await cache.has('key')
    await freeze()
    const begin = performance.now()
    await cache.close()
    server.resume()
    expect(performance.now() - begin).toBeLessThan(800)
  })
})

describe('a source', () => {
  test.each([
    'memcached:',
    'memcached://',
    'memcached://a,,b',
    'memcached://a:0',
    'memcached://a:70000',
    'memcached://user:password@a:11211',
    'memcached://a:11211/0',
    'memcached://a b',
    'redis://a',
    [],
  ])('that names no server, %j, is refused', (source) => {
    expect(() => memcached(source)).toThrow(ImproperlyConfigured)
    expect(() => memcached(source)).not.toThrow(/password@/)
  })

  test.each([
    'memcached://localhost',
    'memcached://[::1]:11211',
    'memcached:///run/memcached.sock',
    'memcached://10.0.0.1:11211,10.0.0.2:11211;10.0.0.3',
    ['memcached://a', 'memcached://b:1'],
  ])('%j is understood', (source) => {
    expect(memcached(source).name).toBe('memcached')
  })
})

describe('several servers', () => {
  test('share the keys, and one that is down is an error for its own', async () => {
    const cache = open([server.url, small.url])
    const mine = Array.from({ length: 40 }, newKey)
    await Promise.all(mine.map((key) => cache.add(key, bytes(key), inAMinute())))
    const there = await Promise.all(mine.map((key) => open().has(key)))
    const elsewhere = await Promise.all(mine.map((key) => open(small.url).has(key)))
    expect(there).toEqual(elsewhere.map((has) => !has))
    expect(new Set(there).size).toBe(2)
    await small.kill()
    const outcomes = await Promise.allSettled(mine.map((key) => cache.get(key)))
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(there)
    await small.start()
  })
})
