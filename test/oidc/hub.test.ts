import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getUser, userBackend } from 'sojourn/auth'
import { sojourn } from 'sojourn/node'
import { createRelyingParty } from 'sojourn/oidc'
import { createSites } from 'sojourn/sites'
import { serve, testClock } from 'sojourn/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { SECRET } from '../support/sites.js'
import { CLIENT_SECRET, ScriptedProvider } from './scripted-provider.js'
import { Browser, backchannel } from './world.js'

/** A hub whose visitors a provider logs in, and a member that asks the hub: two own sites over one store. */
let folder: string
let provider: ScriptedProvider
let close: () => Promise<void>
let hub: { readonly origin: string }
let shop: { readonly origin: string }
let ann: Browser
let clock = testClock()

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-hub-'))
  provider = await ScriptedProvider.start()
  clock = testClock(Math.floor(Date.now() / 1000) * 1000)
  ann = new Browser()
  const handlers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
  const served = await serve((request, response) => handlers.get(String(request.headers.host))?.(request, response))
  const { port } = new URL(served.origin)
  hub = { origin: `http://hub.localhost:${port}` }
  shop = { origin: `http://shop.localhost:${port}` }
  const opened: Site[] = []
  for (const self of ['hub', 'shop']) {
    const sessions = sojourn({
      secretKey: SECRET,
      databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` },
      sessionTokenAudiences: ['native:app'],
      loginUrl: self === 'hub' ? '/oidc/login' : '/sso/begin',
      clock,
    })
    const { site } = sessions
    await site.migrate()
    opened.push(site)
    const sites = createSites({
      site,
      self,
      hub: `${hub.origin}/sso/`,
      members: { shop: `${shop.origin}/sso/`, app: { native: ['http://127.0.0.1/done'] } },
    })
    const party = createRelyingParty({
      site,
      config: { issuer: provider.issuer, clientId: 'hub', clientSecret: CLIENT_SECRET },
      redirectUri: `${hub.origin}/oidc/callback`,
      mapUser: ({ sub }) => userBackend(site).getOrCreate(`op|${sub}`),
    })
    const { host } = new URL(self === 'hub' ? hub.origin : shop.origin)
    handlers.set(
      host,
      sessions.handle(async (request, response) => {
        const answer = (self === 'hub' ? await party.routes(request) : null) ?? (await sites.routes(request))
        if (answer !== null) return void response.writeHead(answer.status, answer.headers).end(answer.body)
        response.end((await getUser(request))?.username ?? 'nobody')
      }),
    )
  }
  close = async () => {
    await served.close()
    for (const site of opened) await site.close()
  }
})
afterEach(async () => {
  ann[Symbol.dispose]()
  await close()
  await provider[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const enter = (browser: Browser) => browser.visit(`${shop.origin}/sso/begin?next=/`)

test.each(['sid', 'sub'])('a logout at the provider, by %s, ends the member’s session too', async (name) => {
  expect((await enter(ann)).response.text).toBe('op|ann')
  const claims = name === 'sid' ? { sub: undefined } : { sid: undefined }
  expect((await backchannel(hub, await provider.logoutToken('hub', { claims }))).status).toBe(200)
  expect([await ann.who(hub), await ann.who(shop)]).toEqual(['nobody', 'nobody'])
})

test('a login at the hub that takes the place of another, of another session at the provider, ends what came of that', async () => {
  await enter(ann)
  provider.sid = 'another session at the provider'
  clock.turn(1)
  await ann.visit(`${hub.origin}/oidc/login?next=/`)
  expect([await ann.who(hub), await ann.who(shop)]).toEqual(['op|ann', 'nobody'])
  expect((await enter(ann)).response.text).toBe('op|ann')
  expect((await backchannel(hub, await provider.logoutToken('hub', { claims: { sub: undefined } }))).status).toBe(200)
  expect([await ann.who(hub), await ann.who(shop)]).toEqual(['nobody', 'nobody'])
})

test('a ticket that is under way when the provider ends the login logs nobody in', async () => {
  await ann.visit(`${hub.origin}/oidc/login?next=/`)
  const begun = await ann.ask(`${shop.origin}/sso/begin?next=/`)
  const granted = await ann.ask(String(begun.headers.location))
  await backchannel(hub, await provider.logoutToken('hub'))
  await ann.ask(String(granted.headers.location))
  expect(await ann.who(shop)).toBe('nobody')
})

test('the member’s session ends when the login does', async () => {
  await enter(ann)
  clock.turn(6 * 3600)
  expect((await enter(ann)).response.text).toBe('op|ann')
  clock.turn(6 * 3600)
  expect([await ann.who(hub), await ann.who(shop)]).toEqual(['nobody', 'nobody'])
})

test('a program’s session ends with the login, and no later than that would by itself', async () => {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    site: 'app',
    state: randomBytes(32).toString('base64url'),
    challenge: createHash('sha256').update(verifier).digest('base64url'),
    redirect: 'http://127.0.0.1/done',
  })
  const grant = `${hub.origin}/sso/grant?${query}`
  expect((await ann.visit(grant)).url).toBe(grant)
  const granted = await ann.post(grant)
  const ticket = new URL(String(granted.headers.location)).searchParams.get('ticket') as string
  clock.turn(10)
  using program = new Browser()
  const changed = await program.post(`${hub.origin}/sso/token`, { ticket, verifier })
  const { token, expires } = changed.json<{ token: string; expires: string }>()
  expect(Date.parse(expires)).toBe(clock() + (12 * 3600 - 10) * 1000)
  const headers = { authorization: `Bearer ${token}` }
  expect((await program.ask(`${hub.origin}/`, headers)).text).toBe('op|ann')
  expect((await backchannel(hub, await provider.logoutToken('hub'))).status).toBe(200)
  expect((await program.ask(`${hub.origin}/`, headers)).status).toBe(401)
})
