import { type EventEmitter, getEventListeners, once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  connect as connect2,
  createServer as createServer2,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { ImproperlyConfigured, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { testClock, watched } from 'sojourn/testing'
import { type Connection, checkUpgrade, type ResponseConnection, watch } from 'sojourn/ws'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { SECRET } from '../support/sites.js'
import { pair } from './pair.js'
import { ORIGIN } from './world.js'

/** A visitor at the other end of a connection. */
interface Visit {
  /** What the server has of the connection. */
  readonly connection: Connection
  /** The request that it began with, where there is one. */
  readonly request?: IncomingMessage | Http2ServerRequest
  /** Who listens for its end. */
  listening(): number
  /** The visitor leaves, and the server has heard of it. */
  leave(): Promise<void>
  close(): Promise<unknown>
}

type Headers = Readonly<Record<string, string>>

const emitterListens = (emitter: EventEmitter) => (): number => emitter.listenerCount('close')
const port = (server: Server | Http2Server): number => (server.address() as AddressInfo).port

async function visitOfSocket(headers: Headers): Promise<Visit> {
  const there = await pair(headers)
  const { socket, request, leave } = there
  const close = async () => there[Symbol.asyncDispose]()
  return { connection: socket, request, listening: emitterListens(socket), leave, close }
}

async function visitOfResponse(headers: Headers): Promise<Visit> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = get({ port: port(server), host: '127.0.0.1', headers }).on('error', () => undefined)
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  response.flushHeaders()
  return {
    connection: response,
    request,
    listening: emitterListens(response),
    leave: async () => {
      client.destroy()
      await once(response, 'close')
    },
    close: async () => {
      client.destroy()
      server.close()
    },
  }
}

async function visitOfResponse2(headers: Headers): Promise<Visit> {
  const server = createServer2()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect2(`http://127.0.0.1:${port(server)}`)
  const stream = client.request({ ':path': '/', ...headers }).on('error', () => undefined)
  const [request, response] = (await once(server, 'request')) as [Http2ServerRequest, Http2ServerResponse]
  response.writeHead(200)
  return {
    connection: response,
    request,
    listening: emitterListens(response),
    leave: async () => {
      stream.destroy()
      await once(response, 'close')
    },
    close: async () => {
      client.destroy()
      server.close()
    },
  }
}

async function visitOfSignal(): Promise<Visit> {
  const controller = new AbortController()
  return {
    connection: controller.signal,
    listening: () => getEventListeners(controller.signal, 'abort').length,
    leave: async () => controller.abort(),
    close: async () => undefined,
  }
}

const kinds: Readonly<Record<string, (headers: Headers) => Promise<Visit>>> = {
  'a WebSocket': visitOfSocket,
  'a response': visitOfResponse,
  'a response of HTTP/2': visitOfResponse2,
  'an AbortSignal': visitOfSignal,
}
const withRequest = Object.entries(kinds).filter(([, visit]) => visit !== visitOfSignal)

const clock = testClock()
const engine = watched(memoryEngine({ clock }))
const ended = vi.fn()
let site: Site
let key: string
let headers: Headers
let visit: Visit

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  ended.mockReset()
  site = sojourn({ secretKey: SECRET, sessionEngine: engine, clock })
  const session = site.sessions.open()
  session.set('room', 'lobby')
  await session.save()
  key = session.sessionKey as string
  headers = { origin: ORIGIN, cookie: `sessionid=${key}` }
})
afterEach(async () => {
  vi.useRealTimers()
  await visit.close()
  await site.close()
})

/** Lets so many seconds go by. */
const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000)

/** How many sessions are looked at in so many seconds. */
async function looksIn(seconds: number): Promise<number> {
  engine.recount()
  await pass(seconds)
  return engine.count('load')
}

/** A request with these headers, checked. */
async function checked(request: object = { headers }): Promise<object> {
  expect(await checkUpgrade(request, { site, origins: [ORIGIN], anonymous: true })).toBeNull()
  return request
}

