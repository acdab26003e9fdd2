import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Next } from 'koa'
import type { Guard } from '../core/guard.js'
import { isPromise } from '../core/maybe.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { PlainResponse } from '../core/types.js'
import { siteOf } from '../sojourn.js'
import { leftForm } from './on-node/form.js'
import { type NodeRequest, NodeRequestHead, NodeResponseHead } from './on-node/heads.js'
import { holdHead } from './on-node/hold-head.js'
import { peekForm } from './on-node/peek-form.js'
import { restoreHeaders, type Standing } from './on-node/standing-headers.js'
import { refuseInherited, refuseReplacedOn } from './one-session.js'

export * from './api.js'

declare module 'koa' {
  interface ExtendableContext {
    /** The visitor's session; there once sojourn's middleware has run. */
    session: Session
  }
}

/** As much of Koa's context as sessions need. */
interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly request: KoaRequest
  readonly response: { status: number; body: unknown; set(name: string, value: string): void }
  respond?: boolean
  session: Session
  onerror(error: Error): void
}

interface KoaRequest extends NodeRequest {
  readonly req: IncomingMessage
}

export interface KoaMiddleware<T extends object = SessionData> {
  (context: KoaContext, next: Next): Promise<void>
  readonly site: Site<T>
}

/**
 * Sessions for Koa 3: `ctx.session`, protected forms, login and messages. The session is stored once the middleware below are done, so a
 * store that fails is an error like any other: for a `try` around `await next()` above, for `app.on('error')`, and else for Koa's own answer.
 *
 * @example
 * ```ts
 * import Koa from 'koa'
 * import { sojourn } from 'sojourn/koa'
 *
 * const app = new Koa()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.use((ctx) => {
 *   ctx.session.visits = Number(ctx.session.get('visits', 0)) + 1
 *   ctx.body = `visit ${ctx.session.visits}`
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): KoaMiddleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): KoaMiddleware<T>
export function sojourn(settings: SettingsInput | Site): KoaMiddleware {
  const site = siteOf(settings)
  const limit = site.settings.dataUploadMaxMemorySize
  const read = (request: KoaRequest) =>
    leftForm(request.req, request) ?? leftForm(request.req) ?? peekForm(request.req, limit)
  const middleware = async (context: KoaContext, next: Next): Promise<void> => {
    const known = Scope.of(site, context.req)
    if (known !== undefined) {
      // Another app of Koa's makes a context of its own for the same request.
      context.session = known.session
      await next()
      refuseReplacedOn(context, known, context)
      return
    }
    refuseInherited(context)
    const scope = Scope.open(site, context, new NodeRequestHead(context.request, read))
    scope.carriedBy(context.req)
    const standing = holdHead(context.res, scope, (error) => answerFailure(context, error))
    context.session = scope.session
    const begun = scope.begin()
    const refused = isPromise(begun) ? await begun : begun
    if (refused === undefined) await next()
    else answer(context, refused)
    // Who answers by `ctx.res` alone may not have begun: the head is held.
    if (context.respond !== false) await finish(context, scope, standing)
  }
  return Object.assign(middleware, { site })
}

/**
 * A guard as a middleware of Koa's: who may not pass is sent the guard's answer, and what comes below is not called.
 *
 * @example
 * ```ts
 * import Koa from 'koa'
 * import { guarded, loginRequired, sojourn } from 'sojourn/koa'
 *
 * const app = new Koa()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.use(guarded(loginRequired))
 * app.use((ctx) => {
 *   ctx.body = 'Your account'
 * })
 * ```
 */
export function guarded(guard: Guard): (context: KoaContext, next: Next) => Promise<void> {
  return async (context, next) => {
    const refused = await guard(context)
    if (refused === null) await next()
    else answer(context, refused)
  }
}

function answer({ response }: KoaContext, { status, headers, body }: PlainResponse): void {
  response.status = status
  for (const [name, value] of Object.entries(headers)) response.set(name, value)
  response.body = body
}

/** A page that threw does not come here: the held head finishes it with the status of the error page. */
async function finish(context: KoaContext, scope: Scope, standing: Standing): Promise<void> {
  try {
    refuseReplacedOn(context, scope, context)
    const finishing = scope.finish(new NodeResponseHead(context.res))
    if (isPromise(finishing)) await unlessBroken(context.response.body, finishing)
  } catch (error) {
    // Somebody else has begun an answer meanwhile (a timeout above, `flushHeaders`), which is held and hears of it.
    if (context.res.headersSent) return
    dropAnswer(context, standing, error)
    scope.drop()
    throw error
  }
}

/**
 * Koa listens to a stream once it sends it, and an error that nobody hears of would end the process. One that comes before is the answer:
 * of the stream nothing can follow.
 */
async function unlessBroken(body: unknown, finishing: Promise<void>): Promise<void> {
  if (!(body instanceof EventEmitter)) return finishing
  let broken: { readonly error: unknown } | undefined
  body.once('error', (error) => {
    broken = { error }
  })
  await finishing
  if (broken !== undefined) throw broken.error
}

/** Nothing that the page said may be seen, whatever error page comes now; one that sets no status must not make a success of it. */
function dropAnswer({ res, response }: KoaContext, standing: Standing, error: unknown): void {
  response.body = null
  restoreHeaders(res, standing)
  response.status = (error as { status?: number }).status ?? 500
}

/**
 * The head of an answer by `ctx.res` could not be stored. Middleware above does not hear of the error, and Koa takes every header off, so what
 * stood there, and the cookie of a changed key, come back when Koa sends its answer.
 */
function answerFailure(context: KoaContext, error: unknown): void {
  const { res } = context
  const standing = Object.entries(res.getHeaders())
  const { end } = res
  res.end = ((...given: Parameters<typeof end>) => {
    res.end = end
    for (const [name, value] of standing) if (value !== undefined && !res.hasHeader(name)) res.setHeader(name, value)
    return end.apply(res, given)
  }) as typeof end
  context.onerror(error as Error)
}
