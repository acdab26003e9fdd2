import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { ImproperlyConfigured, sojourn } from 'sojourn'
import { loginRequired, sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onFetch } from 'sojourn/fetch'
import { sojourn as onH3 } from 'sojourn/h3'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onKoa } from 'sojourn/koa'
import { sojourn as onSvelteKit } from 'sojourn/sveltekit'
import { Client, type Served, serve, serveFetch } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'

const SECRET = 'a secret of the tests, of more than fifty characters in all'

/** What an app that was put together wrongly does with its first request: the error that it hears of. */
type Mistake = (failed: (error: unknown) => void) => Promise<unknown>

async function ask(serving: Promise<Served>): Promise<number> {
  const served = await serving
  await using visitor = new Client(served.origin)
  const { status } = await visitor.get('/')
  await served.close()
  return status
}

function ofExpress(failed: (error: unknown) => void, middleware: unknown): Promise<number> {
  const app = express().use(middleware as express.RequestHandler, (_request, response) => void response.send('a page'))
  app.use(((error, _request, response, _next) => {
    failed(error)
    response.sendStatus(500)
  }) as express.ErrorRequestHandler)
  return ask(serve(app))
}

function ofKoa(failed: (error: unknown) => void, ...middleware: unknown[]): Promise<number> {
  const app = new Koa()
  app.on('error', failed)
  for (const each of middleware) app.use(each as Koa.Middleware)
  app.use((ctx) => {
    ctx.body = 'a page'
  })
  return ask(serve(app.callback()))
}

function ofHono(failed: (error: unknown) => void, ...middleware: unknown[]): Promise<number> {
  const app = new Hono()
  app.onError((error, c) => {
    failed(error)
    return c.text('failed', 500)
  })
  for (const each of middleware) app.use(each as never)
  return ask(serveFetch(app.get('/', (c) => c.text('a page')).fetch))
}

function ofH3(failed: (error: unknown) => void, ...middleware: unknown[]): Promise<number> {
  const app = new H3({ silent: true, onError: ({ cause }) => void failed(cause) })
  for (const each of middleware) app.use(each as never)
  app.get('/', () => 'a page')
  return ask(serveFetch((request) => app.fetch(request)))
}

const site = sojourn({ secretKey: SECRET, sessionEngine: 'memory' })

const guards: Readonly<Record<string, Mistake>> = {
  Koa: (failed) => ofKoa(failed, onKoa(site), loginRequired),
  Hono: (failed) => ofHono(failed, onHono(site), loginRequired),
  'a route of Hono': (failed) => {
    const app = new Hono().use(onHono(site)).get('/', loginRequired as never, (c) => c.text('a page'))
    app.onError((error, c) => {
      failed(error)
      return c.text('failed', 500)
    })
    return ask(serveFetch(app.fetch))
  },
  h3: (failed) => ofH3(failed, onH3(site), loginRequired),
}

test.each(Object.entries(guards))(
  '%s: a guard that is no middleware there says what makes one of it',
  async (_, start) => {
    const errors: unknown[] = []
    expect(await start((error) => errors.push(error))).toBe(500)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(ImproperlyConfigured)
    expect((errors[0] as Error).message).toMatch(
      /import \{ guarded \} from 'sojourn\/hono'.*`guarded\(loginRequired\)`/,
    )
  },
)

describe('sojourn itself where its middleware is meant', () => {
  const uncalled: Readonly<Record<string, Mistake>> = {
    Express: (failed) => ofExpress(failed, onExpress),
    Koa: (failed) => ofKoa(failed, onKoa),
    Hono: (failed) => ofHono(failed, onHono),
    h3: (failed) => ofH3(failed, onH3),
  }
  test.each(Object.entries(uncalled))('%s: says that it is called with the settings', async (_, start) => {
    const errors: unknown[] = []
    expect(await start((error) => errors.push(error))).toBe(500)
    expect(errors.map((error) => (error as Error).message)).toEqual([
      'sojourn is called with the settings, and gives what the app takes: `app.use(sojourn({ secretKey }))`.',
    ])
  })

  // Fastify itself ends the process of a plugin that throws when it is called: here it is called by one that rejects.
  test('Fastify: says so for a plugin', async () => {
    const app = fastify()
    app.register(async (instance) => void onFastify(instance as never))
    await expect(app.ready()).rejects.toThrow(
      'sojourn is called with the settings, and gives the plugin: `app.register(sojourn({ secretKey }))`.',
    )
  })

  test('a handler, or what SvelteKit gives its hook, is no settings', () => {
    const handler = (): Response => new Response('a page')
    expect(() => onFetch(handler as never)).toThrow('`sojourn({ secretKey })(handler)`')
    const input = { event: { request: new Request('http://localhost/') }, resolve: handler }
    expect(() => onSvelteKit(input as never)).toThrow('`export const handle = sojourn({ secretKey })`')
  })

  test('what an adapter has made is not its site, and says where that is', () => {
    expect(() => onExpress(onFetch(site) as never)).toThrow('its `.site`')
  })
})

test('settings may be an object of any kind that has a secret', async () => {
  class Settings {
    secretKey = SECRET
    sessionEngine = 'memory' as const
  }
  for (const settings of [new Settings(), Object.assign(Object.create(null), new Settings())]) {
    await onFetch(settings).site.close()
  }
  expect(() => onFetch({ sessionEngin: 'memory' } as never)).toThrow('did you mean sessionEngine?')
})
