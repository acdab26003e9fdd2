import type { SettingsInput } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { type Client, type ClientResponse, watched } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'
import { refusals } from '../../examples/site/forms-page.js'
import { siteSettings } from '../../examples/site/settings.js'
import { add, dataOf, logIn, messagesIn, submit, visit } from './site-visit.js'

const ENGINES = ['db', 'memory', 'signed_cookies'] as const

/** The token that a form of the page holds; empty where it has none. */
function tokenIn({ text }: ClientResponse, form: string): string {
  const html = new RegExp(`<form id="${form}".*?</form>`, 's').exec(text)?.[0]
  expect(html, form).toBeDefined()
  return /name="csrfmiddlewaretoken" value="(\w{64})"/.exec(html as string)?.[1] ?? ''
}

/** Sends one of the three forms as it stands in the page. */
async function send(visitor: Client, form: string, headers: Record<string, string> = {}): Promise<ClientResponse> {
  const token = tokenIn(await visitor.get('/forms'), form)
  return visitor.post('/forms', { csrfmiddlewaretoken: token }, { headers })
}

/** What the page for a refused form says. */
function refusalIn({ text }: ClientResponse): readonly (string | undefined)[] {
  return ['code', 'reason'].map((id) => new RegExp(`id="${id}"[^>]*>(.*?)</`).exec(text)?.[1])
}

describe.each(ENGINES)('the three forms, on the engine %s', (sessionEngine) => {
  test.each([false, true])('with the secret in the session: %s', async (csrfUseSessions) => {
    const { visitor } = await visit({ sessionEngine, csrfUseSessions })
    const own = await send(visitor, 'own-token')
    expect([own.status, own.headers.location]).toEqual([303, '/forms'])
    expect(messagesIn(await visitor.get('/forms'))).toEqual([['success', 'Accepted: the form brought your token.']])

    const without = await send(visitor, 'no-token')
    expect(without.status).toBe(403)
    expect(refusalIn(without)).toEqual(['no_token', 'CSRF token missing.'])
    const other = await send(visitor, 'other-token')
    expect(other.status).toBe(403)
    expect(refusalIn(other)).toEqual(['token', 'CSRF token from POST incorrect.'])
    expect(messagesIn(await visitor.get('/forms'))).toEqual([])
  })
})

test.each<[what: string, settings: SettingsInput]>([
  ['without the part csrf', { middleware: ['sessions', 'auth', 'messages'] }],
  ['with this path exempt', { csrfExemptPaths: ['/forms'] }],
])('are what they say also %s', async (_, settings) => {
  const { visitor } = await visit(settings)
  expect((await send(visitor, 'own-token')).status).toBe(303)
  const refused = await send(visitor, 'no-token')
  expect([refused.status, refusalIn(refused)[0]]).toEqual([403, 'no_token'])
})

test('what the browser said of itself is told as information', async () => {
  const { served, visitor } = await visit()
  await send(visitor, 'own-token', { 'Sec-Fetch-Site': 'same-origin', Origin: served.origin })
  expect(messagesIn(await visitor.get('/forms'))).toEqual([
    ['success', 'Accepted: the form brought your token.'],
    [
      'info',
      `Where the form came from, your browser told by itself: Sec-Fetch-Site: same-origin, Origin: ${served.origin}`,
    ],
  ])
})

describe('what the page says of forms from elsewhere is what happens', () => {
  const said = (page: ClientResponse): readonly (readonly string[])[] =>
    [...page.text.matchAll(/<tr><th scope="row">(.*?)<\/th><td><code>(\w+)<\/code><\/td><\/tr>/g)].map(
      ([, brings = '', code = '']) => [brings.replace(/<\/?code>/g, ''), code],
    )

  test.each(refusals.map((refusal, at) => [at, refusal] as const))('in its line %i', async (at, refusal) => {
    const { visitor } = await visit()
    const page = await visitor.get('/forms')
    const [brings, code] = said(page)[at] as readonly [string, string]
    expect(code).toBe(refusal.code)
    const fields: Record<string, string> = { csrfmiddlewaretoken: tokenIn(page, 'own-token') }
    const headers: Record<string, string> = {}
    if ('header' in refusal) {
      const [name, value] = brings.split(': ', 2) as [string, string]
      headers[name] = value
    } else if (brings === 'no cookie') visitor.cookies.delete('csrftoken')
    else fields.csrfmiddlewaretoken = brings === 'no token' ? '' : tokenIn(page, 'other-token')
    const answer = await visitor.post('/forms', fields, { headers })
    expect([answer.status, refusalIn(answer)[0]]).toEqual([403, code])
  })

  test.each(['header-only', 'report-only'] as const)(
    'unless the site runs with csrfMode %s: so it says',
    async (csrfMode) => {
      const { visitor } = await visit({ csrfMode })
      expect((await visitor.get('/forms')).text).toContain(`This site runs with csrfMode ${csrfMode}`)
    },
  )
})

