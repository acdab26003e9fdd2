import { type SettingsInput, StoreUnavailable } from 'sojourn'
import { getUser } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { watched } from 'sojourn/testing'
import { admit, checkUpgrade, createTicket, redeemTicket } from 'sojourn/ws'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { visit } from '../auth/site.js'
import { type Pair, pair } from './pair.js'
import { ORIGIN, type World, world } from './world.js'

const AUD = 'wss://chat.example'

let engine: ReturnType<typeof watched>
let there: World
let ends: Pair
/** Who listens to the socket before `admit` does. */
let heard: readonly number[]

beforeEach(async () => {
  engine = watched(memoryEngine(), { delay: 0 })
  const settings: SettingsInput = { sessionEngine: engine, sessionStoreTimeout: 30 }
  there = await world({ settings, aud: AUD })
  ends = await pair()
  heard = listening()
})
afterEach(async () => {
  await ends[Symbol.asyncDispose]()
  await there[Symbol.asyncDispose]()
})

async function ticket(): Promise<string> {
  const key = await there.key()
  const { result } = await visit(there.site, { key }, (request) => createTicket(request, { aud: AUD }))
  return result as string
}

/** A request that waits for its ticket, or has brought it as a subprotocol. */
async function upgrading(protocol?: string): Promise<object> {
  const offered = protocol === undefined ? {} : { 'sec-websocket-protocol': `ticket.${protocol}` }
  const request = { headers: { origin: ORIGIN, ...offered } }
  expect(await checkUpgrade(request, { site: there.site, origins: [ORIGIN], aud: AUD })).toBeNull()
  return request
}

/** Who listens to the socket. */
const listening = (): readonly number[] => ['message', 'close'].map((type) => ends.socket.listenerCount(type))

/** Lets the store's next load begin, and end when told. */
function holdLoad(): { readonly begun: Promise<void>; end(): void } {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const begun = new Promise<void>((resolve) => {
    engine.delay = (operation) => {
      if (operation !== 'load') return undefined
      resolve()
      return ended
    }
  })
  return { begun, end }
}

test('a socket that has closed already is not let in, nobody listens to it, and its ticket is still good', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const request = await upgrading()
    await ends.leave()
    const timers = vi.getTimerCount()
    expect(await admit(ends.socket, request)).toBe(false)
    expect([listening(), vi.getTimerCount()]).toEqual([heard, timers])
    expect(await redeemTicket(request, await ticket())).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('one that closes while it waits for its ticket is not let in, and nobody listens to it', async () => {
  const request = await upgrading()
  const close = vi.spyOn(ends.socket, 'close')
  const admitted = admit(ends.socket, request)
  await ends.leave()
  expect(await admitted).toBe(false)
  expect(listening()).toEqual(heard)
  expect(close).not.toHaveBeenCalled()
})

test('one that closes while its good ticket is looked at is not let in, and nobody listens to it', async () => {
  const [request, good] = [await upgrading(), await ticket()]
  const load = holdLoad()
  const admitted = admit(ends.socket, request)
  ends.client.send(good)
  await load.begun
  await ends.leave()
  load.end()
  expect(await admitted).toBe(false)
  expect(listening()).toEqual(heard)
  expect((await getUser(request))?.username).toBe('ann')
})

test('one whose ticket was good before the socket was there is let in, unless it has closed meanwhile', async () => {
  const request = await upgrading(await ticket())
  expect(await admit(ends.socket, request)).toBe(true)
  await ends.leave()
  expect(await admit(ends.socket, request)).toBe(false)
})

test('one that closes before the store fails is not closed once more, and the failure is told of', async () => {
  const failed = vi.fn()
  there.site.on('request_failed', failed)
  const [request, good] = [await upgrading(), await ticket()]
  const load = holdLoad()
  const close = vi.spyOn(ends.socket, 'close')
  const admitted = admit(ends.socket, request)
  ends.client.send(good)
  await load.begun
  await ends.leave()
  engine.fail = ['load']
  load.end()
  expect(await admitted).toBe(false)
  expect(close).not.toHaveBeenCalled()
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ error: expect.any(StoreUnavailable) }))
})
