import { gunzipSync, gzipSync } from 'node:zlib'
import compression from 'compression'
import express from 'express'
import { describe, expect, test } from 'vitest'
import { csrfInput } from '../../src/adapters/api.js'
import { sojourn as onExpress } from '../../src/adapters/express.js'
import { CSRF_ALPHABET, maskSecret, SECRET_LENGTH, unmaskToken } from '../../src/csrf/token.js'
import { Client, type Routes, serve } from '../../src/testing/index.js'
import { randomString } from '../../src/wire/crypto.js'
import { SECRET } from '../support/sites.js'
import { everywhere, standing } from './everywhere.js'

const secret = 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW'
const tokensIn = (page: string): readonly string[] =>
  [...page.matchAll(/name="csrfmiddlewaretoken" value="(\w{64})"/g)].map(([, token]) => token as string)

describe.each(everywhere)('over %s', (adapter) => {
  const routes: Routes = { '/': ({ request }) => Array.from({ length: 100 }, () => csrfInput(request)).join('\n') }

  test.each([
    ['in a cookie', false],
    ['in the session', true],
  ])(
    'T43: 10,000 tokens in pages are all different, mask and rest, and all of one secret (%s)',
    async (_, inSession) => {
      await using shop = await standing(
        adapter,
        { middleware: ['sessions', 'csrf'], csrfUseSessions: inSession },
        routes,
      )
      const visitor = shop.visitor()
      const tokens: string[] = []
      for (let i = 0; i < 100; i++) tokens.push(...tokensIn((await visitor.get('/')).text))
      expect(tokens).toHaveLength(10_000)
      expect(new Set(tokens).size).toBe(10_000)
      expect(new Set(tokens.map((token) => token.slice(0, SECRET_LENGTH))).size).toBe(10_000)
      expect(new Set(tokens.map((token) => token.slice(SECRET_LENGTH))).size).toBe(10_000)
      const secrets = new Set(tokens.map(unmaskToken))
      expect(secrets.size).toBe(1)
      if (!inSession) expect([...secrets]).toEqual([visitor.cookies.get('csrftoken')])
    },
  )
})

/** How much longer pages get by a wrong guess at the next character than by the right one: the mean of 1,000 of each. */
function gain(shown: () => string, length: number): number {
  let bytes = 0
  for (let i = 0; i < 1000; i++) {
    const known = secret.slice(0, length - 1)
    const others = [...CSRF_ALPHABET].filter((letter) => letter !== secret[length - 1])
    const page = (guess: string): number =>
      gzipSync(`<p>You searched for value="${guess}</p><form><input value="${shown()}"></form>`).length
    bytes += page(known + others[i % others.length]) - page(secret.slice(0, length))
  }
  return bytes / 1000
}

test('T43: whatever prefix of the secret is guessed, a packed page is as long as with a wrong guess', () => {
  const masked = (): string => maskSecret(secret, randomString(SECRET_LENGTH, CSRF_ALPHABET))
  for (const length of [1, 2, 3, 4, 6, 8, 12, 16, 24, 31, 32])
    expect(Math.abs(gain(masked, length))).toBeLessThanOrEqual(1)
  // What the attack lives on, without the mask: a right character saves what a wrong one costs.
  const bare = [8, 12, 16, 24, 31].map((length) => gain(() => secret, length))
  expect(Math.max(...bare)).toBeGreaterThan(0.5)
  expect(Math.max(...[12, 24].map((length) => Math.abs(gain(masked, length))))).toBeLessThan(0.5)
})

test('T43: over HTTP with compression, a page that echoes the token shown last is as long as any other', async () => {
  const middleware = onExpress({
    secretKey: SECRET,
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:' },
  })
  const app = express().use(compression({ threshold: 0 }), middleware, (request, response) => {
    response.type('html').send(`<p>value="${String(request.query.guess)}</p><form>${csrfInput(request)}</form>`)
  })
  const { origin, close } = await serve(app)
  const visitor = new Client(origin)
  try {
    visitor.cookies.set('csrftoken', secret)
    const seen = new Set<string>()
    let last = secret
    const mean = async (guess: () => string): Promise<number> => {
      let bytes = 0
      for (let i = 0; i < 1000; i++) {
        const answer = await visitor.get(`/?guess=${guess()}`, { headers: { 'Accept-Encoding': 'gzip' } })
        bytes += answer.bytes.length
        for (const token of tokensIn(gunzipSync(answer.bytes).toString())) {
          expect(unmaskToken(token)).toBe(secret)
          seen.add(token)
          last = token
        }
      }
      return bytes / 1000
    }
    const shown = await mean(() => last)
    const never = await mean(() => randomString(64, CSRF_ALPHABET))
    expect(Math.abs(shown - never)).toBeLessThanOrEqual(1)
    expect(seen.size).toBe(2000)
  } finally {
    visitor.close()
    await close()
    await middleware.site.close()
  }
})
