import { ImproperlyConfigured, type SettingsInput } from 'sojourn'
import { getUser, userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { testClock, watched } from 'sojourn/testing'
import { checkUpgrade, createTicket, redeemTicket, watch } from 'sojourn/ws'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { recordOf } from '../../src/wire/link-names.js'
import { visit } from '../auth/site.js'
import { type Opened, ORIGIN, type World, world } from './world.js'

const AUD = 'wss://chat.example'
const AT_ONCE = 50
const clock = testClock()
let there: World

beforeEach(async () => {
  there = await world({ aud: AUD, settings: { clock } })
})
afterEach(async () => {
  expect(there.failures).toEqual([])
  await there[Symbol.asyncDispose]()
})

const ticketOf = async (key: string | undefined, aud = AUD): Promise<string | null> =>
  (await visit(there.site, { key }, (request) => createTicket(request, { aud }))).result
const ticket = async (aud?: string): Promise<string> => (await ticketOf(await there.key(), aud)) as string
const opened = (protocols: readonly string[] = []): Promise<Opened> => there.open(null, { protocols })

test('a page of another domain sends its ticket as the first message, and is greeted as its user', async () => {
  const { status, socket } = await opened()
  expect(status).toBe(101)
  socket.ws.send(await ticket())
  expect(await socket.next()).toBe('ann')
})

test('or as a subprotocol, and is refused at once where it is none', async () => {
  const { socket } = await opened(['chat', `ticket.${await ticket()}`])
  expect(await socket.next()).toBe('ann')
  expect(socket.ws.protocol).toBe('chat')
  expect((await opened(['chat', `ticket.${'x'.repeat(43)}`])).status).toBe(403)
})

test('nothing is sent before the ticket is good, and what is none closes the socket with 4401', async () => {
  for (const bad of ['hello', 'x'.repeat(43), '', Buffer.from(await ticket())]) {
    const { socket } = await opened()
    socket.ws.send(bad)
    expect(await socket.closed).toBe(4401)
    expect(socket.heard).toEqual([])
  }
})

test('of a session no more than thirty are under way, however many are asked for at once', async () => {
  const key = await there.key()
  const made = await Promise.all(Array.from({ length: 100 }, () => ticketOf(key)))
  expect(made.filter((each) => each !== null).length).toBeLessThanOrEqual(30)
})

test('a cookie is no ticket, whoever it is of', async () => {
  const key = await there.key()
  const request = { headers: { origin: ORIGIN, cookie: `sessionid=${key}` } }
  expect(await checkUpgrade(request, { site: there.site, origins: [ORIGIN], aud: AUD })).toBeNull()
  expect(await getUser(request)).toBeNull()
  const { socket } = await there.open(key)
  socket.ws.send('hello')
  expect(await socket.closed).toBe(4401)
})

test('the origin counts with a ticket too', async () => {
  const protocols = [`ticket.${await ticket()}`]
  expect((await there.open(null, { origin: 'https://evil.example', protocols })).status).toBe(403)
  expect((await opened(protocols)).status).toBe(101)
})

test('so does the host', async () => {
  await using other = await world({ aud: AUD, settings: { clock, allowedHosts: ['chat.example'] } })
  expect((await other.open(null)).status).toBe(400)
  expect((await other.open(null, { headers: { host: 'chat.example' } })).status).toBe(101)
})

test(`of ${AT_ONCE} sockets with one ticket one is let in`, async () => {
  const protocols = [`ticket.${await ticket()}`]
  const all = await Promise.all(Array.from({ length: AT_ONCE }, () => opened(protocols)))
  const statuses = all.map(({ status }) => status)
  expect(statuses.filter((status) => status === 101)).toHaveLength(1)
  expect(statuses.filter((status) => status === 403)).toHaveLength(AT_ONCE - 1)
})

test('a ticket for another audience is refused, and used up', async () => {
  const other = await ticket('wss://news.example')
  expect((await opened([`ticket.${other}`])).status).toBe(403)
  expect(await there.site.store.links.get(recordOf('ws', other))).toBeNull()
})

test('a ticket is good for 20 seconds', async () => {
  const [early, late] = [await ticket(), await ticket()]
  clock.turn(19)
  expect((await opened([`ticket.${early}`])).status).toBe(101)
  clock.turn(2)
  expect((await opened([`ticket.${late}`])).status).toBe(403)
})

test('a ticket of a session that has ended meanwhile, or whose password has changed, is worth nothing', async () => {
  const key = await there.key()
  const one = (await ticketOf(key)) as string
  await there.site.sessions.revoke(key)
  expect((await opened([`ticket.${one}`])).status).toBe(403)
  const other = await ticket()
  await userBackend(there.site).setPassword(there.ann, 'another password')
  expect((await opened([`ticket.${other}`])).status).toBe(403)
})

test('a socket that a ticket opened is closed when the session of the page ends', async () => {
  const key = await there.key()
  const { socket } = await opened([`ticket.${await ticketOf(key)}`])
  expect(await socket.next()).toBe('ann')
  await there.site.sessions.revoke(key)
  expect(await socket.closed).toBe(4401)
})

test('the store has no ticket, and a reader of it can make none', async () => {
  const one = await ticket()
  const name = recordOf('ws', one)
  expect(name + (await there.site.store.links.get(name))).not.toContain(one)
})

test('a session has at most 30 tickets under way, and a visitor without a session none', async () => {
  const key = await there.key()
  for (let n = 0; n < 30; n++) expect(await ticketOf(key)).toMatch(/^[\w-]{43}$/)
  expect(await ticketOf(key)).toBeNull()
  expect(await ticket()).toMatch(/^[\w-]{43}$/)
  clock.turn(21)
  expect(await ticketOf(key)).toMatch(/^[\w-]{43}$/)
  expect(await ticketOf(undefined)).toBeNull()
})

test('a ticket of a session that is over is no ticket of a visitor whom nobody knows either', async () => {
  const key = await there.key()
  const one = await ticketOf(key)
  await there.site.sessions.revoke(key)
  const request = { headers: { origin: ORIGIN, 'sec-websocket-protocol': `ticket.${one}` } }
  const check = { site: there.site, origins: [ORIGIN], aud: AUD, anonymous: true }
  expect(await checkUpgrade(request, check)).toMatchObject({ status: 403 })
})

test('of a visitor whom nobody is logged in as a ticket is taken only where the server says so', async () => {
  const anonymous = async (): Promise<string> => {
    const { key } = await visit(there.site, {}, (_, { session }) => session.set('room', 'lobby'))
    return (await ticketOf(key)) as string
  }
  expect((await opened([`ticket.${await anonymous()}`])).status).toBe(403)
  const { site } = there
  const request = { headers: { origin: ORIGIN, 'sec-websocket-protocol': `ticket.${await anonymous()}` } }
  expect(await checkUpgrade(request, { site, origins: [ORIGIN], aud: AUD, anonymous: true })).toBeNull()
})

describe('a request that waits for its ticket', () => {
  const waiting = async (): Promise<object> => {
    const request = { headers: { origin: ORIGIN } }
    expect(await checkUpgrade(request, { site: there.site, origins: [ORIGIN], aud: AUD })).toBeNull()
    return request
  }

  test('has one try', async () => {
    const request = await waiting()
    expect(await redeemTicket(request, 'x'.repeat(43))).toBe(false)
    expect(await redeemTicket(request, await ticket())).toBe(false)
  })

  test('is not watched before, as if nobody could log out', async () => {
    const request = await waiting()
    expect(() => watch(request, () => undefined)).toThrow(ImproperlyConfigured)
    expect(await redeemTicket(request, await ticket())).toBe(true)
    watch(request, () => undefined)()
  })

  test('has said whom the ticket must be for: without that none is taken', async () => {
    const request = { headers: { origin: ORIGIN } }
    await checkUpgrade(request, { site: there.site, origins: [ORIGIN], anonymous: true })
    await expect(redeemTicket(request, await ticket())).rejects.toThrow(ImproperlyConfigured)
  })
})

test('a socket that sends nothing is closed after 5 seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { socket: late } = await opened()
    await vi.advanceTimersByTimeAsync(4900)
    expect(late.ws.readyState).toBe(late.ws.OPEN)
    await vi.advanceTimersByTimeAsync(200)
    expect(await late.closed).toBe(4401)
  } finally {
    vi.useRealTimers()
  }
})