describe('the page for a refused form', () => {
  test('is one of this site, in the visitor’s language and theme, and is kept nowhere', async () => {
    const { visitor } = await visit()
    await submit(visitor, '/preferences', '/preferences', { theme: 'dark', language: 'de' })
    const answer = await send(visitor, 'no-token')
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('<html lang="de" data-theme="dark">')
    expect(answer.text).toContain('Dieses Formular wurde nicht angenommen')
    expect(answer.text).toContain('href="/site.css"')
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.headers['cache-control']).toContain('no-store')
    expect(answer.headers.vary).toContain('Cookie')
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'")
    // It does not know who the visitor is, and so offers neither login nor logout.
    expect(answer.text).not.toMatch(/<form|href="\/login"/)
  })

  test('leads back to the page of the form, and to none elsewhere', async () => {
    const { served, visitor } = await visit()
    const back = async (headers: Record<string, string>) =>
      /<\/dl>\s*<p><a href="([^"]+)">([^<]+)</.exec((await send(visitor, 'no-token', headers)).text)?.slice(1)
    expect(await back({ Referer: `${served.origin}/forms?a=1` })).toEqual(['/forms?a=1', 'Back to the form'])
    expect(await back({})).toEqual(['/', 'Back to the shop'])
    expect(await back({ Referer: 'https://evil.example/forms' })).toEqual(['/', 'Back to the shop'])
  })

  test('shows what an attacker sent as text', async () => {
    const { visitor } = await visit()
    const answer = await send(visitor, 'own-token', { Origin: 'https://<b>evil' })
    expect([answer.status, refusalIn(answer)[0]]).toEqual([403, 'origin'])
    expect(answer.text).toContain('https://&lt;b&gt;evil')
    expect(answer.text).not.toContain('<b>')
  })

  test('asks for cookies where there were none', async () => {
    const { visitor } = await visit()
    const answer = await visitor.post('/name', { username: 'Mallory' })
    expect(refusalIn(answer)).toEqual(['no_cookie', 'CSRF cookie not set.'])
    expect(answer.text).toContain('Please allow cookies')
    expect(answer.setCookies).toEqual([])
  })

  test.each(['error', 'read-only'] as const)(
    'comes as it is when the store is down, and the visitor keeps the cookie (sessionOnStoreError: %s)',
    async (sessionOnStoreError) => {
      for (const synchronous of [false, true]) {
        const engine = watched(memoryEngine(), synchronous ? {} : { delay: 0 })
        expect(engine.synchronous).toBe(synchronous)
        const { visitor } = await visit({ sessionEngine: engine, sessionOnStoreError })
        await submit(visitor, '/preferences', '/preferences', { theme: 'dark', language: 'de' })
        await visitor.get('/forms')
        const key = visitor.cookies.get('sessionid')
        engine.fail = ['load', 'save', 'create', 'delete', 'exists']
        const answer = await visitor.post('/forms', { csrfmiddlewaretoken: '' })
        expect([synchronous, answer.status, ...refusalIn(answer)]).toEqual([
          synchronous,
          403,
          'no_token',
          'CSRF token missing.',
        ])
        expect(answer.text).toContain('<html lang="en" data-theme="auto">')
        expect(answer.setCookies).toEqual([])
        engine.fail = []
        expect(visitor.cookies.get('sessionid')).toBe(key)
        expect(await dataOf(visitor)).toEqual({ theme: 'dark', language: 'de' })
      }
    },
  )

  test('changes nothing, and keeps the flash texts for the next page', async () => {
    const { visitor } = await visit({ messageStorage: 'session' })
    await logIn(visitor)
    await visitor.get('/forms')
    await add(visitor, 'mug')
    const before = await dataOf(visitor)
    const answer = await visitor.post('/forms', { csrfmiddlewaretoken: '' })
    expect(answer.status).toBe(403)
    expect(answer.setCookies).toEqual([])
    expect(await dataOf(visitor)).toEqual(before)
    expect(messagesIn(await visitor.get('/'))).toEqual([['success', 'Enamel mug is in your cart.']])
  })

  test('is the site’s default, and gives way to another', async () => {
    const settings = siteSettings({ SECRET_KEY: 'a given key', DATABASE_URL: 'sqlite::memory:' })
    const own = await visit({ csrfFailureView: settings.csrfFailureView ?? null })
    expect((await send(own.visitor, 'no-token')).text).toContain('id="reason"')
    const csrfFailureView = () => ({ status: 403, headers: {}, body: 'No.' })
    const other = await visit({ csrfFailureView })
    expect((await send(other.visitor, 'no-token')).text).toBe('No.')
  })
})
