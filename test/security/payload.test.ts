import * as zlib from 'node:zlib'
import { createDeflate } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import { base64url } from '../../src/wire/crypto.js'
import { JsonSigner, Signer } from '../../src/wire/signing.js'
import { SECRET } from '../support/sites.js'
import type { Page } from './live.js'
import { given, live } from './live.js'

// The real inflateSync, watched.
vi.mock('node:zlib', async (importOriginal) => {
  const original = await importOriginal<typeof zlib>()
  return { ...original, inflateSync: vi.fn(original.inflateSync) }
})
afterEach(() => void vi.mocked(zlib.inflateSync).mockClear())

const KEY = 'k'.repeat(32)
const sessionsOnly = { middleware: ['sessions'] } as const
const show: Page = (request, response) => response.end(JSON.stringify({ ...request.session }))

/** 1 GiB of blanks, made in pieces so that no test needs a gigabyte: about 1 MB. */
async function bomb(): Promise<string> {
  const deflate = createDeflate()
  const piece = Buffer.alloc(2 ** 20, ' ')
  const packed = deflate.toArray()
  for (let i = 0; i < 1024; i++) {
    if (!deflate.write(piece)) await new Promise((resolve) => deflate.once('drain', resolve))
  }
  deflate.end()
  return '.' + base64url(Buffer.concat((await packed) as Buffer[]))
}

async function stored(site: Awaited<ReturnType<typeof live>>, text: string): Promise<void> {
  site.database
    .prepare('REPLACE INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)')
    .run(KEY, text, '2999-01-01 00:00:00')
}

describe('T31: a session of 1 GiB, packed,', () => {
  test('is refused before it is inflated if nobody signed it, and stopped at the limit if somebody did', async () => {
    const body = await bomb()
    const signer = new Signer({ key: SECRET, salt: 'django.contrib.sessions.SessionStore' })
    // Small enough packed to pass the first limit.
    await using site = await live('node', { ...sessionsOnly, sessionMaxBytes: 2 ** 21 }, show)
    let corrupted = 0
    site.site.on('session_corrupted', () => corrupted++)
    const visitor = site.visitor()
    const look = () => visitor.get('/', { headers: { Cookie: `sessionid=${KEY}` } })
    await stored(site, `${body}:1r31eq:${'A'.repeat(43)}`)
    expect((await look()).json()).toEqual({})
    expect(corrupted).toBe(1)
    expect(zlib.inflateSync).not.toHaveBeenCalled()

    await stored(site, signer.sign(`${body}:1r31eq`))
    const before = performance.now()
    expect((await look()).json()).toEqual({})
    expect(performance.now() - before).toBeLessThan(500)
    expect(corrupted).toBe(2)
    expect(vi.mocked(zlib.inflateSync).mock.results).toMatchObject([
      { type: 'throw', value: { code: 'ERR_BUFFER_TOO_LARGE' } },
    ])
    // With the limit that sites have, it is too big even packed... or inflated to no more than that.
    expect(signedCodec({ secretKey: SECRET }).decode(signer.sign(`${body}:1r31eq`))).toBeNull()
  }, 60_000)
})

describe('T32: __proto__, constructor and prototype', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

  test.each(['set', 'update', 'assign', 'property'])('copied from a JSON body by %s are data', async (how) => {
    await using site = await live('express', sessionsOnly, async (request, response) => {
      if (request.method === 'POST') {
        const body = JSON.parse(Buffer.concat((await request.toArray()) as Buffer[]).toString())
        const { session } = request
        if (how === 'update') session.update(body)
        else if (how === 'assign') Object.assign(session, body)
        else
          for (const [key, value] of Object.entries(body)) {
            if (how === 'set') session.set(key, value)
            else session[key] = value
          }
      }
      response.end(JSON.stringify(names.map((name) => [name, request.session.has(name), request.session.get(name)])))
    })
    const visitor = site.visitor()
    const value = '{"x":1,"__proto__":{"x":2},"constructor":{"prototype":{"x":3}}}'
    const body = `{${names.map((name) => `"${name}":${value}`).join(',')}}`
    const nothing = (await visitor.get('/')).json<[string, boolean, unknown][]>()
    expect(nothing.every(([, has, got]) => (!has && got === undefined) || got === null)).toBe(true)
    const expected = `[${names.map((name) => `["${name}",true,${value}]`).join(',')}]`
    expect((await visitor.request('POST', '/', { body })).text).toBe(expected)
    expect((await visitor.get('/')).text).toBe(expected)
    expect(({} as { x?: unknown }).x).toBeUndefined()
    const row = await site.database.prepare('SELECT session_data FROM django_session').get()
    const signer = new JsonSigner({ key: SECRET, salt: 'django.contrib.sessions.SessionStore' })
    expect(JSON.parse(signer.unsign(row?.session_data as string) as string)).toEqual(JSON.parse(body))
  })
})

describe('T33: 100,000 keys like integers', () => {
  test('in a session cost about as much as 100,000 other keys', async () => {
    const codec = signedCodec({ secretKey: SECRET, sessionMaxBytes: 2 ** 24 })
    const signer = new JsonSigner({ key: SECRET, salt: 'django.contrib.sessions.SessionStore', maxBytes: 2 ** 24 })
    const signed = (keyOf: (i: number) => string): string[] =>
      [0, 1, 2].map((turn) =>
        signer.sign(`{${Array.from({ length: 100_000 }, (_, i) => `"${keyOf(i)}":${turn}`).join(',')}}`),
      )
    // Array indices whose hash in V8 is the same but for a few bits: multiples of a power of two.
    const crafted = signed((i) => String(i * 2 ** 14))
    const random = signed((i) => `k${((i * 2_654_435_761) >>> 0).toString(36)}`)
    const fastest = (texts: readonly string[]): number =>
      Math.min(
        ...texts.map((text) => {
          const before = performance.now()
          expect(codec.decode(text)?.size).toBe(100_000)
          return performance.now() - before
        }),
      )
    fastest(random.slice(0, 1))
    expect(fastest(crafted)).toBeLessThan(3 * Math.max(5, fastest(signed((i) => `k${i * 7}`))))
  })

  test('in a cookie header change nothing for the session in it', async () => {
    await using site = await live('node', sessionsOnly, (request, response) => {
      request.session.set('seen', Number(request.session.get('seen', 0)) + 1)
      response.end(String(request.session.get('seen')))
    })
    const visitor = site.visitor()
    const first = await visitor.get('/')
    const [key] = given(first.setCookies, 'sessionid')
    const many = Array.from({ length: 1500 }, (_, i) => `${i * 64}=1`).join('; ')
    const again = await visitor.get('/', { headers: { Cookie: `${many}; sessionid=${key}` } })
    expect([again.status, again.text]).toEqual([200, '2'])
  })
})
