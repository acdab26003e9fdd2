import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/testing/client.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import type { EnginePromise } from '../../src/testing/engine-trial.js'
import { repositoryRoot } from '../../tools/report.js'
import { missingServer, startPostgres, type TestServer } from '../support/servers/index.js'
import type { Failure } from '../vectors/runner.js'
import { bundle } from './bundle.js'
import { startWorkers, type Workers } from './miniflare.js'

const missing = await missingServer('postgres')

let workers: Workers
let postgres: TestServer | undefined
beforeAll(async () => {
  using program = await bundle('worker.ts', 'workers')
  if (missing === undefined) postgres = await startPostgres()
  workers = await startWorkers(program.path, { postgres: postgres?.url, objects: true })
  await asked('/migrate')
}, 300_000)
afterAll(async () => {
  await workers?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

/** A connection of its own for each request: workerd closes one that is idle just when the next request is sent. */
function request(path: string, options: RequestInit = {}): Promise<Response> {
  return fetch(workers.origin + path, { ...options, headers: { ...options.headers, connection: 'close' } })
}

async function asked<T>(path: string): Promise<T> {
  return (await (await request(path)).json()) as T
}

/** The names of the claims; which of them are made is no question of the runtime. */
function claimsOf(promise: EnginePromise): readonly string[] {
  return engineContract(() => Promise.reject(new Error('not here')), promise).map(({ name }) => name)
}

describe.each([
  ['memory', 'compare-and-set'],
  ['signed_cookies', 'stateless'],
  ['d1', 'compare-and-set'],
  ['durable_object', 'compare-and-set'],
  ['kv', 'last-write-wins'],
] as const)('in workerd, %s', (engine, promise) => {
  test.each(claimsOf(promise).map((name, at) => [name, at] as const))('%s', async (_name, at) => {
    expect(await asked(`/claims/${engine}/${at}`)).toBeNull()
  })
})

describe.skipIf(missing !== undefined)(`in workerd, PostgreSQL ${missing ?? ''}`, () => {
  describe.each(['pg', 'postgres.js'])('by a client of %s that the request opened', (engine) => {
    test.each(claimsOf('compare-and-set').map((name, at) => [name, at] as const))('%s', async (_name, at) => {
      expect(await asked(`/claims/${engine}/${at}`)).toBeNull()
    })
  })
})

test('the claims there are those here', async () => {
  expect(await asked('/claims/d1')).toEqual(claimsOf('compare-and-set'))
})

describe.each(['d1', 'durable_object', 'binding'])('a site on %s, made before the first request', (site) => {
  const visitors: Client[] = []
  const visit = (): Client => {
    const visitor = new Client(workers.origin)
    visitors.push(visitor)
    return visitor
  }
  afterEach(() => {
    for (const visitor of visitors.splice(0)) visitor.close()
  })

  test('loses no count of 20 requests at once', async () => {
    const visitor = visit()
    await visitor.get(`/count/${site}`)
    await Promise.all(Array.from({ length: 20 }, () => visitor.get(`/count/${site}`)))
    expect((await visitor.get(`/count/${site}`)).json()).toBe(22)
  })

  test("lets Django's users in, knows how often each is, and ends all of it", async () => {
    const [one, other] = [visit(), visit()]
    expect((await one.get(`/login/${site}/wrong`)).json()).toBe(false)
    expect((await one.get(`/who/${site}`)).json()).toBeNull()
    for (const each of [one, other]) {
      expect((await each.get(`/login/${site}/battery-staple`)).json()).toBe(true)
      expect((await each.get(`/who/${site}`)).json()).toBe('ann')
    }
    expect(await asked(`/logins/${site}`)).toBe(2)
    expect(await asked(`/revoke/${site}`)).toBe(2)
    for (const each of [one, other]) expect((await each.get(`/who/${site}`)).json()).toBeNull()
  })
})

describe('the object of a session', () => {
  interface Look {
    readonly kept: number
    readonly alarm: number | null
  }
  const DAY = 86_400_000

  test('deletes itself when it is over, without anybody asking', async () => {
    const key = await asked('/short/1500')
    expect(await asked(`/look/${key}`)).toMatchObject({ kept: 2 })
    await expect.poll(() => asked(`/look/${key}`), { timeout: 10_000 }).toEqual({ kept: 0, alarm: null })
  })

  test('lives on past its first end where it was touched', async () => {
    const key = await asked(`/short/300/${DAY}`)
    const alarm = async (): Promise<number> => (await asked<Look>(`/look/${key}`)).alarm ?? 0
    await expect.poll(alarm, { timeout: 10_000 }).toBeGreaterThan(Date.now() + DAY / 2)
    expect(await asked(`/look/${key}`)).toMatchObject({ kept: 2 })
  })

  test('wakes once a month, however far its end', async () => {
    const { kept, alarm } = await asked<Look>(`/look/${await asked(`/short/${1e14}`)}`)
    expect(kept).toBe(2)
    expect(alarm).toBeLessThan(Date.now() + 31 * DAY)
  })
})

test('many sessions that are over are cleared from D1, which has no log of ours to empty', async () => {
  expect(await asked('/clear')).toEqual({ cleared: 100, unheard: [] })
})

test("Django's bytes are what they are elsewhere, as far as a vector needs neither a file nor a hash that Workers do not make", async () => {
  const body = readFileSync(join(repositoryRoot, 'test/vectors/vectors.json'))
  const response = await request('/vectors', { method: 'POST', body })
  const { passed, failures } = (await response.json()) as { passed: number; failures: readonly Failure[] }
  const refused = ({ kind, got }: Failure): boolean =>
    kind === 'session_file' || /^thrown: ImproperlyConfigured: .*Cloudflare Workers/.test(String(got))
  expect(failures.filter((failure) => !refused(failure))).toEqual([])
  expect(passed).toBeGreaterThan(450)
})

/** Begins a request, and cuts it off when it is told to have come far enough. */
async function cutOff(path: string, isFar: () => Promise<boolean>, headers = {}): Promise<void> {
  const cut = new AbortController()
  const answered = request(path, { headers, signal: cut.signal }).then(
    () => 'answered',
    () => 'cut off',
  )
  await expect.poll(isFar).toBe(true)
  cut.abort()
  expect(await answered).toBe('cut off')
}

test.each(['memory', 'd1', 'durable_object', 'kv'])(
  'on %s a request that was cut off holds up no other of its session',
  async (site) => {
    const visitor = new Client(workers.origin)
    await visitor.get(`/count/${site}`)
    const headers = { cookie: visitor.cookies.header('/') }
    visitor.close()
    await cutOff(`/hold/${site}`, async () => (await asked(`/held/${site}`)) === 1, headers)
    const answer = await request(`/count/${site}`, { headers, signal: AbortSignal.timeout(5000) })
    expect(await answer.json()).toBe(2)
  },
)

test('a write that was cut off holds up none after it, where a storage cannot compare', async () => {
  await cutOff('/write', async () => (await asked('/writes')) === 1)
  const answer = await request('/write', { signal: AbortSignal.timeout(5000) })
  expect(await answer.json()).toBe('saved')
})

test('what Workers cannot do is a wrong setting that says what to do', async () => {
  expect(await asked('/refusals')).toMatchInlineSnapshot(`
    {
      "a URL of a cache": "ImproperlyConfigured: The setting caches asks for what cannot be on Cloudflare Workers, where a connection belongs to the request that opened it: use sojourn/engines/durable-object as sessionEngine, or give a cache that speaks HTTP.",
      "a URL of a database": "ImproperlyConfigured: The setting databases asks for what cannot be on Cloudflare Workers, where a connection belongs to the request that opened it: open a client of pg or postgres in each request and make the site with it, hand over a D1 database ({ default: env.DB }), or use sojourn/engines/durable-object as sessionEngine.",
      "a file of SQLite": "ImproperlyConfigured: The setting databases asks for what cannot be on Cloudflare Workers, which has no files that last: hand over a D1 database ({ default: env.DB }), or use sojourn/engines/durable-object as sessionEngine.",
      "a hash by bcrypt": "ImproperlyConfigured: A password is hashed by bcrypt, for which a package is needed: Cloudflare Workers loads none that was compiled for Node.",
      "a hash of many iterations": "ImproperlyConfigured: A password's hash takes 100001 iterations of PBKDF2, and Cloudflare Workers makes 100000 at most: name 'scrypt' first in passwordHashers, and have users with such a hash log in elsewhere once, or give them new passwords.",
      "a list of caches": "ImproperlyConfigured: The setting caches asks for what cannot be on Cloudflare Workers, where a connection belongs to the request that opened it: use sojourn/engines/durable-object as sessionEngine, or give a cache that speaks HTTP.",
      "a session of D1": "ImproperlyConfigured: The databases setting: hand over the D1 binding itself (env.DB), not a session of it: that may read what is no longer so.",
      "files": "ImproperlyConfigured: The setting sessionEngine asks for what cannot be on Cloudflare Workers, which has no files that last: use sojourn/engines/durable-object, or db with a D1 database.",
      "hashes by argon2": "ImproperlyConfigured: The setting passwordHashers asks for what cannot be on Cloudflare Workers, which loads no package that was compiled for Node: name 'scrypt' first.",
      "users in a file": "ImproperlyConfigured: A sqlite: database has no driver on Cloudflare Workers: hand over a D1 database, databases: { default: env.DB }.",
      "what is the default": "ImproperlyConfigured: The setting databases asks for what cannot be on Cloudflare Workers, which has no files that last: hand over a D1 database ({ default: env.DB }), or use sojourn/engines/durable-object as sessionEngine.",
    }
  `)
})
