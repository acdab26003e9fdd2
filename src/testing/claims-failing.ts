import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientResponse } from './client.js'
import { type Counts, thousands } from './counts.js'
import { timed } from './timed.js'
import type { Claims, Trial } from './trial.js'

const NAME = 'sessionid'
const DEADLINE = 500
/** What a busy machine may add to a deadline, in milliseconds. */
const SLACK = 1000

/** Stores and pages that fail: an error is an error, and nobody loses a session over it. */
export const failing = ({ failures }: Counts): Claims => ({
  [`a save that fails is an error: ${all(failures)} answers, without cookie and without the page`]: async (trial) => {
    const { control, visitor } = trial
    const alice = await loggedIn(trial)
    await control.store({ fail: ['create', 'save'] })
    for (let n = 0; n < failures / 2; n++) {
      for (const one of [alice, visitor()]) isUnavailable(await one.get(`/redirect?n=${n}`))
    }
    await control.store({ fail: [] })
    assert.deepEqual((await alice.get('/read')).json(), { user: 'alice' })
  },

  'a load that fails never gives an anonymous page, and leaves the cookie alone': async (trial) => {
    const { control } = trial
    const alice = await loggedIn(trial)
    const key = alice.cookies.get(NAME)
    await control.store({ fail: ['load'] })
    for (const path of ['/read', '/write?a=1']) {
      isUnavailable(await alice.get(path))
      assert.equal(alice.cookies.get(NAME), key)
    }
  },

  'a page that uses no session is served while the store fails': async (trial) => {
    const alice = await loggedIn(trial)
    await trial.control.store({ fail: ['load', 'save', 'create'] })
    const response = await alice.get('/plain')
    assert.equal(response.status, 200)
    assert.equal(response.text, 'plain')
    assert.deepEqual(response.setCookies, [])
  },

  'a page that fails after it changed the key still tells the visitor the new one': async (trial) => {
    const alice = await loggedIn(trial)
    const key = alice.cookies.get(NAME)
    await trial.control.store({ fail: ['save'] })
    for (const [path, status] of [
      ['/cycle-fail', 500],
      ['/cycle-map', 500],
      ['/cycle-set', 503],
    ] as const) {
      assert.equal((await alice.get(path)).status, status)
      assert.notEqual(alice.cookies.get(NAME), key)
      assert.deepEqual((await alice.get('/read')).json(), { user: 'alice' })
    }
  },

  'a page that throws or rejects is a 500, and its changes are not kept': async (trial) => {
    const { control, visitor } = trial
    const alice = await loggedIn(trial)
    for (const path of ['/throw', '/reject']) {
      await control.recount()
      const response = await alice.get(path)
      assert.equal(response.status, 500)
      assert.deepEqual(response.setCookies, [])
      assert.deepEqual(await control.asked(), ['load'])
      assert.equal((await visitor().get(path)).status, 500)
    }
    assert.deepEqual((await alice.get('/read')).json(), { user: 'alice' })
  },
})

/** Only a store across a network can hang. */
export const hanging: Claims = {
  'a store that hangs at a load is a 503 with Retry-After within the deadline': async (trial) => {
    const alice = await loggedIn(trial)
    await trial.control.store({ hang: ['load'] })
    isUnavailable(await inTime(alice.get('/read')))
    assert.deepEqual((await inTime(alice.get('/plain'))).text, 'plain')
    await trial.control.store({ hang: [] })
    assert.deepEqual((await onceBack(() => alice.get('/read'))).json(), { user: 'alice' })
  },

  'a store that hangs at a save is a 503 with Retry-After within the deadline': async (trial) => {
    const { control, visitor } = trial
    const alice = await loggedIn(trial)
    await control.store({ hang: ['save', 'create'] })
    const [known, unknown] = await Promise.all([inTime(alice.get('/write?a=1')), inTime(visitor().get('/write?a=1'))])
    isUnavailable(known)
    isUnavailable(unknown)
  },

  'a store that hangs at a flush the page did not await is a 503': async (trial) => {
    const alice = await loggedIn(trial)
    await trial.control.store({ hang: ['delete'] })
    isUnavailable(await inTime(alice.get('/forgetful')))
    assert.notEqual(alice.cookies.get(NAME), undefined)
  },
}

async function loggedIn({ visitor }: Trial): Promise<Client> {
  const alice = visitor()
  assert.equal((await alice.get('/write?user=alice')).status, 200)
  return alice
}

/** The first answer that is not a 503: a store that did not answer is asked again a moment later. */
async function onceBack(ask: () => Promise<ClientResponse>): Promise<ClientResponse> {
  for (let tries = 0; tries < 40; tries++) {
    const response = await ask()
    if (response.status !== 503) return response
    await sleep(25)
  }
  assert.fail('the store is back, and no answer is')
}

function isUnavailable(response: ClientResponse): void {
  assert.equal(response.status, 503)
  assert.match(response.headers['retry-after'] ?? '', /^\d+$/)
  assert.deepEqual(response.setCookies, [])
  assert.equal(response.headers.location, undefined)
  assert.ok(!response.text.includes('the answer of the handler'), 'the page leaked into the error')
}

async function inTime(response: Promise<ClientResponse>): Promise<ClientResponse> {
  const { value, took, lost } = await timed(response)
  assert.ok(took < DEADLINE + SLACK, `took ${took} ms, beside ${lost} ms in which this process stood still`)
  return value
}

function all(count: number): string {
  return `${thousands(count)} of ${thousands(count)}`
}
