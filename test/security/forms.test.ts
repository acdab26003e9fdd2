import { gunzipSync } from 'node:zlib'
import compression from 'compression'
import express from 'express'
import { describe, expect, test, vi } from 'vitest'
import { csrfInput, getToken } from '../../src/adapters/api.js'
import { sojourn as expressSojourn } from '../../src/adapters/express.js'
import { sojourn as fetchSojourn } from '../../src/adapters/fetch.js'
import { unmaskToken } from '../../src/csrf/token.js'
import { Client, serve } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'
import { adapters, type Live, live, type Page, raw } from './live.js'

const secret = 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW'
const foreign = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const page: Page = (request, response) => {
  if (request.method === 'POST') response.setHeader('X-Done', '1')
  response.end(request.method === 'POST' ? 'done' : `<form>${csrfInput(request)}</form>`)
}
const site = (adapter: (typeof adapters)[number], settings = {}): Promise<Live> =>
  live(adapter, { middleware: ['sessions', 'csrf'], ...settings }, page)

/** A POST by bytes, with a cookie of ours and headers as they are given. */
async function post(origin: string, body: string, ...lines: readonly string[]): Promise<string> {
  const head = ['POST / HTTP/1.1', 'Host: shop.example.com', 'Connection: close', `Content-Length: ${body.length}`]
  return raw(origin, `${[...head, ...lines].join('\r\n')}\r\n\r\n${body}`)
}
const statusOf = (answer: string): number => Number(answer.slice(9, 12))
const cookie = `Cookie: csrftoken=${secret}`
const form = `csrfmiddlewaretoken=${secret}`
const urlencoded = 'Content-Type: application/x-www-form-urlencoded'

describe.each(adapters)('over %s', (adapter) => {
  test('a good form passes, so that what follows is refused for its own reason', async () => {
    await using shop = await site(adapter)
    expect(statusOf(await post(shop.origin, form, cookie, urlencoded))).toBe(200)
    expect(statusOf(await post(shop.origin, '', cookie, `X-CSRFToken: ${secret}`))).toBe(200)
    expect(statusOf(await post(shop.origin, form, cookie, urlencoded, 'Origin: http://shop.example.com'))).toBe(200)
  })

  test('T03: a sibling that planted the cookie and posts its value is refused', async () => {
    await using shop = await site(adapter)
    const sent = [cookie, urlencoded]
    expect(statusOf(await post(shop.origin, form, ...sent, 'Sec-Fetch-Site: same-site'))).toBe(403)
    expect(statusOf(await post(shop.origin, form, ...sent, 'Origin: http://evil.example.com'))).toBe(403)
    await using bound = await site(adapter, { csrfUseSessions: true })
    expect(statusOf(await post(bound.origin, form, ...sent))).toBe(403)
  })

  test('T35: a newline behind token, cookie, host or origin is refused', async () => {
    await using shop = await site(adapter, { csrfTrustedOrigins: ['https://pay.example.com'] })
    expect(statusOf(await post(shop.origin, `${form}%0A`, cookie, urlencoded))).toBe(403)
    expect(statusOf(await post(shop.origin, form, `Cookie: csrftoken="${secret}\\012"`, urlencoded))).toBe(403)
    for (const end of ['\n', '\n\n', '\r']) {
      const origin = `Origin: https://pay.example.com${end}`
      expect(statusOf(await post(shop.origin, form, cookie, urlencoded, `${origin}X: y`))).toBeGreaterThanOrEqual(400)
    }
  })

  test('T36: Origin null is refused with and without a token', async () => {
    await using shop = await site(adapter, { csrfTrustedOrigins: ['https://pay.example.com'] })
    for (const fetchSite of [[], ['Sec-Fetch-Site: same-origin'], ['Sec-Fetch-Site: cross-site']]) {
      for (const body of [form, '']) {
        const answer = await post(shop.origin, body, cookie, urlencoded, 'Origin: null', ...fetchSite)
        expect([statusOf(answer), answer.includes('X-Done')]).toEqual([403, false])
      }
    }
  })

  test('T37: without a good token no content type gets through, parsed or not', async () => {
    await using shop = await site(adapter)
    const types = [
      [],
      ['Content-Type:'],
      ['Content-Type: text/plain'],
      ['Content-Type: TEXT/Plain;x'],
      ['Content-Type: text/plain; charset=utf-8'],
      ['Content-Type: application/json'],
      ['Content-Type: application/x-www-form-urlencoded'],
      ['Content-Type: APPLICATION/X-WWW-FORM-URLENCODED ; a'],
      ['Content-Type: application/x-www-form-urlencoded, text/plain'],
      ['Content-Type: multipart/form-data; boundary=x'],
      ['Content-Type: multipart/form-data'],
      ['Content-Type: multipart/mixed'],
      ['Content-Type: x'],
      ['Content-Type: application/csp-report'],
    ]
    const bodies = [
      '',
      `csrfmiddlewaretoken=${foreign}`,
      `--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n${foreign}\r\n--x--`,
      '{"csrfmiddlewaretoken":"x"}',
    ]
    for (const lines of types) {
      for (const body of bodies) {
        for (const known of [[], [cookie]]) {
          const answer = await post(shop.origin, body, ...known, ...lines)
          const what = `${lines} ${body} ${known}`
          expect(answer, what).not.toContain('X-Done')
          // A multipart form that cannot be read is said to be that.
          const isWhole = body === '' || (`${lines}`.endsWith('boundary=x') && body.startsWith('--x'))
          const isBroken = /multipart\/form-data/.test(`${lines}`) && !isWhole
          expect(statusOf(answer), what).toBe(known.length > 0 && isBroken ? 400 : 403)
        }
      }
      // The header is good under any type.
      expect(statusOf(await post(shop.origin, 'x', cookie, ...lines, `X-CSRFToken: ${secret}`)), `${lines}`).toBe(200)
    }
  })

  test('T34: 180 cookies of 4 KiB are refused with 431', async () => {
    await using shop = await site(adapter)
    const bomb = Array.from({ length: 180 }, (_, i) => `c${i}=${'x'.repeat(4090)}`).join('; ')
    const answer = await raw(shop.origin, `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${bomb}\r\n\r\n`)
    expect(statusOf(answer)).toBe(431)
    expect((await shop.visitor().get('/')).status).toBe(200)
  })
})

