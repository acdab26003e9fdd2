import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { LONG } from './contract-pages.js'
import type { Control } from './control.js'
import type { Claims } from './trial.js'

const NAME = 'sessionid'
const MB = 1024 * 1024
/** What sockets and streams may hold between a page and a reader who reads nothing. */
const AHEAD = 16 * MB
/** And one who does: Linux then lets the buffers of a connection grow, to 32 MB at the reader's end and 4 MB at the other (`tcp_rmem`, `tcp_wmem`). */
const AHEAD_OF_READING = 40 * MB
/** How often one tries to leave before a deadline, which a busy machine may be too slow for. */
const TRIES = 5

/** Answers that take their time, and visitors who do or do not wait for them. */
export const streaming: Claims = {
  'the head of an event stream leaves before its first piece, after the session is stored': async ({
    control,
    visitor,
  }) => {
    const alice = visitor()
    const response = await alice.open('GET', '/events')
    assert.equal(response.statusCode, 200)
    assert.ok((await control.asked()).includes('create'))
    assert.deepEqual((await alice.get('/read')).json(), { listens: true })
  },

  'the pieces of an event stream leave one by one, after the session is stored': async ({ control, visitor }) => {
    const alice = visitor()
    const opened = alice.open('GET', '/events')
    await control.arrival('one')
    assert.ok((await control.asked()).includes('create'))
    await control.open('one')
    const events = (await opened)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    assert.equal(String((await events.next()).value), 'data: one\n\n')
    assert.deepEqual((await alice.get('/read')).json(), { listens: true })
    await control.open('two')
    assert.equal(String((await events.next()).value), 'data: two\n\n')
    assert.equal((await events.next()).done, true)
  },

  '50 MB arrive whole, made no faster than they are read': async ({ control, visitor }) => {
    // Once to warm up: what buffers and garbage take they have then.
    const before = await readSlowly(await visitor().open('GET', '/long'), control)
    await control.remake()
    const response = await visitor().open('GET', '/long')
    assert.match(response.headers['set-cookie']?.[0] ?? '', /^sessionid=/)
    const ahead = await untilStill(async () => (await control.made()).bytes)
    assert.ok(ahead < AHEAD, `${ahead} bytes were made for a reader who read none`)
    const grown = (await readSlowly(response, control)) - before
    // Where the runtime does not tell (workerd), both are 0, and what was made ahead has to do.
    assert.ok(grown < 40 * MB, `memory grew by ${Math.round(grown / MB)} MB`)
  },

  'a visitor who leaves early stops the page, and the session is stored': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.open('GET', '/long')
    alice.close()
    await until(async () => (await control.made()).ended)
    assert.ok((await control.made()).bytes < LONG)
    assert.equal(await control.exists(alice.cookies.get(NAME) as string), true)
    assert.deepEqual((await alice.get('/read')).json(), { downloads: true })
  },
}

/** What only HTTP/1.1 has. */
export const pipelining: Claims = {
  'two requests pipelined on one connection are answered in order, each with its session': async (trial) => {
    const keys = await Promise.all(
      ['alice', 'bob'].map(async (user) => {
        const one = trial.visitor()
        await one.get(`/write?user=${user}`)
        return one.cookies.get(NAME) as string
      }),
    )
    const answer = await pipelined(trial.origin, [
      `GET /add?key=n&think=20 HTTP/1.1\r\nHost: localhost\r\nCookie: ${NAME}=${keys[0]}\r\n\r\n`,
      `GET /read HTTP/1.1\r\nHost: localhost\r\nCookie: ${NAME}=${keys[1]}\r\nConnection: close\r\n\r\n`,
    ])
    const [first = '', second = ''] = answer.split(/(?<=.)(?=HTTP\/1\.1 )/s)
    assert.match(first, /added/)
    assert.ok(first.includes(`${NAME}=${keys[0]}`))
    assert.match(second, /\{"user":"bob"\}/)
    assert.ok(!second.toLowerCase().includes('set-cookie'))
  },
}

/** Only with a store that takes its time can a visitor be gone before it has answered. */
export const leaving: Claims = {
  'a visitor who leaves during the save has the session stored all the same': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?user=alice')
    const key = alice.cookies.get(NAME) as string
    const isGone = async (): Promise<boolean> => {
      await control.store({ hold: ['save'] })
      const leaver = visitor()
      leaver.cookies.set(NAME, key)
      const answered = leaver.get('/write?user=bob').then(
        () => true,
        () => false,
      )
      await until(async () => (await control.asked()).includes('save'))
      leaver.close()
      return !(await answered)
    }
    let tries = 1
    while (!(await isGone())) {
      assert.ok(tries++ < TRIES, 'the visitor was answered before they left')
      await control.store({ hold: [] })
      await control.recount()
    }
    await control.store({ hold: [] })
    await until(async () => (await control.stored(key))?.user === 'bob')
    assert.equal((await alice.get('/read')).json().user, 'bob')
  },
}

/** Reads a long answer, and returns the most memory that was used meanwhile. */
export async function readSlowly(response: IncomingMessage, control: Control): Promise<number> {
  let bytes = 0
  let highest = 0
  let seen = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes - seen < MB) continue
    seen = bytes
    assert.ok((await control.made()).bytes - bytes < AHEAD_OF_READING, 'the page runs ahead of its reader')
    highest = Math.max(highest, (await control.memory()) ?? 0)
    await sleep(2)
  }
  assert.equal(bytes, LONG)
  return highest
}

/** Waits until a number has stopped to grow, and returns it. */
async function untilStill(read: () => Promise<number>): Promise<number> {
  let last = -1
  for (let now = await read(); now !== last; now = await read()) {
    last = now
    await sleep(100)
  }
  return last
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 500, 'it did not happen within five seconds')
    await sleep(10)
  }
}

/** Sends all requests at once on one connection; what came back until it was closed. */
function pipelined(origin: string, requests: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(requests.join('')))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (data) => {
      text += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}
