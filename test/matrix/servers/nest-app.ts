import 'reflect-metadata'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { All, Controller, type INestApplication, Module, Req, Res, Session, type Type } from '@nestjs/common'
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/nest'
import type { App, Running } from 'sojourn/testing'

/** What Nest stands on. */
export const PLATFORMS = {
  Express: () => new ExpressAdapter(),
  Fastify: () => new FastifyAdapter(),
} as const

export type Platform = keyof typeof PLATFORMS

/** Decorates as `@...` would, which this repository's sources may not contain. */
export function decorated<T extends Type>(
  target: T,
  classes: readonly ClassDecorator[],
  methods: Readonly<Record<string, readonly MethodDecorator[]>> = {},
  parameters: Readonly<Record<string, readonly ParameterDecorator[]>> = {},
): T {
  for (const [name, list] of Object.entries(parameters)) {
    for (const [index, decorate] of list.entries()) decorate(target.prototype, name, index)
  }
  for (const [name, list] of Object.entries(methods)) {
    const method = Object.getOwnPropertyDescriptor(target.prototype, name) as PropertyDescriptor
    for (const decorate of list) decorate(target.prototype, name, method)
  }
  for (const decorate of classes) decorate(target)
  return target
}

interface Wrapped {
  readonly raw?: never
}

/** A contract's pages behind a controller of Nest. */
export function nestPages(app: App): Type {
  class Pages {
    page(request: Wrapped, response: Wrapped, session: unknown): unknown {
      const place = { request, session: () => session }
      return app.node(request.raw ?? (request as never), response.raw ?? (response as never), place)
    }
  }
  return decorated(Pages, [Controller()], { page: [All('*')] }, { page: [Req(), Res(), Session()] })
}

/** An application of Nest with these controllers. */
export async function nestApp(
  platform: Platform,
  site: Site,
  controllers: readonly Type[],
  imports: readonly Type[] = [],
  adapter: AbstractHttpAdapter = PLATFORMS[platform](),
): Promise<INestApplication> {
  class AppModule {}
  Module({ imports: [sojourn(site), ...imports], controllers: [...controllers] })(AppModule)
  const app = await NestFactory.create(AppModule, adapter, { logger: false })
  await app.init()
  return app
}

export async function serveNest(app: INestApplication): Promise<Running> {
  await app.listen(0, '127.0.0.1')
  return {
    origin: await app.getUrl(),
    async close() {
      app.getHttpServer().closeAllConnections()
      await app.close()
    },
  }
}

/** What a server of Node calls, once the application is there. */
export function nestListener(
  platform: Platform,
  site: Site,
  app: App,
): (request: IncomingMessage, response: ServerResponse) => void {
  const made = ready(platform, site, app)
  return (request, response) => {
    made.then((nest) => nest.getHttpServer().emit('request', request, response))
  }
}

async function ready(platform: Platform, site: Site, app: App): Promise<INestApplication> {
  const nest = await nestApp(platform, site, [nestPages(app)])
  // What `listen` would do for Fastify.
  await nest.getHttpAdapter().getInstance().ready?.()
  return nest
}
