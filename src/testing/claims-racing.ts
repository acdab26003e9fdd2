import assert from 'node:assert/strict'
import type { Client } from './client.js'
import type { Claims, Trial } from './trial.js'

const NAME = 'sessionid'
const CLIENTS = 32
const REQUESTS = 100

/** Requests of one session at the same time. */
export const racing: Claims = {
  '32 clients on one session, each counting under its own key: 0 of 3,200 lost': async (trial) => {
    if (!trial.engine.synchronous) trial.engine.delay = () => Math.round(Math.random())
    const keys = Array.from({ length: CLIENTS }, (_, i) => `counter ${i}`)
    const alice = await together(trial, (i) => `/add?key=${encodeURIComponent(keys[i] as string)}&think=2`)
    const counted = (await alice.get('/read')).json()
    assert.deepEqual(
      keys.map((key) => counted[key]),
      keys.map(() => REQUESTS),
    )
  },

  '32 clients counting under one key by transact: 0 of 3,200 lost': async (trial) => {
    // They go one after the other, so each would add all that the store takes.
    if (!trial.engine.synchronous) trial.engine.delay = 0
    const alice = await together(trial, () => '/transact?think=0')
    assert.equal((await alice.get('/read')).json().total, CLIENTS * REQUESTS)
  },

  'a logout ends the session under a request that is still running: 400, and 0 of 1,000 revived': async (trial) => {
    const revived = await inTens(100, async (id) => {
      const alice = trial.visitor()
      await alice.get('/write?user=alice')
      const key = alice.cookies.get(NAME) as string
      const running = alice.get(`/held?gate=${id}`)
      await trial.gates.arrival(id)
      await logout(trial, key)
      trial.gates.open(id)
      const late = await running
      assert.equal(late.status, 400)
      assert.deepEqual(late.setCookies, [])
      assert.ok(!late.text.includes('the answer of the handler'))
      alice.close()
      return trial.engine.exists(key)
    })
    assert.equal(revived, 0)
  },

  'a logout at any moment of another request ends the session: 0 of 1,000 revived': async (trial) => {
    const revived = await inTens(100, async () => {
      const alice = trial.visitor()
      await alice.get('/write?user=alice')
      const key = alice.cookies.get(NAME) as string
      const running = alice.get(`/add?key=n&think=${Math.floor(Math.random() * 3)}`)
      const [late] = await Promise.all([running, logout(trial, key)])
      assert.ok([200, 400].includes(late.status), `status ${late.status}`)
      alice.close()
      return trial.engine.exists(key)
    })
    assert.equal(revived, 0)
  },
}

/** Many clients with one session, each asking one after the other. */
async function together({ visitor }: Trial, path: (client: number) => string): Promise<Client> {
  const alice = visitor()
  await alice.get('/write?begun=yes')
  const key = alice.cookies.get(NAME) as string
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, i) => {
      const client = visitor()
      client.cookies.set(NAME, key)
      for (let n = 0; n < REQUESTS; n++) assert.equal((await client.get(path(i))).status, 200)
    }),
  )
  return alice
}

async function logout({ visitor }: Trial, key: string): Promise<void> {
  const elsewhere = visitor()
  elsewhere.cookies.set(NAME, key)
  assert.equal((await elsewhere.get('/flush')).status, 200)
  elsewhere.close()
}

/** Runs 10 × `times`, ten at a time; how many were true. */
async function inTens(times: number, run: (id: string) => Promise<boolean>): Promise<number> {
  let count = 0
  await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      for (let n = 0; n < times; n++) if (await run(`${lane}-${n}`)) count++
    }),
  )
  return count
}
