import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cache } from '../../src/caches/cache.js'
import { memcached } from '../../src/caches/memcached.js'
import { cacheKeys } from '../../src/engines/cache.js'
import { djangoOnMemcached } from '../django/on-memcached.js'
import { startMemcached, type TestServer } from '../support/servers/index.js'

const servers: TestServer[] = []
let cache: Cache

beforeAll(async () => {
  servers.push(await startMemcached(), await startMemcached(), await startMemcached())
  cache = memcached(
    servers.map(({ url }) => url),
    PATIENT,
  )
})
afterAll(async () => {
  await cache.close()
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
})

const locations = (): string[] => servers.map(({ port }) => `127.0.0.1:${port}`)
const keyOf = cacheKeys('cache')
const hex = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString('hex')
/** The machine may be busy with other tests. */
const PATIENT = { timeout: 5, connectTimeout: 2 }
const inAMinute = (): number => Date.now() + 60_000

for (const suite of ['sid', 'bookworm'] as const) {
  const django = await djangoOnMemcached(suite)
  const none = 'missing' in django ? django.missing : undefined
  describe.skipIf('missing' in django)(`with the Django of ${suite}${none === undefined ? '' : ` (${none})`}`, () => {
    const python = (given: unknown, program: string): Promise<unknown> => {
      if ('missing' in django) throw new Error(django.missing)
      return django.python(locations(), given, program)
    }

    test('what Django stored on three servers is found, byte for byte, with its end', async () => {
      const stored = (await python(
        30,
        `
answer = []
for i in range(given):
    session = SessionStore()
    session['n'] = i
    session.set_expiry(600 if i % 2 else 60 * 60 * 24 * 40)
    session.create()
    session.save()
    answer.append([session.session_key, pickle.dumps(dict(session.items()), pickle.HIGHEST_PROTOCOL).hex()])
`,
      )) as [string, string][]
      expect(stored).toHaveLength(30)
      for (const [i, [key, pickled]] of stored.entries()) {
        const cached = await cache.get(keyOf(key))
        expect(hex(cached?.value)).toBe(pickled)
        const seconds = i % 2 ? 600 : 60 * 60 * 24 * 40
        expect(Math.abs((cached?.expires ?? 0) - Date.now() - seconds * 1000)).toBeLessThan(20_000)
      }
    })

    test('what we stored on three servers Django finds, changes, and loses when we delete it', async () => {
      const pickles = (await python(30, `answer = [pickle.dumps({'n': i}, 5).hex() for i in range(given)]`)) as string[]
      const keys = pickles.map((_, i) => `${suite}${i}`.padEnd(32, 'x'))
      for (const [i, key] of keys.entries()) {
        const value = Buffer.from(pickles[i] as string, 'hex')
        expect(await cache.add(keyOf(key), value, inAMinute())).toHaveProperty('version')
      }
      const seen = await Promise.all(keys.map((key) => cache.get(keyOf(key))))
      const answer = await python(
        keys,
        `
answer = []
for key in given:
    session = SessionStore(key)
    answer.append(session['n'])
    session['by'] = 'django'
    session.save()
`,
      )
      expect(answer).toEqual(keys.map((_, i) => i))
      // Django wrote since we looked: what we knew is over.
      expect(await cache.replace(keyOf(keys[0] as string), new Uint8Array(), inAMinute(), seen[0]?.version)).toBe(
        'conflict',
      )
      for (const key of keys) {
        const { version, value } = (await cache.get(keyOf(key))) ?? {}
        expect(Buffer.from(value ?? []).toString('latin1')).toContain('django')
        expect(await cache.delete(keyOf(key), version)).toBe('deleted')
      }
      const left = await python(keys, 'answer = [SessionStore().exists(key) for key in given]')
      expect(left).toEqual(keys.map(() => false))
    })
  })
}

test('each of the servers had its share', async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `:1:share${i}`)
  await Promise.all(keys.map((key) => cache.add(key, new Uint8Array(), inAMinute())))
  for (const { url } of servers) {
    const one = memcached(url, PATIENT)
    const has = await Promise.all(keys.map((key) => one.has(key)))
    expect(has.filter(Boolean).length).toBeGreaterThan(10)
    await one.close()
  }
})
