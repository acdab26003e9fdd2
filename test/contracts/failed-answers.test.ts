import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { type Site, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onKoa } from 'sojourn/koa'
import { type TestApp, testClient, watched } from 'sojourn/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { SECRET } from '../support/sites.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** What an app says above sojourn of every answer. */
const ABOVE: readonly (readonly [string, string | string[]])[] = [
  ['X-Frame-Options', 'DENY'],
  ['Cache-Control', 'public, max-age=600'],
  ['ETag', '"abc"'],
  ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Set-Cookie', ['a=1', 'b=2']],
]

const APPS: Readonly<Record<string, (site: Site) => Promise<TestApp> | TestApp>> = {
  express: (site) => {
    const app = express()
    app.use((_req, res, next) => {
      for (const [name, value] of ABOVE) res.set(name, value as string)
      next()
    }, onExpress(site))
    app.get('/', (req, res) => {
      req.session.n = 1
      res.append('Set-Cookie', 'page=secret').send('page')
    })
    app.use(((error, _req, res, _next) => void res.send(error.code)) as express.ErrorRequestHandler)
    return app
  },
  fastify: async (site) => {
    const app = fastify()
    app.addHook('onRequest', async (_request, reply) => void reply.headers(Object.fromEntries(ABOVE)))
    await app.register(onFastify(site))
    app.get('/', (request, reply) => {
      request.session.n = 1
      return reply.header('Set-Cookie', 'page=secret').send('page')
    })
    await app.ready()
    closing.push(() => app.close())
    return app.server
  },
  koa: (site) => {
    const app = new Koa()
    app.silent = true
    app.use(async (context, next) => {
      for (const [name, value] of ABOVE) context.set(name, value as string)
      await next()
    })
    app.use(onKoa(site))
    app.use((context) => {
      context.session.n = 1
      context.append('Set-Cookie', 'page=secret')
      context.respond = false
      context.res.end('page')
    })
    return app.callback()
  },
  hono: (site) => {
    const app = new Hono()
    app.use(async (c, next) => {
      for (const [name, value] of ABOVE) for (const each of [value].flat()) c.header(name, each, { append: true })
      await next()
    }, onHono(site))
    app.get('/', (c) => {
      c.var.session.n = 1
      c.header('Set-Cookie', 'page=secret', { append: true })
      return c.text('page')
    })
    return { fetch: (request) => app.fetch(request) }
  },
}

describe.each(Object.entries(APPS))('on %s', (_, make) => {
  test('the answer to a save that failed keeps what stood before, but for what tells of a body and its keeping', async () => {
    const engine = watched(memoryEngine(), { fail: ['create'], delay: () => Promise.resolve() })
    const site = sojourn({ secretKey: SECRET, sessionEngine: engine, databases: { default: 'sqlite::memory:' } })
    site.on('request_failed', () => undefined)
    closing.push(() => site.close())
    const client = await testClient(await make(site), { site })
    closing.push(() => client.close())
    const { status, headers, setCookies } = await client.get('/')
    expect([status, headers['x-frame-options']]).toEqual([503, 'DENY'])
    expect(headers['cache-control'] ?? '').not.toContain('public')
    expect([headers['etag'], headers['last-modified']]).not.toContain('"abc"')
    expect(headers['last-modified']).toBeUndefined()
    expect(setCookies.filter((line) => line.startsWith('page='))).toEqual([])
  })
})

test('a cookie of the same name for another domain or path is another cookie', async () => {
  const site = sojourn({ secretKey: SECRET, sessionEngine: 'memory', databases: { default: 'sqlite::memory:' } })
  closing.push(() => site.close())
  const app = express()
  app.use(onExpress(site))
  app.get('/', (req, res) => {
    req.session.n = Number(req.session.n ?? 0) + 1
    res.clearCookie('sessionid', { domain: '.example.com' }).cookie('sessionid', 'other', { path: '/admin' })
    res.send(`visit ${req.session.n}`)
  })
  app.get('/own', (req, res) => {
    req.session.n = 0
    res.cookie('sessionid', 'a'.repeat(32)).send('page')
  })
  app.use(((error, _req, res, _next) => void res.status(500).send(error.message)) as express.ErrorRequestHandler)
  const client = await testClient(app, { site })
  closing.push(() => client.close())
  expect((await client.get('/')).text).toBe('visit 1')
  expect((await client.get('/')).text).toBe('visit 2')
  expect((await client.get('/own')).text).toContain('let the session do it')
})
