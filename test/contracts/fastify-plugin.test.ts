import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import cookie from '@fastify/cookie'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { PermissionDenied } from 'sojourn'
import { getUser, login, loginRequired, sojourn, userPassesTest } from 'sojourn/fastify'
import { expect, test } from 'vitest'
import { standing } from './fastify-site.js'

/** Under a name that TypeScript does not follow, since its types give `request.session` another type. */
const peer: string = '@fastify/session'

const count = async (request: FastifyRequest): Promise<void> => {
  request.session.n = Number(request.session.get('n', 0)) + 1
}
const shown = async (request: FastifyRequest) => ({ n: request.session.get('n', 0) })

test('only the routes of the plugin that registers it, and those below, have sessions', () =>
  standing(async ({ app, engine, site, visitor }) => {
    app.get('/outside', async (request) => ({ has: 'session' in request }))
    app.register(async (shop) => {
      shop.register(sojourn(site))
      shop.addHook('onRequest', count)
      shop.get('/shop', shown)
      shop.register(async (below) => void below.get('/shop/below', shown))
    })
    const client = await visitor()
    expect((await client.get('/shop')).json()).toEqual({ n: 1 })
    expect((await client.get('/shop/below')).json()).toEqual({ n: 2 })
    engine.recount()
    const outside = await client.get('/outside')
    expect([outside.json(), outside.headers.vary, engine.asked]).toEqual([{ has: false }, undefined, []])
  }))

test.each(['above first', 'below first', 'twice at one place'])(
  'registered twice (%s): one scope, one cookie, one check',
  (order) =>
    standing(
      async ({ app, engine, site, visitor }) => {
        let refusals = 0
        site.on('csrf_failed', () => refusals++)
        const below = async (instance: FastifyInstance): Promise<void> => {
          instance.register(sojourn(site))
          instance.addHook('onRequest', count)
          instance.get('/', shown)
          instance.post('/', shown)
        }
        if (order === 'below first') app.register(below)
        app.register(sojourn(site))
        if (order === 'twice at one place') app.register(sojourn(site))
        app.addHook('onRequest', count)
        if (order !== 'below first') app.register(below)
        const client = await visitor()
        const response = await client.get('/')
        expect(response.json()).toEqual({ n: 2 })
        expect(response.setCookies).toHaveLength(1)
        expect(engine.asked).toEqual(['create'])
        expect((await client.request('POST', '/')).status).toBe(200)
        expect(refusals).toBe(1)
      },
      { delay: 2 },
      { csrfMode: 'report-only' },
    ),
)

test('a request that no plugin of ours has seen yet says so', () =>
  standing(async ({ app, site, visitor }) => {
    app.addHook('onRequest', count)
    app.register(sojourn(site))
    app.get('/', shown)
    expect((await (await visitor()).get('/')).json().code).toBe('no_scope')
  }))

test('beside another plugin that has request.session, it is an error at the start', async () => {
  await standing(async ({ app, site }) => {
    const { default: fastifySession } = await import(peer)
    app.register(cookie)
    app.register(fastifySession, { secret: 'a secret of more than thirty-two characters' })
    app.register(sojourn(site))
    await expect(async () => await app.ready()).rejects.toThrow(/Another plugin has request.session already/)
  })
  await standing(async ({ app, site }) => {
    await app.register(sojourn(site))
    expect(() => app.decorateRequest('session' as string, null)).toThrow(/'session' has already been added/)
  })
})

test.each(['at one place', 'one below the other'])('two sites %s are an error that says what to do', async (where) => {
  await standing(async ({ app, site }) => {
    const other = sojourn({ secretKey: 'another secret of the tests', sessionEngine: 'memory' })
    app.register(sojourn(site))
    if (where === 'at one place') app.register(other)
    else app.register(async (below) => void below.register(other))
    await expect(async () => await app.ready()).rejects.toThrow(/register each site in a plugin of its own/)
    await other.site.close()
  })
})

