import type { ServerResponse } from 'node:http'
import 'reflect-metadata'
import { Readable } from 'node:stream'
import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  Get,
  type INestApplication,
  Inject,
  Logger,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  Post,
  Redirect,
  Req,
  Res,
  Session as SessionOf,
  StreamableFile,
  type Type,
  UseGuards,
} from '@nestjs/common'
import { type AbstractHttpAdapter, APP_FILTER, HttpAdapterHost, NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { PermissionDenied, type Session, StoreUnavailable, sojourn as siteOf } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFastify } from 'sojourn/fastify'
import {
  CurrentUser,
  csrfInput,
  getSession,
  login,
  loginRequired,
  nestGuard,
  Site,
  sojourn,
  type User,
  userPassesTest,
} from 'sojourn/nest'
import { Client, type WatchedEngine, watched } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decorated, nestApp, PLATFORMS, type Platform, serveNest } from '../matrix/servers/nest-app.js'

const ann: User = { id: 1, username: 'ann', password: '', isActive: true }

/** A controller as Nest's people write it, but for the way it is decorated. */
class Shop {
  readonly site: Site

  constructor(site: Site) {
    this.site = site
  }

  count(session: Session): string {
    session.n = Number(session.get('n', 0)) + 1
    return `visit ${session.n}`
  }

  engine(): string {
    return this.site.engine.name
  }

  async login(request: object): Promise<string> {
    await login(request, ann)
    return 'logged in'
  }

  who(user: User | null): string {
    return user?.username ?? 'nobody'
  }

  account(): string {
    return 'the answer of the handler'
  }

  form(request: object): string {
    return csrfInput(request)
  }

  take(body: unknown, session: Session): unknown {
    session.taken = body
    return body
  }

  moved(session: Session): void {
    session.moved = true
  }

  late(response: { readonly raw?: ServerResponse } & ServerResponse): void {
    const raw = response.raw ?? response
    raw.write('begun')
    throw new StoreUnavailable('asked to')
  }

  file(session: Session): StreamableFile {
    session.loads = true
    return new StreamableFile(Readable.from([Buffer.from('the answer of the handler')]))
  }
}

const denied = userPassesTest(() => {
  throw new PermissionDenied()
})
decorated(
  Shop,
  [Controller()],
  {
    count: [Get('count')],
    engine: [Get('engine')],
    login: [Get('login')],
    who: [Get('who')],
    account: [Get('account'), UseGuards(nestGuard(loginRequired)), UseGuards(nestGuard(denied))],
    form: [Get('form')],
    take: [Post('take')],
    moved: [Get('moved'), Redirect('/count')],
    file: [Get('file')],
    late: [Get('late')],
  },
  {
    count: [SessionOf()],
    login: [Req()],
    who: [CurrentUser()],
    form: [Req()],
    take: [Body(), SessionOf()],
    moved: [SessionOf()],
    file: [SessionOf()],
    late: [Res()],
  },
)
Inject(Site)(Shop, undefined, 0)

const platforms = Object.keys(PLATFORMS) as Platform[]
const paces = [
  ['a store that answers at once', {}],
  ['a slow store', { delay: 2 }],
] as const