test('a store that fails closes the socket with 1013: try again later', async () => {
  const engine = watched(memoryEngine({ clock }))
  await using other = await world({ aud: AUD, settings: { clock, sessionEngine: engine } })
  const failed = vi.fn()
  other.site.on('request_failed', failed)
  const key = await other.key()
  const { result } = await visit(other.site, { key }, (request) => createTicket(request, { aud: AUD }))
  engine.fail = ['load']
  const { socket } = await other.open(null)
  socket.ws.send(result as string)
  expect(await socket.closed).toBe(1013)
  expect(failed).toHaveBeenCalledTimes(1)
  expect(other.failures).toEqual([])
})

test('so it does with read-only pages, and a ticket in a subprotocol is a 503', async () => {
  const engine = watched(memoryEngine({ clock }))
  const settings: SettingsInput = { clock, sessionEngine: engine, sessionOnStoreError: 'read-only' }
  for (const anonymous of [false, true]) {
    await using other = await world({ aud: AUD, anonymous, settings })
    const failed = vi.fn()
    other.site.on('request_failed', failed)
    const key = await other.key()
    const made = async (): Promise<string> =>
      (await visit(other.site, { key }, (request) => createTicket(request, { aud: AUD }))).result as string
    const [one, two] = [await made(), await made()]
    engine.fail = ['load']
    const { socket } = await other.open(null)
    socket.ws.send(one)
    expect(await socket.closed).toBe(1013)
    expect((await other.open(null, { protocols: [`ticket.${two}`] })).status).toBe(503)
    expect(failed).toHaveBeenCalledTimes(2)
    expect(other.failures).toEqual([])
    engine.fail = []
  }
})

test('where a store cannot compare, a ticket could be used twice, and none is made', async () => {
  const settings: SettingsInput = { sessionEngine: { ...plain(), consistency: 'last-write-wins' } }
  await using other = await world({ aud: AUD, settings })
  const key = await other.key()
  const made = visit(other.site, { key }, (request) => createTicket(request, { aud: AUD }))
  await expect(made).rejects.toThrow('used twice')
})

/** A memory engine whose methods are its own, to be copied. */
function plain() {
  const engine = memoryEngine()
  return {
    name: engine.name,
    synchronous: true,
    links: engine.links,
    load: engine.load.bind(engine),
    create: engine.create.bind(engine),
    save: engine.save.bind(engine),
    delete: engine.delete.bind(engine),
    exists: engine.exists.bind(engine),
  }
}
