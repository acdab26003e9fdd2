import type { IncomingMessage } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { H3, toNodeHandler } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn'
import { getUser, userBackend } from 'sojourn/auth'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { getSession, sojourn as onFetch } from 'sojourn/fetch'
import { sojourn as onH3 } from 'sojourn/h3'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onKoa } from 'sojourn/koa'
import { sojourn as onNode } from 'sojourn/node'
import { type Served, serve, serveFetch } from 'sojourn/testing'
import { issueSessionToken } from 'sojourn/tokens'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelUser } from '../../src/auth/model-user.js'
import { SECRET } from '../support/sites.js'
import { bearer } from './site.js'

let site: Site
let ann: ModelUser

beforeAll(async () => {
  site = sojourn({
    secretKey: SECRET,
    databases: { default: 'sqlite::memory:' },
    pbkdf2Iterations: 10,
    sessionTokenAudiences: ['app'],
    csrfExemptPaths: ['/token'],
  })
  await site.migrate()
  ann = await userBackend(site).createUser('ann', 'a long password')
})
afterAll(() => site.close())

/** The one page: a token at `/token`, else who is here and the how many-eth visit of this session it is. */
async function page(request: object, url: string | undefined): Promise<string> {
  if (url?.endsWith('/token')) return (await issueSessionToken(request, { user: ann, aud: 'app' })).token
  const user = await getUser(request)
  const session = await getSession(request)
  session.set('visits', Number(session.get('visits', 0)) + 1)
  return `${user?.username ?? 'nobody'} ${session.get('visits')}`
}

const frameworks: Readonly<Record<string, () => Promise<Served>>> = {
  'node:http': () =>
    serve(
      onNode(site).handle(async (request, response) => {
        response.end(await page(request, request.url))
      }),
    ),
  Express: () =>
    serve(
      express().use(onExpress(site), async (request, response) => {
        response.send(await page(request, request.url))
      }),
    ),
  Koa: () => {
    const app = new Koa()
    app.use(onKoa(site))
    app.use(async (context) => {
      context.body = await page(context, context.url)
    })
    return serve(app.callback())
  },
  Fastify: async () => {
    const app = fastify()
    await app.register(onFastify(site))
    app.all('/*', (request) => page(request, request.url))
    await app.ready()
    return serve((request, response) => app.routing(request, response))
  },
  Hono: () => {
    const app = new Hono()
    app.use(onHono(site))
    app.all('/*', async (context) => context.text(await page(context, context.req.path)))
    return serveFetch((request) => app.fetch(request))
  },
  h3: () => {
    const app = new H3()
    app.use(onH3(site))
    app.all('/**', (event) => page(event, event.url.pathname))
    const handler = toNodeHandler(app)
    return serve((request: IncomingMessage, response) => void handler(request, response))
  },
  Fetch: () => serveFetch(onFetch(site)(async (request) => new Response(await page(request, request.url)))),
}

describe.each(Object.entries(frameworks))('on %s', (_, start) => {
  test('a token names the session of a request, whatever its method, and no answer sets a cookie', async () => {
    const { origin, close } = await start()
    try {
      const ask = async (method: string, path: string, headers = {}): Promise<readonly [number, string]> => {
        const response = await fetch(origin + path, { method, headers })
        if (path !== '/token') expect(response.headers.getSetCookie().length).toBe('authorization' in headers ? 0 : 1)
        return [response.status, await response.text()]
      }
      const [, token] = await ask('POST', '/token')
      expect(token).toMatch(/^sjt_/)
      expect(await ask('GET', '/', bearer(token))).toEqual([200, 'ann 1'])
      expect(await ask('POST', '/', bearer(token))).toEqual([200, 'ann 2'])
      expect(await ask('GET', '/')).toEqual([200, 'nobody 1'])
      expect((await ask('POST', '/', bearer(`${token}x`)))[0]).toBe(401)
      expect((await ask('GET', '/', { ...bearer(token), cookie: 'sessionid=xxxxxxxxxx' }))[0]).toBe(400)
    } finally {
      await close()
    }
  })
})