test('two sites beside each other have a session each', () =>
  standing(async ({ app, site, visitor }) => {
    const settings = {
      secretKey: 'another secret of the tests',
      sessionEngine: 'memory',
      sessionCookieName: 'other',
    } as const
    for (const [path, each] of [
      ['/one', site],
      ['/two', settings],
    ] as const) {
      app.register(async (plugin) => {
        plugin.register(sojourn(each))
        plugin.addHook('onRequest', count)
        plugin.get(path, shown)
      })
    }
    const client = await visitor()
    for (const n of [1, 2]) {
      expect((await client.get('/one')).json()).toEqual({ n })
      expect((await client.get('/two')).json()).toEqual({ n })
    }
  }))

test('guards are hooks: they redirect, refuse through the error handler, and let pass', () =>
  standing(
    async ({ app, site, visitor }) => {
      const ann = { id: 1, username: 'ann', password: '', isActive: true }
      const strict = userPassesTest(() => {
        throw new PermissionDenied()
      })
      let ran = 0
      const page = async (): Promise<string> => `page ${++ran}`
      app.register(sojourn(site))
      app.get('/login', async (request) => {
        await login(request, ann)
        return (await getUser(request))?.username
      })
      app.get('/account', { preHandler: loginRequired }, page)
      app.get('/early', { onRequest: [loginRequired, loginRequired] }, page)
      app.get('/strict', { preValidation: strict }, page)
      app.register(async (below) => {
        below.addHook('preHandler', loginRequired)
        below.get('/below', page)
      })
      const client = await visitor()
      for (const path of ['/account', '/early', '/below']) {
        const refused = await client.get(path)
        expect([refused.status, refused.headers.location]).toEqual([302, `/accounts/login/?next=${path}`])
        expect(refused.headers.vary).toBe('Cookie')
      }
      const denied = await client.get('/strict')
      expect([denied.status, denied.json().code, ran]).toEqual([403, 'permission_denied', 0])
      expect((await client.get('/login')).text).toBe('ann')
      expect((await client.get('/account')).text).toBe('page 1')
    },
    {},
    {
      authenticationBackends: [
        {
          path: 'test.Users',
          authenticate: () => null,
          getUser: () => ({ id: 1, username: 'ann', password: '', isActive: true }),
        },
      ],
    },
  ))

test('sessionPrefetch is asked with the request of Fastify', () =>
  standing(
    async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        await count(request)
        return 'page'
      })
      app.get('/plain', { config: { plain: true } as object }, async () => 'plain')
      const client = await visitor()
      await client.get('/')
      engine.recount()
      await client.get('/plain')
      expect(engine.asked).toEqual([])
      await client.get('/')
      expect(engine.asked).toEqual(['load', 'save'])
    },
    { delay: 2 },
    {
      sessionPrefetch: (request) =>
        !((request as FastifyRequest).routeOptions.config as { readonly plain?: boolean }).plain,
    },
  ))

test('over HTTP/2, with its host and its cookies', () =>
  standing(
    async ({ engine, site }) => {
      const app = fastify({ http2: true })
      app.register(sojourn(site))
      app.get('/', async (request) => {
        await count(request as unknown as FastifyRequest)
        return `visit ${request.session.n}`
      })
      await app.ready()
      app.server.listen(0, '127.0.0.1')
      await once(app.server, 'listening')
      const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
      const client = connect(origin)
      const get = async (headers: Record<string, string> = {}) => {
        const stream = client.request({ ':path': '/', ...headers })
        const [head] = await once(stream, 'response')
        return { head, text: String(Buffer.concat(await stream.toArray())) }
      }
      try {
        const first = await get()
        expect([first.head[':status'], first.text]).toEqual([200, 'visit 1'])
        const [name] = String(first.head['set-cookie']).split(';')
        expect((await get({ Cookie: name ?? '' })).text).toBe('visit 2')
        expect((await get({ ':authority': 'evil.example' })).head[':status']).toBe(400)
        engine.fail = ['create']
        const failed = await get()
        expect([failed.head[':status'], failed.head['retry-after'], failed.head['set-cookie']]).toEqual([
          503,
          '1',
          undefined,
        ])
      } finally {
        client.close()
        await app.close()
      }
    },
    { delay: 2 },
    { allowedHosts: ['127.0.0.1'] },
  ))
