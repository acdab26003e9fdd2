import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import formbody from '@fastify/formbody'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { getUser, userBackend } from 'sojourn/auth'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onFetch } from 'sojourn/fetch'
import { createRelyingParty, type RelyingParty } from 'sojourn/oidc'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import { SECRET } from '../support/sites.js'
import { CLIENT_SECRET, ScriptedProvider } from './scripted-provider.js'
import { Browser, backchannel } from './world.js'

/** The same site on frameworks that read forms in other ways: its routes are a guard, and need nothing of theirs. */
interface Listening {
  readonly port: number
  readonly site: Site
  close(): unknown
}

let provider: ScriptedProvider

beforeEach(async () => {
  provider = await ScriptedProvider.start()
})
afterEach(() => provider[Symbol.asyncDispose]())

const settings: SettingsInput = {
  secretKey: SECRET,
  pbkdf2Iterations: 10,
  sessionEngine: 'memory',
  databases: { default: 'sqlite::memory:' },
}

function partyOf(site: Site, port: number): RelyingParty {
  const origin = `http://127.0.0.1:${port}`
  return createRelyingParty({
    site,
    config: { issuer: provider.issuer, clientId: 'shop', clientSecret: CLIENT_SECRET },
    redirectUri: `${origin}/oidc/callback`,
    postLogoutUri: `${origin}/oidc/logged-out`,
    mapUser: ({ sub }) => userBackend(site).getOrCreate(`op|${sub}`),
  })
}

const hello = async (request: object): Promise<string> => (await getUser(request))?.username ?? 'nobody'

async function listening(
  app: Parameters<typeof createServer>[1],
  site: Site,
  made: (port: number) => void,
): Promise<Listening> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  made(port)
  return { port, site, close: () => server.close() }
}

const kinds: Readonly<Record<string, () => Promise<Listening>>> = {
  async 'Express, behind its body parser'() {
    const sessions = onExpress(settings)
    const app = express()
    app.use(express.urlencoded(), sessions)
    return listening(app, sessions.site, (port) => {
      app.use(partyOf(sessions.site, port).routes)
      app.get('/', async (request, response) => void response.send(await hello(request)))
    })
  },
  async 'Express, where nobody parses'() {
    const sessions = onExpress(settings)
    const app = express()
    app.use(sessions)
    return listening(app, sessions.site, (port) => {
      app.use(partyOf(sessions.site, port).routes)
      app.get('/', async (request, response) => void response.send(await hello(request)))
    })
  },
  async Fetch() {
    const sessions = onFetch(settings)
    let party: RelyingParty | undefined
    const handler = sessions(async (request: Request) => {
      const answer = (await party?.routes(request)) ?? null
      if (answer !== null) return new Response(answer.body, { status: answer.status, headers: answer.headers })
      return new Response(await hello(request))
    })
    return new Promise((resolve) => {
      const server = serveHono({ fetch: handler, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
        party = partyOf(sessions.site, port)
        resolve({ port, site: sessions.site, close: () => server.close() })
      })
    })
  },
  async Fastify() {
    const app = fastify()
    const sessions = onFastify(settings)
    let party: RelyingParty | undefined
    await app.register(formbody)
    await app.register(sessions)
    app.addHook('preHandler', async (request, reply) => {
      const answer = (await party?.routes(request)) ?? null
      if (answer !== null) return reply.code(answer.status).headers(answer.headers).send(answer.body)
    })
    app.get('/', (request) => hello(request))
    for (const name of ['login', 'callback']) app.get(`/oidc/${name}`, () => '')
    app.post('/oidc/backchannel', () => '')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    party = partyOf(sessions.site, port)
    return { port, site: sessions.site, close: () => app.close() }
  },
}

test.each(Object.keys(kinds))('%s: a login, and its end by the back channel', async (name) => {
  const { port, site, close } = await (kinds[name] as () => Promise<Listening>)()
  await site.migrate()
  using ann = new Browser()
  const shop = { origin: `http://127.0.0.1:${port}` }
  try {
    expect((await ann.logIn(shop)).response.text).toBe('op|ann')
    expect((await backchannel(shop, 'x')).status).toBe(400)
    expect(await ann.who(shop)).toBe('op|ann')
    const answer = await backchannel(shop, await provider.logoutToken('shop'))
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(await ann.who(shop)).toBe('nobody')
  } finally {
    await close()
    await site.close()
  }
})