describe.each(Object.entries(kinds))('until %s ends', (_, begin) => {
  beforeEach(async () => {
    visit = await begin(headers)
  })

  test('a session is watched, and not longer', async () => {
    const request = await checked()
    const [timers, listening] = [vi.getTimerCount(), visit.listening()]
    watch(request, ended, { until: visit.connection })
    expect(await looksIn(31)).toBe(1)
    await visit.leave()
    expect(vi.getTimerCount()).toBe(timers)
    expect(visit.listening()).toBeLessThanOrEqual(listening)
    await site.sessions.revoke(key)
    expect(await looksIn(61)).toBe(0)
    expect(ended).not.toHaveBeenCalled()
  })

  test('and not at all when the visitor has left before (a leak for each who does)', async () => {
    const request = await checked()
    await visit.leave()
    const [timers, listening] = [vi.getTimerCount(), visit.listening()]
    watch(request, ended, { until: visit.connection })()
    watch(request, ended, { until: visit.connection })
    expect([vi.getTimerCount(), visit.listening()]).toEqual([timers, listening])
  })

  test('nobody listens any more when the session has ended, or watching was stopped', async () => {
    const request = await checked()
    const listening = visit.listening()
    watch(request, ended, { until: visit.connection })()
    expect(visit.listening()).toBe(listening)
    watch(request, ended, { until: visit.connection })
    expect(visit.listening()).toBe(listening + 1)
    await site.sessions.revoke(key)
    await pass(31)
    expect(ended).toHaveBeenCalledTimes(1)
    expect(visit.listening()).toBe(listening)
  })
})

describe.each(withRequest)('where nobody says until when, and the request was of %s', (_, begin) => {
  beforeEach(async () => {
    visit = await begin(headers)
  })

  test('nothing is watched when the visitor has left before', async () => {
    const request = await checked(visit.request)
    await visit.leave()
    await vi.waitFor(() => expect(visit.request?.socket.destroyed).toBe(true))
    const timers = vi.getTimerCount()
    watch(request, ended)
    expect(vi.getTimerCount()).toBe(timers)
  })

  test('a visitor who has left is no longer looked after from the next look on', async () => {
    const request = await checked(visit.request)
    watch(request, ended)
    expect(await looksIn(31)).toBe(1)
    await visit.leave()
    await vi.waitFor(() => expect(visit.request?.socket.destroyed).toBe(true))
    await site.sessions.revoke(key)
    expect(await looksIn(61)).toBe(0)
    expect(ended).not.toHaveBeenCalled()
  })
})

describe('watching', () => {
  beforeEach(async () => {
    visit = await visitOfResponse(headers)
  })

  test('does not begin once all of a response is written', async () => {
    const request = await checked()
    ;(visit.connection as ServerResponse).end()
    const timers = vi.getTimerCount()
    watch(request, ended, { until: visit.connection })
    expect(vi.getTimerCount()).toBe(timers)
  })

  test('ends at the next look with a socket that tells nobody of its end, as those of Bun', async () => {
    const request = await checked()
    const socket = { readyState: 1 }
    watch(request, ended, { until: socket })
    expect(await looksIn(31)).toBe(1)
    socket.readyState = 3
    expect(await looksIn(61)).toBe(0)
    expect(ended).not.toHaveBeenCalled()
  })

  test('goes on where a request cannot say whether its connection is there', async () => {
    const request = await checked()
    Object.defineProperty(request, 'socket', {
      get: () => {
        throw new Error('The stream has been destroyed')
      },
    })
    watch(request, ended)
    await site.sessions.revoke(key)
    await pass(31)
    expect(ended).toHaveBeenCalledTimes(1)
  })

  test('refuses what ends before the response does, or never says so', async () => {
    const request = await checked()
    // @ts-expect-error A request is no connection.
    const ofRequest: Connection = visit.request
    for (const until of [ofRequest, null, {}, 'ws', new Request('http://x/')]) {
      expect(() => watch(request, ended, { until: until as Connection })).toThrow(ImproperlyConfigured)
    }
    // It has a `readyState` that is a word.
    const socket = visit.request?.socket as ResponseConnection
    watch(request, ended, { until: socket })
    const timers = vi.getTimerCount()
    await visit.leave()
    expect(vi.getTimerCount()).toBe(timers - 1)
  })
})
