import type { Context, MiddlewareHandler, Next } from 'hono'
import type { Guard } from '../core/guard.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise } from '../core/types.js'
import { SojournError } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { FailureHead, HonoAnswer } from './hono-answer.js'
import { finished } from './on-fetch/finished.js'
import { refuseCookies } from './on-fetch/refuse-cookies.js'
import { FetchRequestHead } from './on-fetch/request.js'
import { responseOf } from './on-fetch/response.js'
import { isReplaced, notOurs } from './one-session.js'
import { isForm, type SubmittedForm, unparsable } from './submitted-form.js'

export * from './api.js'

declare module 'hono' {
  interface ContextVariableMap {
    /** The visitor's session; there once sojourn's middleware has run. */
    session: Session
  }
}

export interface HonoMiddleware<T extends object = SessionData> extends MiddlewareHandler {
  readonly site: Site<T>
}

/**
 * Sessions for Hono 4 on Node, Bun, Deno and Workers: `c.var.session`, protected forms, login and messages. The session is stored once the
 * handlers are done, before their response leaves. A store that fails is an error like any other: for `app.onError`, and else a 503.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sojourn } from 'sojourn/hono'
 *
 * const app = new Hono()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/', (c) => {
 *   const { session } = c.var
 *   session.visits = Number(session.get('visits', 0)) + 1
 *   return c.text(`visit ${session.visits}`)
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): HonoMiddleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): HonoMiddleware<T>
export function sojourn(settings: SettingsInput | Site): HonoMiddleware {
  const site = siteOf(settings)
  const limit = site.settings.dataUploadMaxMemorySize
  const middleware: MiddlewareHandler = async (c, next) => {
    const { raw } = c.req
    const known = Scope.of(site, c) ?? Scope.of(site, raw)
    if (known !== undefined) return again(known, c, next)
    const tooLarge = refuseCookies(raw)
    if (tooLarge !== undefined) return tooLarge
    const scope = Scope.open(site, c, new HonoRequestHead(c, limit))
    scope.carriedBy(raw)
    handOver(scope, c)
    const answer = new HonoAnswer(c)
    const refused = await scope.begin()
    if (refused === undefined) await next()
    else c.res = responseOf(refused)
    // Hono has made a response of what was thrown, and prints none that brings its own.
    if (c.error instanceof SojournError) site.failed(c.error, c)
    await finish(scope, c, answer)
  }
  return Object.assign(middleware, { site })
}

/**
 * A guard as a middleware of Hono's: who may not pass is sent the guard's answer, and the handler is not called.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { guarded, loginRequired, sojourn } from 'sojourn/hono'
 *
 * const app = new Hono()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/account', guarded(loginRequired), (c) => c.text('Your account'))
 * ```
 */
export function guarded(guard: Guard): MiddlewareHandler {
  return async (c, next) => {
    const refused = await guard(c)
    return refused === null ? next() : responseOf(refused)
  }
}

/** This middleware a second time: in the same app, or in another that is mounted. */
async function again(known: Scope, c: Context, next: Next): Promise<void> {
  handOver(known, c)
  await next()
  if (!isReplaced(known, c, c.get('session'))) return
  handOver(known, c)
  // For an error page that sets no status.
  c.status(500)
  throw notOurs()
}

/** Another Hono app, called with the same request, makes a context of its own. */
function handOver(scope: Scope, c: Context): void {
  scope.carriedBy(c)
  c.set('session', scope.session)
}

async function finish(scope: Scope, c: Context, answer: HonoAnswer): Promise<void> {
  const failure = (error: unknown): FailureHead => {
    // An error page may look at it, whatever a page has put there.
    handOver(scope, c)
    scope.site.failed(error, c)
    return answer.failure(error)
  }
  const head = await finished(scope, answer.head(), failure, c.get('session'))
  answer.replace(head.response())
  if (!(head instanceof FailureHead)) return
  // Hono joins these headers to those of the error page. One that sets no status must not make a success of it.
  c.status(head.status as 500)
  throw head.error
}

/** A request of Hono's, whose body may have been read by a middleware before. */
class HonoRequestHead extends FetchRequestHead {
  readonly #c: Context

  constructor(c: Context, formLimit: number | null) {
    super(c.req.raw, formLimit)
    this.#c = c
  }

  /** On Node, where the bindings hold Node's request. */
  override get address(): string | undefined {
    const { incoming } = (this.#c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
    return incoming?.socket?.remoteAddress
  }

  protected override readForm(request: Request, limit: number | null): MaybePromise<SubmittedForm | undefined> {
    const { req } = this.#c
    if (Object.keys(req.bodyCache).length === 0) return super.readForm(request, limit)
    if (!isForm(request.headers.get('content-type') ?? '')) return undefined
    return req.formData().catch((cause: unknown) => {
      throw unparsable(cause)
    })
  }
}
