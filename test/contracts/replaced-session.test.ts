import express from 'express'
import fastify from 'fastify'
import { H3, toNodeHandler } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { getSession, type Site, sojourn } from 'sojourn'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onH3 } from 'sojourn/h3'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onKoa } from 'sojourn/koa'
import { sojourn as onNode } from 'sojourn/node'
import { sojourn as onSvelteKit } from 'sojourn/sveltekit'
import { Client, type Served, serve, serveFetch } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const TEXT =
  'Something else has put `session` on the request or the app (express-session? cookie-session? koa-session?): keep one of the two. To end a session, call `flush()`.'

/** What a page puts in the place of the session, by its path. */
const put: Readonly<Record<string, unknown>> = { '/null': null, '/object': { theme: 'x' }, '/undefined': undefined }

/** The page: it logs in, tells who is here, or puts something in the session's place. */
async function page(request: object, path: string, holder: { session: unknown }): Promise<string> {
  const session = await getSession(request)
  if (path === '/login') session.user = 'ann'
  if (path in put) holder.session = put[path]
  return `here is ${session.get('user', 'nobody')}`
}

/** A framework's app on a site, whose errors go to `failed`; its error page tells what stands where the session is. */
type Make = (site: Site, failed: (error: unknown) => void) => Promise<Served>

const shown = (there: unknown): string => (there === undefined || there === null ? 'no session' : 'a session')

const apps = {
  'node:http': (site, failed) => {
    site.on('request_failed', ({ error }) => failed(error))
    return serve(
      onNode(site).handle(async (request, response) => {
        response.end(await page(request, request.url ?? '', request as never))
      }),
    )
  },
  Express: (site, failed) => {
    const app = express().use(onExpress(site), async (request, response) => {
      response.send(await page(request, request.url, request))
    })
    app.use(((error, _request, response, _next) => {
      failed(error)
      response.sendStatus(error.status)
    }) as express.ErrorRequestHandler)
    return serve(app)
  },
  Fastify: async (site, failed) => {
    const app = fastify()
    await app.register(onFastify(site))
    app.all('/*', (request) => page(request, request.url, request))
    app.setErrorHandler((error, request, reply) => {
      failed(error)
      return reply.send(`failed with ${shown(request.session)}`)
    })
    await app.ready()
    return serve((request, response) => app.routing(request, response))
  },
  Koa: (site, failed) => {
    const app = new Koa()
    app.on('error', failed)
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.body = `failed with ${shown(ctx.session)}`
        ctx.app.emit('error', error, ctx)
      }
    })
    app.use(onKoa(site))
    app.use(async (ctx) => {
      ctx.body = await page(ctx, ctx.path, ctx)
    })
    return serve(app.callback())
  },
  'Koa, mounted twice': (site, failed) => {
    const app = new Koa()
    app.on('error', failed)
    app.use(onKoa(site)).use(onKoa(site))
    app.use(async (ctx) => {
      ctx.body = await page(ctx, ctx.path, ctx)
    })
    return serve(app.callback())
  },
  'Koa, below another app of it': (site, failed) => {
    const inner = new Koa()
    inner.on('error', failed)
    inner.use(onKoa(site)).use(async (ctx) => {
      ctx.body = await page(ctx, ctx.path, ctx)
    })
    const app = new Koa().use(onKoa(site)).use(async (ctx) => {
      ctx.respond = false
      await inner.callback()(ctx.req, ctx.res)
    })
    return serve(app.callback())
  },
  'Koa, by ctx.res': (site, failed) => {
    const app = new Koa()
    app.on('error', failed)
    app.use(onKoa(site))
    app.use(async (ctx) => {
      ctx.respond = false
      ctx.res.end(await page(ctx, ctx.path, ctx))
    })
    return serve(app.callback())
  },
  Hono: (site, failed) => serveFetch(honoApp(site, failed).fetch),
  'Hono, below another app of it': (site, failed) => {
    const inner = honoApp(site, failed)
    const replaceRequest = (request: Request): Request => request
    return serveFetch(new Hono().use(onHono(site)).mount('/', inner.fetch, { replaceRequest }).fetch)
  },
  h3: (site, failed) => serve(toNodeHandler(h3App(site, failed))),
  'h3, mounted twice': (site, failed) => serve(toNodeHandler(h3App(site, failed, onH3(site)))),
  'h3, below another app of it': (site, failed) => {
    const inner = h3App(site, failed)
    const app = new H3({ silent: true }).use(onH3(site)).all('/**', (event) => inner.fetch(event.req))
    return serve(toNodeHandler(app))
  },
  SvelteKit: (site, failed) => {
    site.on('request_failed', ({ error }) => failed(error))
    const handle = onSvelteKit(site)
    return serveFetch((request) => {
      const event = { request, locals: {} as { session: never }, getClientAddress: () => '127.0.0.1' }
      const resolve = async (): Promise<Response> =>
        new Response(await page(request, new URL(request.url).pathname, event.locals))
      return handle({ event, resolve })
    })
  },
} satisfies Readonly<Record<string, Make>>