describe.each(platforms)('NestJS on %s', (platform) => {
  describe.each(paces)('on %s', (_, watching) => {
    let engine: WatchedEngine
    let site: Site
    let visitor: Client
    let close: () => Promise<void>

    async function open(imports: Type[] = [], adapter: AbstractHttpAdapter = PLATFORMS[platform]()): Promise<void> {
      const running = await serveNest(await nestApp(platform, site, [Shop], imports, adapter))
      visitor = new Client(running.origin)
      close = async () => {
        visitor.close()
        await running.close()
      }
    }

    beforeEach(() => {
      engine = watched(memoryEngine(), watching)
      site = siteOf({
        secretKey: 'a secret of the tests, of more than fifty characters in all',
        databases: { default: 'sqlite::memory:' },
        sessionEngine: engine,
        authenticationBackends: [{ path: 'test.Users', authenticate: () => null, getUser: () => ann }],
      })
      site.on('request_failed', () => undefined)
    })
    afterEach(async () => {
      await close()
      await site.close()
    })

    test('@Session() is the session, and the site can be injected', async () => {
      await open()
      expect((await visitor.get('/count')).text).toBe('visit 1')
      expect((await visitor.get('/count')).text).toBe('visit 2')
      expect(engine.asked).toEqual(['create', 'load', 'save'])
      expect((await visitor.get('/engine')).text).toBe('memory')
    })

    test('an answer of any kind is stored first, or is a 503 with Retry-After in the form of Nest', async () => {
      await open()
      for (const path of ['/count', '/moved', '/file']) {
        expect((await new Client(visitor.origin).get(path)).setCookies).toHaveLength(1)
        engine.fail = ['create']
        const refused = await new Client(visitor.origin).get(path)
        expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
        expect([refused.setCookies, refused.headers.location]).toEqual([[], undefined])
        expect(refused.text).not.toContain('the answer of the handler')
        if (path !== '/file') {
          const { statusCode, code, message } = refused.json()
          expect([statusCode, code, message]).toEqual([503, 'store_unavailable', 'Service Unavailable'])
        }
        engine.fail = []
      }
    })

    test('a session that cannot be loaded is the same', async () => {
      await open()
      await visitor.get('/count')
      engine.fail = ['load']
      const refused = await visitor.get('/count')
      expect([refused.status, refused.headers['retry-after'], refused.json().code]).toEqual([
        503,
        '1',
        'store_unavailable',
      ])
    })

    test('a filter of the app comes before ours', async () => {
      class Sorry {
        readonly host: HttpAdapterHost
        constructor(host: HttpAdapterHost) {
          this.host = host
        }
        catch(_error: StoreUnavailable, context: ArgumentsHost): void {
          this.host.httpAdapter.reply(context.getArgByIndex(1), { sorry: true }, 503)
        }
      }
      Catch(StoreUnavailable)(Sorry)
      Inject(HttpAdapterHost)(Sorry, undefined, 0)
      class Filters {}
      Module({ providers: [{ provide: APP_FILTER, useClass: Sorry }] })(Filters)
      await open([Filters])
      engine.fail = ['create']
      const refused = await visitor.get('/count')
      expect([refused.status, refused.json()]).toEqual([503, { sorry: true }])
    })

    test('an error of ours after the head has left ends the answer, and is no second error of Nest’s', async () => {
      await open()
      const logged: unknown[] = []
      const ignore = (): void => undefined
      Logger.overrideLogger({ log: ignore, warn: ignore, error: (...given: unknown[]) => void logged.push(given) })
      try {
        for (let n = 0; n < 2; n++) expect((await visitor.get('/late')).text).toBe('begun')
        expect(logged).toEqual([])
      } finally {
        Logger.overrideLogger(false)
      }
    })

    test('guards redirect, refuse and let pass, and the user is a parameter', async () => {
      await open()
      const refused = await visitor.get('/account')
      expect([refused.status, refused.headers.location]).toEqual([302, '/accounts/login/?next=/account'])
      expect((await visitor.get('/who')).text).toBe('nobody')
      await visitor.get('/login')
      expect((await visitor.get('/who')).text).toBe('ann')
      const forbidden = await visitor.get('/account')
      expect([forbidden.status, forbidden.json().code]).toEqual([403, 'permission_denied'])
    })

    test('forms are checked, and parsed as Nest parses them', async () => {
      await open()
      await visitor.get('/form')
      const taken = await visitor.post('/take', { 'item[name]': 'mug' })
      expect(taken.json()).toMatchObject(platform === 'Express' ? { item: { name: 'mug' } } : { 'item[name]': 'mug' })
      expect((await visitor.post('/take', { csrfmiddlewaretoken: 'wrong' })).status).toBe(403)
    })

    test('a middleware of the app has the session too', async () => {
      class Counting implements NestModule {
        configure(consumer: MiddlewareConsumer): void {
          const count = async (request: object, _response: object, next: () => void): Promise<void> => {
            const session = await getSession(request)
            session.n = 10
            next()
          }
          consumer.apply(count).forRoutes('count')
        }
      }
      Module({})(Counting)
      const adapter = PLATFORMS[platform]()
      // Nest's middleware for Fastify is a hook that Nest adds before it looks at any module.
      if (adapter instanceof FastifyAdapter) adapter.register(onFastify(site))
      await open([Counting], adapter)
      expect((await visitor.get('/count')).text).toBe('visit 11')
    })
  })

  test('what main.ts mounts by app.use has the session, with ours before it as the pages say', async () => {
    const site = siteOf({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      sessionEngine: 'memory',
    })
    class AppModule {}
    Module({ imports: [sojourn(site)], controllers: [Shop] })(AppModule)
    const adapter = PLATFORMS[platform]()
    if (adapter instanceof FastifyAdapter) adapter.register(onFastify(site))
    const app: INestApplication = await NestFactory.create(AppModule, adapter, { logger: false })
    if (platform === 'Express') app.use(onExpress(site))
    app.use('/old', async (request: object, response: ServerResponse) => {
      const session = await getSession(request)
      session.n = Number(session.get('n', 0)) + 1
      response.end(`old visit ${session.n}`)
    })
    const running = await serveNest(app)
    const visitor = new Client(running.origin)
    try {
      expect((await visitor.get('/old')).text).toBe('old visit 1')
      expect((await visitor.get('/count')).text).toBe('visit 2')
      // Nest's parser stands behind ours now, and finds the form where it was.
      await visitor.get('/form')
      expect((await visitor.post('/take', { item: 'mug' })).json()).toMatchObject({ item: 'mug' })
      expect((await visitor.post('/take', { csrfmiddlewaretoken: 'wrong' })).status).toBe(403)
      // On Fastify a form is checked once it is parsed, and this answers before.
      const unchecked = await visitor.post('/old', { csrfmiddlewaretoken: 'wrong' })
      expect(unchecked.status).toBe(platform === 'Express' ? 403 : 200)
    } finally {
      visitor.close()
      await running.close()
      await site.close()
    }
  })

  test('what settings opened is closed with the app, and a site that was given is not', async () => {
    const closed: string[] = []
    const engineOf = (name: string) => Object.assign(memoryEngine(), { close: () => void closed.push(name) })
    const secretKey = 'a secret of the tests, of more than fifty characters in all'
    const given = siteOf({ secretKey, sessionEngine: engineOf('given') })
    for (const settings of [given, { secretKey, sessionEngine: engineOf('made') }]) {
      class AppModule {}
      Module({ imports: [sojourn(settings)] })(AppModule)
      const app: INestApplication = await NestFactory.create(AppModule, PLATFORMS[platform](), { logger: false })
      await app.init()
      await app.close()
    }
    expect(closed).toEqual(['made'])
    await given.close()
  })
})
