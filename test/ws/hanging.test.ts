import { type SettingsInput, sojourn } from 'sojourn'
import { login, type User } from 'sojourn/auth'
import { testClock } from 'sojourn/testing'
import { checkUpgrade, watch } from 'sojourn/ws'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { visit } from '../auth/site.js'
import { SECRET } from '../support/sites.js'
import { ORIGIN } from './world.js'

/** As many look-ups hang as would hold up every look that is made at the same time, and more. */
const MANY = 30

/** A directory of users beside the site, such as LDAP, in which some names are not answered. */
class Directory {
  readonly path = 'tests.Directory'
  readonly asked: string[] = []
  readonly hanging = new Map<string, (user: User | null) => void>()
  hangs: (id: string) => boolean = () => false

  authenticate(): null {
    return null
  }

  getUser(id: string): User | Promise<User | null> {
    this.asked.push(id)
    if (!this.hangs(id)) return userNamed(id)
    return new Promise((resolve) => void this.hanging.set(id, resolve))
  }
}

const userNamed = (id: string): User => ({ id, username: id, password: 'no hash of any kind', isActive: true })

let directory: Directory
let site: Site
const failed = vi.fn()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  failed.mockReset()
  directory = new Directory()
  const settings: SettingsInput = { secretKey: SECRET, sessionEngine: 'memory', clock: testClock() }
  site = sojourn({ ...settings, authenticationBackends: [directory] })
  site.on('request_failed', failed)
})
afterEach(async () => {
  vi.useRealTimers()
  await site.close()
})

/** Lets so many seconds go by. */
const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000)

/** Somebody whose session is watched. */
async function watched(id: string) {
  const { key } = await visit(site, {}, (request) => login(request, userNamed(id)))
  const request = new Request('http://x/', { headers: { origin: ORIGIN, cookie: `sessionid=${key}` } })
  expect(await checkUpgrade(request, { site, origins: [ORIGIN] })).toBeNull()
  const ended = vi.fn()
  return { key: key as string, request, ended, stop: watch(request, ended) }
}

test('users whose look-up never ends do not keep the sockets of others open', async () => {
  for (let n = 0; n < MANY; n++) await watched(`ann-${n}`)
  const bob = await watched('bob')
  directory.hangs = (id) => id.startsWith('ann')
  await pass(29)
  await site.sessions.revoke(bob.key)
  await pass(1 + 5)
  expect(bob.ended).toHaveBeenCalledTimes(1)
  const carl = await watched('carl')
  await site.sessions.revoke(carl.key)
  await pass(60)
  expect(carl.ended).toHaveBeenCalledTimes(1)
})

test('a look-up that hangs ends nothing, is begun again less and less often, and is told of once', async () => {
  const { ended } = await watched('ann')
  directory.hangs = () => true
  directory.asked.length = 0
  const rounds = 1000
  await pass(rounds * 35)
  expect(ended).not.toHaveBeenCalled()
  expect(directory.asked.length).toBeGreaterThan(4)
  expect(directory.asked.length).toBeLessThanOrEqual(Math.log2(rounds) + 2)
  expect(failed).toHaveBeenCalledTimes(1)
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ error: expect.objectContaining({ status: 503 }) }))
})

test('a session of which one is hanging ends all the same when its visitor logs out', async () => {
  const { key, ended } = await watched('ann')
  directory.hangs = () => true
  await pass(36)
  await site.sessions.revoke(key)
  await pass(30)
  expect(ended).toHaveBeenCalledTimes(1)
})

test('an answer that comes late counts, and from then on the user is looked up in each round again', async () => {
  const [ann, bob] = [await watched('ann'), await watched('bob')]
  directory.hangs = () => true
  await pass(36)
  directory.hangs = () => false
  directory.hanging.get('ann')?.(null)
  directory.hanging.get('bob')?.(userNamed('bob'))
  await pass(0)
  expect([ann.ended, bob.ended].map(({ mock }) => mock.calls.length)).toEqual([1, 0])
  directory.asked.length = 0
  await pass(90)
  expect(directory.asked).toEqual(['bob', 'bob', 'bob'])
})

test('what is known of a session is forgotten when its last socket closes', async () => {
  const { request, stop } = await watched('ann')
  await watched('bob')
  directory.hangs = (id) => id === 'ann'
  await pass(600)
  stop()
  await pass(40)
  directory.asked.length = 0
  watch(request, () => undefined)
  await pass(30)
  expect(directory.asked).toContain('ann')
})

test('a round that goes wrong is not the last one', async () => {
  const { key, ended } = await watched('ann')
  const others = process.listeners('unhandledRejection')
  const heard = vi.fn()
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', heard)
  try {
    vi.spyOn(site.store, 'look').mockRejectedValueOnce(new Error('on purpose'))
    vi.spyOn(site, 'failed').mockImplementationOnce(() => {
      throw new Error('the log is full')
    })
    await pass(31)
    await new Promise(setImmediate)
    expect(heard).toHaveBeenCalledTimes(1)
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const each of others) process.on('unhandledRejection', each)
  }
  await site.sessions.revoke(key)
  await pass(31)
  expect(ended).toHaveBeenCalledTimes(1)
})

test('a look that hangs keeps no process alive', async () => {
  await watched('ann')
  directory.hangs = () => true
  const unref = vi.fn()
  const { setTimeout: fake } = globalThis
  const made = vi.fn((...given: Parameters<typeof fake>) => Object.assign(fake(...given), { unref }))
  vi.stubGlobal('setTimeout', made)
  await pass(70)
  vi.unstubAllGlobals()
  expect(made.mock.calls.length).toBeGreaterThan(1)
  expect(unref).toHaveBeenCalledTimes(made.mock.calls.length)
})

test('a store that is slow is not said to be the backend', async () => {
  const ann = await watched('ann')
  const { look } = site.store
  let answer = (): void => undefined
  site.store.look = (key) =>
    new Promise((resolve) => {
      answer = () => resolve(look.call(site.store, key))
    })
  await pass(40)
  expect(failed).not.toHaveBeenCalled()
  answer()
  await pass(0)
  expect(directory.asked).toContain('ann')
  ann.stop()
})