function honoApp(site: Site, failed: (error: unknown) => void): Hono {
  const app = new Hono()
  app.onError((error, c) => {
    failed(error)
    return c.text(`failed with ${shown(c.var.session)}`)
  })
  app.use(onHono(site))
  app.all('/*', async (c) => {
    const holder = {
      set session(given: unknown) {
        c.set('session', given as never)
      },
    }
    return c.text(await page(c, c.req.path, holder as never))
  })
  return app
}

function h3App(site: Site, failed: (error: unknown) => void, ...more: ReturnType<typeof onH3>[]): H3 {
  const app = new H3({
    silent: true,
    onError: (error, event) => {
      failed(error.cause)
      return new Response(`failed with ${shown(event.context.session)}`, { status: 500 })
    },
  })
  for (const each of [onH3(site), ...more]) app.use(each)
  app.all('/**', (event) => page(event, event.url.pathname, event.context))
  return app
}

describe.each(Object.entries(apps) as [keyof typeof apps, Make][])('%s', (_, make) => {
  let site: Site
  let served: Served
  let visitor: Client
  let errors: unknown[]
  beforeEach(async () => {
    site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      sessionEngine: 'memory',
    })
    site.on('request_failed', () => undefined)
    errors = []
    served = await make(site, (error) => errors.push(error))
    visitor = new Client(served.origin)
    await visitor.get('/login')
  })
  afterEach(async () => {
    await visitor.close()
    await served.close()
    await site.close()
  })

  test.each(Object.keys(put))(
    'what is put in the place of the session is an error that says how to end one (%s)',
    async (path) => {
      const response = await visitor.get(path)
      expect([response.status, response.text.includes('here is')]).toEqual([500, false])
      expect(response.text).not.toContain('no session')
      expect(errors.map((error) => (error as Error).message)).toEqual([TEXT])
      expect((await visitor.get('/')).text).toBe('here is ann')
    },
  )
})

/** Two sites on the same request, each with its own cookie: what stands there is the session of the one below. */
const below: Readonly<Record<string, (first: Site, second: Site) => Promise<Served>>> = {
  Koa: (first, second) => {
    const app = new Koa().use(onKoa(first)).use(onKoa(second))
    app.use(async (ctx) => {
      ctx.body = await page(ctx, ctx.path, ctx)
    })
    return serve(app.callback())
  },
  Hono: (first, second) => {
    const app = new Hono().use(onHono(first), onHono(second))
    return serveFetch(app.all('/*', async (c) => c.text(await page(c, c.req.path, { session: null }))).fetch)
  },
  h3: (first, second) => {
    const app = new H3({ silent: true }).use(onH3(first)).use(onH3(second))
    return serve(toNodeHandler(app.all('/**', (event) => page(event, event.url.pathname, event.context))))
  },
}

test.each(Object.entries(below))('%s: the session of another site of ours, below, is no stranger', async (_, start) => {
  const secretKey = 'a secret of the tests, of more than fifty characters in all'
  const first = sojourn({ secretKey, sessionEngine: 'memory' })
  const second = sojourn({ secretKey, sessionEngine: 'memory', sessionCookieName: 'other' })
  const served = await start(first, second)
  const visitor = new Client(served.origin)
  expect((await visitor.get('/login')).text).toBe('here is ann')
  expect((await visitor.get('/')).text).toBe('here is ann')
  await visitor.close()
  await served.close()
  await first.close()
  await second.close()
})
