import { describe, expect, test } from 'vitest'
import { getMessages, getSignedCookie, getUser, login, messages, type User } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import { SessionHash } from '../../src/auth/session-hash.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { dumps, loads, Signer, signCookieValue, TimestampSigner, unsignCookieValue } from '../../src/signing.js'
import type { Client, Routes } from '../../src/testing/index.js'
import { cookieSigner } from '../../src/wire/signed-cookie.js'
import { JsonSigner } from '../../src/wire/signing.js'
import { everywhere, standing } from './everywhere.js'
import type { Live } from './live.js'

const OLD = 'the old key of the tests, of more than fifty characters in all'
const NEW = 'the new key of the tests, of more than fifty characters in all'
const now = (): number => 1_700_000_000_000

describe.each(everywhere)('over %s', (adapter) => {
  describe.each(['db', 'signed_cookies'] as const)('on the engine %s', (sessionEngine) => {
    interface Seen {
      readonly user: string | null
      readonly basket: unknown
      readonly messages: readonly string[]
      readonly signed: string | null
    }
    const NOTHING: Seen = { user: null, basket: null, messages: [], signed: null }

    test('T46: what an older key signed is read until the key is removed, and written anew with the first', async () => {
      let ann: User
      const routes: Routes = {
        '/': async ({ request, session }) => {
          const user = (await getUser(request))?.username ?? null
          const data = await session()
          const list = [...getMessages(request)].map(String)
          return JSON.stringify({
            user,
            basket: data.get('basket') ?? null,
            messages: list,
            signed: getSignedCookie(request, 'language') ?? null,
          })
        },
        '/login': async ({ request, session }) => {
          await login(request, ann)
          ;(await session()).set('basket', 'apples')
          messages.info(request, 'hello')
          return 'in'
        },
        '/say': async ({ request, session }) => {
          await getUser(request)
          ;(await session()).set('seen', true)
          messages.info(request, 'hello')
          return 'said'
        },
      }
      const siteOf = (keys: SettingsInput, shared?: Live): Promise<Live> =>
        standing(
          adapter,
          { sessionEngine, ...(shared ? { databases: { default: shared.database } } : {}), ...keys } as SettingsInput,
          routes,
        )
      await using old = await siteOf({ secretKey: OLD })
      await using both = await siteOf({ secretKey: NEW, secretKeyFallbacks: ['another', OLD] }, old)
      await using renewed = await siteOf({ secretKey: NEW }, old)
      ann = await userBackend(old.site).createUser('ann', 'correct horse')

      const moved = (from: Client, to: Live): Client => {
        const visitor = to.visitor()
        for (const name of ['sessionid', 'messages', 'language']) {
          const value = from.cookies.get(name)
          if (value !== undefined) visitor.cookies.set(name, value)
        }
        return visitor
      }
      const seen = async (visitor: Client): Promise<Seen> => (await visitor.get('/')).json<Seen>()

      const visitor = old.visitor()
      await visitor.get('/login')
      visitor.cookies.set('language', signCookieValue('language', 'da', { key: OLD }))
      const all = { user: 'ann', basket: 'apples', messages: ['hello'], signed: 'da' }
      // Removed: nobody, and nothing of it is believed.
      expect(await seen(moved(visitor, renewed))).toEqual(NOTHING)
      const during = moved(visitor, both)
      const key = during.cookies.get('sessionid')
      expect(await seen(during)).toEqual(all)
      expect(during.cookies.get('sessionid')).not.toBe(key)
      await during.get('/say')
      during.cookies.set('language', signCookieValue('language', 'fo', { key: NEW, fallbackKeys: [OLD] }))
      expect(await seen(moved(during, old))).toEqual(NOTHING)
      expect(await seen(moved(during, renewed))).toEqual({ ...all, signed: 'fo' })
    })
  })
})

