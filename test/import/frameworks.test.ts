import { getRequestListener } from '@hono/node-server'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, test } from 'vitest'
import { sojourn as forFastify } from '../../src/adapters/fastify.js'
import { sojourn as forHono } from '../../src/adapters/hono.js'
import { sojourn as forKoa } from '../../src/adapters/koa.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { importSession } from '../../src/import/index.js'
import { Client, serve } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'

const settings: SettingsInput = { secretKey: SECRET, sessionEngine: 'memory', middleware: ['sessions'] }

/** Moves sessions as in the guide, whatever the framework calls a request. */
const importOld = importSession<{ name: string }>({
  name: 'old',
  get: (id) => (id === 'known' ? { name: 'ann' } : null),
})

interface App {
  readonly origin: string
  close(): Promise<unknown>
}

const apps: Readonly<Record<string, () => Promise<App>>> = {
  Koa() {
    const app = new Koa()
    app.use(forKoa(settings))
    app.use(async (ctx, next) => {
      await importOld(ctx)
      await next()
    })
    app.use((ctx) => {
      ctx.body = `Hello, ${ctx.session.get('name', 'guest')}`
    })
    return serve(app.callback())
  },
  Hono() {
    const app = new Hono()
    app.use(forHono(settings))
    app.use(async (c, next) => {
      await importOld(c)
      await next()
    })
    app.get('/', (c) => c.text(`Hello, ${c.var.session.get('name', 'guest')}`))
    return serve(getRequestListener(app.fetch))
  },
  async Fastify() {
    const app = fastify()
    await app.register(forFastify(settings))
    app.addHook('preHandler', async (request) => {
      await importOld(request)
    })
    app.get('/', async (request) => `Hello, ${request.session.get('name', 'guest')}`)
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: () => app.close() }
  },
}

describe.each(Object.entries(apps))('in %s, as the guide has it,', (_, start) => {
  test('an old session is moved before the handler, and its cookie goes with the answer', async () => {
    const { origin, close } = await start()
    const visitor = new Client(origin)
    try {
      expect((await visitor.get('/')).text).toBe('Hello, guest')
      visitor.cookies.set('old', 'known')
      expect((await visitor.get('/')).text).toBe('Hello, ann')
      expect(visitor.cookies.get('old')).toBeUndefined()
      expect((await visitor.get('/')).text).toBe('Hello, ann')
    } finally {
      visitor.close()
      await close()
    }
  })
})