test('T34: over Fetch, cookies of more than 16 KiB are refused with 431, unread', async () => {
  const middleware = fetchSojourn({
    secretKey: SECRET,
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:' },
  })
  const page = vi.fn(() => new Response('page'))
  const withSession = middleware(page)
  const ask = (length: number): Promise<Response> =>
    withSession(new Request('http://a/', { headers: { cookie: `sessionid="${'x'.repeat(length - 12)}"` } }))
  expect((await ask(16 * 1024)).status).toBe(200)
  expect(page).toHaveBeenCalledOnce()
  const read = vi.spyOn(String.prototype, 'indexOf')
  const refused = await ask(16 * 1024 + 1)
  const searched = read.mock.contexts.filter((text) => String(text).includes('sessionid'))
  read.mockRestore()
  expect([refused.status, refused.headers.getSetCookie()]).toEqual([431, []])
  expect(searched).toEqual([])
  expect(page).toHaveBeenCalledOnce()
  await middleware.site.close()
})

test('T43: over HTTP with compression, tokens never repeat and a packed page does not tell a right guess', async () => {
  const middleware = expressSojourn({
    secretKey: SECRET,
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:' },
  })
  const app = express()
  app.use(compression({ threshold: 0 }), middleware, (request, response) => {
    response
      .type('html')
      .send(`<p>${String(request.query.guess)}</p><form><input name="t" value="${getToken(request)}"></form>`)
  })
  const { origin, close } = await serve(app)
  const visitor = new Client(origin)
  visitor.cookies.set('csrftoken', secret)
  const tokens = new Set<string>()
  const meanLength = async (guess: string): Promise<number> => {
    let bytes = 0
    for (let i = 0; i < 1000; i++) {
      const answer = await visitor.get(`/?guess=${guess}`, { headers: { 'Accept-Encoding': 'gzip' } })
      expect(answer.headers['content-encoding']).toBe('gzip')
      bytes += answer.bytes.length
      const [, token = ''] = /value="(\w{64})"/.exec(gunzipSync(answer.bytes).toString()) ?? []
      expect(unmaskToken(token)).toBe(secret)
      tokens.add(token)
    }
    return bytes / 1000
  }
  const right = await meanLength(secret)
  const wrong = await meanLength([...secret].reverse().join(''))
  expect(Math.abs(right - wrong)).toBeLessThanOrEqual(1)
  expect(tokens.size).toBe(2000)
  visitor.close()
  await close()
  await middleware.site.close()
})
