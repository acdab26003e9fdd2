import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { sojourn } from 'sojourn'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onFetch } from 'sojourn/fetch'
import { guarded as guardedInH3, sojourn as onH3 } from 'sojourn/h3'
import { guarded as guardedInHono, sojourn as onHono } from 'sojourn/hono'
import { guarded as guardedInKoa, sojourn as onKoa } from 'sojourn/koa'
import { createSites, type Sites } from 'sojourn/sites'
import { type TestApp, testClient } from 'sojourn/testing'
import { afterEach, expect, test } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { SECRET } from '../support/sites.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** How an app of each framework mounts the routes, as docs/guide/across-domains.md says. */
const APPS: Readonly<Record<string, (site: Site, sites: Sites) => Promise<TestApp> | TestApp>> = {
  express: (site, sites) => {
    const app = express()
    app.use(onExpress(site), sites.routes)
    app.get('/', (_req, res) => void res.send('page'))
    return app
  },
  fastify: async (site, sites) => {
    const app = fastify()
    await app.register(onFastify(site))
    app.all('/sso/*', { preHandler: sites.routes }, () => undefined)
    app.get('/', () => 'page')
    await app.ready()
    closing.push(() => app.close())
    return app.server
  },
  koa: (site, sites) => {
    const app = new Koa()
    app.use(onKoa(site))
    app.use(guardedInKoa(sites.routes))
    app.use((context) => {
      context.body = 'page'
    })
    return app.callback()
  },
  hono: (site, sites) => {
    const app = new Hono()
    app.use(onHono(site), guardedInHono(sites.routes))
    app.get('/', (context) => context.text('page'))
    return { fetch: (request) => app.fetch(request) }
  },
  h3: (site, sites) => {
    const app = new H3()
    app.use(onH3(site))
    app.use(guardedInH3(sites.routes))
    app.get('/', () => 'page')
    return { fetch: (request) => app.fetch(request) }
  },
  fetch: (site, sites) => ({
    fetch: onFetch(site)(async (request) => {
      const answer = await sites.routes(request)
      return answer === null ? new Response('page') : new Response(answer.body, answer)
    }),
  }),
}

test.each(Object.entries(APPS))('the routes are served on %s, and leave all else alone', async (_, make) => {
  const site = sojourn({ secretKey: SECRET, databases: { default: 'sqlite::memory:' } })
  closing.push(() => site.close())
  const members = { shop: 'http://shop.localhost/sso/' }
  const sites = createSites({ site, self: 'shop', hub: 'http://hub.localhost/sso/', members })
  const client = await testClient(await make(site, sites), { site })
  closing.push(() => client.close())
  expect((await client.get('/')).text).toBe('page')
  const begun = await client.get('/sso/begin?next=/cart')
  expect(begun.status).toBe(303)
  expect(begun.headers.location).toMatch(
    /^http:\/\/hub\.localhost\/sso\/grant\?site=shop&state=[\w-]{43}&challenge=[\w-]{43}$/,
  )
  expect(begun.setCookies).toEqual([expect.stringMatching(/^__Host-sso-[0-9a-f]{8}=[\w-]+; .*Secure/)])
  const refused = await client.get(`/sso/callback?ticket=x&state=${'s'.repeat(43)}`)
  expect([refused.status, refused.headers['cache-control']]).toEqual([400, expect.stringContaining('no-store')])
  const wrong = await client.get('/sso/logout')
  expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'POST'])
})