describe('T46: with fallbacks', () => {
  const keys = { key: NEW, fallbackKeys: [OLD, 'older'] }
  const cells = new Map([['a', '1']])
  const user = { id: 1, username: 'ann', password: 'pbkdf2_sha256$1$s$h', isActive: true }
  const codec = (secretKey: string, ...secretKeyFallbacks: string[]) =>
    signedCodec({ secretKey, secretKeyFallbacks, clock: now })
  const kinds: readonly (readonly [
    string,
    (keys: { key: string; fallbackKeys: string[] }) => string,
    (text: string, key: string, ...older: string[]) => unknown,
  ])[] = [
    [
      'a signer',
      (k) => new Signer(k).sign('v'),
      (text, key, ...fallbackKeys) => new Signer({ key, fallbackKeys }).unsign(text),
    ],
    [
      'a timestamp signer',
      (k) => new TimestampSigner({ ...k, now }).sign('v'),
      (text, key, ...fallbackKeys) => new TimestampSigner({ key, fallbackKeys, now }).unsign(text),
    ],
    [
      'dumps',
      (k) => dumps({ a: 1 }, { ...k, now }),
      (text, key, ...fallbackKeys) => loads(text, { key, fallbackKeys, now }),
    ],
    [
      'a signed cookie',
      (k) => signCookieValue('a', 'v', { ...k, now }),
      (text, key, ...fallbackKeys) => unsignCookieValue('a', text, { key, fallbackKeys, now }),
    ],
    [
      'a messages cookie',
      (k) => cookieSigner({ ...k, now }, 'django.contrib.messages').signObject([]),
      (text, key, ...fallbackKeys) =>
        cookieSigner({ key, fallbackKeys, now }, 'django.contrib.messages').unsignObject(text),
    ],
    [
      'a session',
      (k) => codec(k.key, ...k.fallbackKeys).encode(cells),
      (text, key, ...older) => codec(key, ...older).decode(text),
    ],
    [
      'a session auth hash',
      (k) => new SessionHash({ secretKey: k.key, secretKeyFallbacks: k.fallbackKeys }).of(user),
      (text, key, ...older) => new SessionHash({ secretKey: key, secretKeyFallbacks: older }).verify(text, user),
    ],
  ]
  const opens = (open: () => unknown): boolean => {
    try {
      return (open() ?? null) !== null
    } catch {
      return false
    }
  }

  test.each(kinds)(
    'T46: %s is made with the first key alone, verified by any, and by none that was removed',
    (_, make, open) => {
      const made = make(keys)
      expect(made).toBe(make({ key: NEW, fallbackKeys: [] }))
      expect(opens(() => open(made, NEW))).toBe(true)
      expect(opens(() => open(made, OLD, 'older'))).toBe(false)
      const older = make({ key: OLD, fallbackKeys: [NEW] })
      expect(opens(() => open(older, NEW, 'another', OLD))).toBe(true)
      expect(opens(() => open(older, NEW, 'another'))).toBe(false)
      expect(opens(() => open(older, NEW))).toBe(false)
    },
  )
})

test('T46: a hundred keys cost a hundred HMACs, however long the keys are, and are tried for what is old alone', () => {
  const keysOf = (count: number, length: number): string[] =>
    Array.from({ length: count }, (_, i) => `${i}:`.padEnd(length, 'key'))
  const long = 2 ** 20
  const signerOf = (fallbackKeys: string[]) => new JsonSigner({ key: NEW, fallbackKeys, salt: 's', now })
  const one = signerOf([])
  const hundred = signerOf(keysOf(99, 50))
  const hundredLong = signerOf(keysOf(99, long))
  const current = one.sign('{"a":1}')
  const oldest = new JsonSigner({ key: keysOf(99, 50)[98] as string, salt: 's', now }).sign('{"a":1}')
  const oldestLong = new JsonSigner({ key: keysOf(99, long)[98] as string, salt: 's', now }).sign('{"a":1}')
  const forged = `${current.slice(0, -1)}${current.endsWith('A') ? 'B' : 'A'}`
  expect([one.open(forged), hundred.open(forged), hundred.open(oldestLong)]).toEqual([null, null, null])
  expect([hundred.open(oldest)?.json, hundredLong.open(oldestLong)?.json]).toEqual(['{"a":1}', '{"a":1}'])
  /** Milliseconds of one call, at best. */
  const fastest = (open: () => unknown): number => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 20; round++) {
      const start = performance.now()
      for (let i = 0; i < 20; i++) open()
      best = Math.min(best, (performance.now() - start) / 20)
    }
    return best
  }
  const single = fastest(() => one.open(forged))
  expect(fastest(() => hundred.open(forged))).toBeLessThan(single * 100 * 4)
  expect(fastest(() => hundredLong.open(oldestLong))).toBeLessThan(single * 100 * 4)
  // One megabyte hashed anew a hundred times would take a tenth of a second; and who has the first key waits for no other.
  expect(fastest(() => hundred.open(current))).toBeLessThan(single * 10)
})
