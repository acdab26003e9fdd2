import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type ClientResponse, testClock } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Browser, type World, world } from './world.js'

const REDIRECT = 'http://127.0.0.1:5555/callback'

let folder: string
let there: World
let ann: Browser
let program: Client
const state = randomBytes(32).toString('base64url')
const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-sites-'))
  there = await world({
    settings: {
      databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` },
      sessionTokenAudiences: ['native:app'],
    },
    native: { native: ['http://127.0.0.1/callback', 'com.example.app:/callback'] },
  })
  ann = there.browser()
  await ann.login(await ann.visit(`${there.originOf('hub')}/login`))
  program = new Client(`http://127.0.0.1:${there.port}`, { headers: { host: new URL(there.originOf('hub')).host } })
})
afterEach(async () => {
  ann.close()
  program.close()
  await there[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const grant = (redirect = REDIRECT, more: Readonly<Record<string, string>> = {}): string =>
  `${there.originOf('hub')}/sso/grant?${new URLSearchParams({ site: 'app', state, challenge, redirect, ...more })}`

/** The user says yes on the hub's page. */
async function confirmed(url = grant()): Promise<ClientResponse> {
  const asked = await ann.ask(url)
  expect([asked.status, asked.text]).toEqual([200, expect.stringContaining('The program <b>app</b>')])
  const { pathname, search } = new URL(url)
  return ann.at(url).post(pathname + search)
}

/** What the browser brings to the program. */
async function ticket(): Promise<string> {
  const back = new URL(String((await confirmed()).headers.location))
  expect(back.href).toMatch(/^http:\/\/127\.0\.0\.1:5555\/callback\?/)
  expect([back.searchParams.get('state'), back.searchParams.get('iss')]).toEqual([
    state,
    `${there.originOf('hub')}/sso/`,
  ])
  return back.searchParams.get('ticket') as string
}

const change = (fields: Readonly<Record<string, string>>): Promise<ClientResponse> =>
  program.request('POST', '/sso/token', {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })

const as = async (token: string): Promise<ClientResponse> =>
  program.get('/', { headers: { Authorization: `Bearer ${token}` } })

test('a program logs in by the browser, and has a session of its own that ends with the login', async () => {
  const answer = await change({ ticket: await ticket(), verifier })
  expect([answer.status, answer.headers['cache-control'], answer.setCookies]).toEqual([
    200,
    expect.stringContaining('no-store'),
    [],
  ])
  const { token, token_type } = answer.json<{ token: string; token_type: string }>()
  expect([token, token_type]).toEqual([expect.stringMatching(/^sjt_[\w-]{43}$/), 'Bearer'])
  expect((await as(token)).text).toBe('ann null')
  await ann.ask(`${there.originOf('hub')}/token`)
  await ann.at(there.originOf('hub')).post('/sso/logout')
  expect((await as(token)).status).toBe(401)
})

test('a program has proved who its user is when they did, and not when it came', async () => {
  await there[Symbol.asyncDispose]()
  program.close()
  ann.close()
  const clock = testClock()
  const databases = { default: `sqlite:${join(folder, 'other.sqlite3')}` }
  const settings = { databases, sessionTokenAudiences: ['native:app'], sessionAuthTime: true, clock }
  there = await world({ settings, native: { native: ['http://127.0.0.1/callback'] } })
  ann = there.browser()
  program = new Client(`http://127.0.0.1:${there.port}`, { headers: { host: new URL(there.originOf('hub')).host } })
  await ann.login(await ann.visit(`${there.originOf('hub')}/login`))
  const recent = async (token: string): Promise<number> =>
    (await program.get('/recent', { headers: { Authorization: `Bearer ${token}` } })).status
  const soon = (await change({ ticket: await ticket(), verifier })).json<{ token: string }>()
  expect(await recent(soon.token)).toBe(200)
  clock.turn(3600)
  const late = (await change({ ticket: await ticket(), verifier })).json<{ token: string }>()
  expect([await recent(soon.token), await recent(late.token)]).toEqual([302, 302])
})

test('a ticket is changed once, and by whoever has its verifier', async () => {
  const first = await ticket()
  expect((await change({ ticket: first, verifier: randomBytes(32).toString('base64url') })).status).toBe(400)
  expect((await change({ ticket: first, verifier })).json()).toEqual({ error: 'invalid_grant' })
  const second = await ticket()
  const answers = await Promise.all(Array.from({ length: 50 }, () => change({ ticket: second, verifier })))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
})

test('a token buys no ticket, neither for another audience nor for a longer time', async () => {
  const { token } = (await change({ ticket: await ticket(), verifier })).json<{ token: string }>()
  const { pathname, search } = new URL(grant())
  const headers = { Authorization: `Bearer ${token}` }
  expect((await program.request('POST', pathname + search, { headers })).status).toBe(400)
  const shop = new URLSearchParams({ site: 'shop', state, challenge })
  expect((await program.get(`${pathname}?${shop}`, { headers })).status).toBe(400)
})

test('the form of the hub may lead to the program, whatever its scheme', async () => {
  const policy = async (redirect: string) => String((await ann.ask(grant(redirect))).headers['content-security-policy'])
  expect(await policy('com.example.app:/callback')).toContain("form-action 'self' com.example.app:;")
  expect(await policy(REDIRECT)).toContain("form-action 'self' http://127.0.0.1:5555;")
})

test('the ticket of a site is none for a program', async () => {
  const { headers } = await ann.ask(`${there.originOf('shop')}/sso/begin?next=/`)
  const granted = await ann.ask(String(headers.location))
  const of = new URL(String(granted.headers.location)).searchParams.get('ticket') as string
  expect((await change({ ticket: of, verifier })).status).toBe(400)
})

test('nobody can make a browser say yes', async () => {
  const { pathname, search } = new URL(grant())
  const answer = await ann.at(grant()).post(pathname + search, { csrfmiddlewaretoken: 'x' })
  expect(answer.status).toBe(403)
  // Nor is a program ever let in without a page.
  expect((await ann.ask(grant(REDIRECT, { prompt: 'none' }))).status).toBe(200)
})

describe('where the browser goes afterwards', () => {
  test.each(['com.example.app:/callback', 'http://127.0.0.1/callback', 'http://127.0.0.1:1/callback'])(
    '%s is the program’s own',
    async (redirect) => {
      expect(String((await confirmed(grant(redirect))).headers.location)).toMatch(/^(com\.example\.app|http):/)
    },
  )

  test.each([
    'https://evil.example/callback',
    'http://127.0.0.1:5555/other',
    'http://127.0.0.1.evil.example:5555/callback',
    'http://evil.example@127.0.0.1/callback',
    'com.example.app:/other',
    'com.example.application:/callback',
    'javascript:alert(1)',
    '',
  ])('%j is refused', async (redirect) => {
    expect((await ann.ask(grant(redirect))).status).toBe(400)
  })
})

test('the user’s word needs its token also where forms are only reported', async () => {
  await there[Symbol.asyncDispose]()
  const databases = { default: `sqlite:${join(folder, 'other.sqlite3')}` }
  const settings = { databases, sessionTokenAudiences: ['native:app'], csrfMode: 'report-only' as const }
  there = await world({ settings, native: { native: ['http://127.0.0.1/callback'] } })
  ann.close()
  ann = there.browser()
  await ann.login(await ann.visit(`${there.originOf('hub')}/login`))
  const { pathname, search } = new URL(grant())
  const headers = { origin: 'https://evil.example' }
  expect((await ann.at(grant()).post(pathname + search, {}, { headers })).status).toBe(403)
})
