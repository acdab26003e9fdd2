import assert from 'node:assert/strict'
import type { Client } from './client.js'
import { type Counts, thousands } from './counts.js'
import type { Claims, Trial } from './trial.js'

const NAME = 'sessionid'

/** Requests of one session at the same time. */
export function racing({ clients, requests, logouts }: Counts): Claims {
  const counted = thousands(clients * requests)
  const revivals = `0 of ${thousands(logouts)} revived`
  return {
    [`${clients} clients on one session, each counting under its own key: 0 of ${counted} lost`]: async (trial) => {
      await trial.control.store({ delay: 'jitter' })
      const keys = Array.from({ length: clients }, (_, i) => `counter ${i}`)
      const paths = keys.map((key) => `/add?key=${encodeURIComponent(key)}&think=2`)
      const alice = await together(trial, paths, requests)
      const counts = (await alice.get('/read')).json()
      assert.deepEqual(
        keys.map((key) => counts[key]),
        keys.map(() => requests),
      )
    },

    [`${clients} clients counting under one key by transact: 0 of ${counted} lost`]: async (trial) => {
      // They go one after the other, so each would add all that the store takes.
      await trial.control.store({ delay: 0 })
      const alice = await together(trial, Array<string>(clients).fill('/transact?think=0'), requests)
      assert.equal((await alice.get('/read')).json().total, clients * requests)
    },

    [`a logout ends the session under a request that is still running: 400, and ${revivals}`]: async (trial) => {
      const revived = await inTens(logouts, async (id) => {
        const alice = trial.visitor()
        await alice.get('/write?user=alice')
        const key = alice.cookies.get(NAME) as string
        const running = alice.get(`/held?gate=${id}`)
        await trial.control.arrival(id)
        await logout(trial, key)
        await trial.control.open(id)
        const late = await running
        assert.equal(late.status, 400)
        assert.deepEqual(late.setCookies, [])
        assert.ok(!late.text.includes('the answer of the handler'))
        alice.close()
        return trial.control.exists(key)
      })
      assert.equal(revived, 0)
    },

    [`a logout at any moment of another request ends the session: ${revivals}`]: async (trial) => {
      const revived = await inTens(logouts, async () => {
        const alice = trial.visitor()
        await alice.get('/write?user=alice')
        const key = alice.cookies.get(NAME) as string
        const running = alice.get(`/add?key=n&think=${Math.floor(Math.random() * 3)}`)
        const [late] = await Promise.all([running, logout(trial, key)])
        assert.ok([200, 400].includes(late.status), `status ${late.status}`)
        alice.close()
        return trial.control.exists(key)
      })
      assert.equal(revived, 0)
    },
  }
}

/** Many clients with one session, each asking for a path of its own, one request after the other. */
async function together({ visitor }: Trial, paths: readonly string[], requests: number): Promise<Client> {
  const alice = visitor()
  await alice.get('/write?begun=yes')
  const key = alice.cookies.get(NAME) as string
  await Promise.all(
    paths.map(async (path) => {
      const client = visitor()
      client.cookies.set(NAME, key)
      for (let n = 0; n < requests; n++) assert.equal((await client.get(path)).status, 200)
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

/** Runs that often, ten at a time; how many were true. */
async function inTens(times: number, run: (id: string) => Promise<boolean>): Promise<number> {
  let count = 0
  await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      for (let n = lane; n < times; n += 10) if (await run(`${lane}-${n}`)) count++
    }),
  )
  return count
}
