import { STATUS_CODES } from 'node:http'
import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  createParamDecorator,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Inject,
  Module,
  type NestModule,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core'
import { getUser } from '../auth/index.js'
import type { Guard } from '../core/guard.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import { Site } from '../core/site.js'
import type { PlainResponse } from '../core/types.js'
import { SojournError } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { sojourn as onExpress } from './express.js'
import { sojourn as onFastify } from './fastify.js'

export * from './api.js'
/** The site, to be injected: `constructor(private readonly site: Site)`. */
export { Site }

/** A module to be imported, and its site. `T` is what its sessions hold. */
export interface NestSessions<T extends object = SessionData> extends DynamicModule {
  readonly site: Site<T>
}

/** Whether the site was made here, and so is closed here. */
const OWNED = Symbol('sojourn.owned')

/**
 * Sessions for NestJS on Express and on Fastify: Nest's own `@Session()`, protected forms, login and messages. A module to import once; the
 * `Site` can then be injected everywhere. An error of sojourn is answered with its own status and headers, where Nest would say 500.
 * Closing the app closes what settings opened; a site that is given stays open.
 *
 * @example
 * ```ts
 * import { Module } from '@nestjs/common'
 * import { sojourn } from 'sojourn/nest'
 *
 * const sessions = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 *
 * class AppModule {}
 * Module({ imports: [sessions] })(AppModule) // or @Module({ imports: [sessions] })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): NestSessions<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): NestSessions<T>
export function sojourn(settings: SettingsInput | Site): NestSessions {
  const site = siteOf(settings)
  return {
    module: SojournModule,
    global: true,
    providers: [
      { provide: Site, useValue: site },
      { provide: OWNED, useValue: site !== settings },
      { provide: APP_FILTER, useClass: SojournFilter },
    ],
    exports: [Site],
    site,
  }
}

/**
 * A guard of sojourn as one of Nest's.
 *
 * @example
 * ```ts
 * import { Controller, Get, UseGuards } from '@nestjs/common'
 * import { loginRequired, nestGuard } from 'sojourn/nest'
 *
 * const LoggedIn = nestGuard(loginRequired)
 *
 * class AccountController {
 *   account(): string {
 *     return 'Your account'
 *   }
 * }
 * // @Controller('account'), and on the method: @Get() @UseGuards(LoggedIn)
 * Controller('account')(AccountController)
 * const method = Object.getOwnPropertyDescriptor(AccountController.prototype, 'account') as PropertyDescriptor
 * for (const decorate of [Get(), UseGuards(LoggedIn)]) decorate(AccountController.prototype, 'account', method)
 * ```
 */
export function nestGuard(guard: Guard): CanActivate {
  return {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const refused = await guard(context.switchToHttp().getRequest<object>())
      if (refused !== null) throw new Refused(refused)
      return true
    },
  }
}

/** The user who is logged in, or `null`, as a parameter: `account(@CurrentUser() user: User | null)`. */
export const CurrentUser: () => ParameterDecorator = createParamDecorator(
  (_data: undefined, context: ExecutionContext) => getUser(context.switchToHttp().getRequest<object>()),
)

/** What a guard answers instead of the handler. */
class Refused extends HttpException {
  readonly answer: PlainResponse

  constructor(answer: PlainResponse) {
    super(answer.body, answer.status)
    this.answer = answer
  }
}

class SojournModule implements NestModule, OnApplicationShutdown {
  readonly #host: HttpAdapterHost
  readonly #site: Site
  readonly #owned: boolean

  constructor(host: HttpAdapterHost, site: Site, owned: boolean) {
    this.#host = host
    this.#site = site
    this.#owned = owned
  }

  /** After Nest's body parsers, and on Express before the middleware of other modules. */
  configure(): void {
    const { httpAdapter } = this.#host
    if (isFastify(httpAdapter)) httpAdapter.register(onFastify(this.#site))
    else httpAdapter.use(onExpress(this.#site))
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#owned) await this.#site.close()
  }
}

function isFastify(adapter: object): adapter is { register(plugin: object): unknown } {
  return (adapter as { getType?(): string }).getType?.() === 'fastify'
}

/** Nest knows neither our errors nor the answers of our guards. */
class SojournFilter implements ExceptionFilter<SojournError | Refused> {
  readonly #host: HttpAdapterHost
  readonly #site: Site

  constructor(host: HttpAdapterHost, site: Site) {
    this.#host = host
    this.#site = site
  }

  catch(error: SojournError | Refused, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw error
    const { httpAdapter } = this.#host
    const [request, response] = context.getArgs<[object, object]>()
    if (error instanceof SojournError) this.#site.failed(error, request)
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response)
      return
    }
    const { status, headers, body } = error instanceof Refused ? error.answer : answerOf(error)
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value)
    httpAdapter.reply(response, body, status)
  }
}

/** In the form of Nest's own errors. What went wrong on our side is for the log. */
function answerOf(error: SojournError): { status: number; headers: Readonly<Record<string, string>>; body: object } {
  const { status, code, message } = error
  const { headers = {} } = error as { readonly headers?: Readonly<Record<string, string>> }
  return { status, headers, body: { statusCode: status, message: status < 500 ? message : STATUS_CODES[status], code } }
}

// Decorators as plain functions, since this file is to run as it is.
Module({})(SojournModule)
Catch(SojournError, Refused)(SojournFilter)
for (const target of [SojournModule, SojournFilter]) {
  Inject(HttpAdapterHost)(target, undefined, 0)
  Inject(Site)(target, undefined, 1)
}
Inject(OWNED)(SojournModule, undefined, 2)
