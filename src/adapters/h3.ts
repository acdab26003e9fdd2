import { type H3Event, HTTPResponse, type Middleware, toResponse } from 'h3'
import type { Guard } from '../core/guard.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import { SojournError } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { finished } from './on-fetch/finished.js'
import { refuseCookies } from './on-fetch/refuse-cookies.js'
import { FetchRequestHead } from './on-fetch/request.js'
import { type AnswerHead, FetchResponseHead, responseOf } from './on-fetch/response.js'
import { isUpgrade, UpgradeHead } from './on-fetch/upgrade-head.js'
import { refuseReplacedOn } from './one-session.js'

export * from './api.js'

declare module 'h3' {
  interface H3EventContext {
    /** The visitor's session; there once sojourn's middleware has run. */
    session: Session
  }
}

export interface H3Middleware<T extends object = SessionData> extends Middleware {
  readonly site: Site<T>
}

/**
 * Sessions for h3 2 and Nitro 3, on every runtime: `event.context.session`, protected forms, login and messages. The session is stored once
 * the handlers are done, before their response leaves. What fails below becomes the app's own error page right here (`onError` of the app's
 * options), so that a new key can go with it.
 *
 * @example
 * ```ts
 * import { H3 } from 'h3'
 * import { sojourn } from 'sojourn/h3'
 *
 * const app = new H3()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/', ({ context: { session } }) => {
 *   session.visits = Number(session.get('visits', 0)) + 1
 *   return `visit ${session.visits}`
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): H3Middleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): H3Middleware<T>
export function sojourn(settings: SettingsInput | Site): H3Middleware {
  const site = siteOf(settings)
  const limit = site.settings.dataUploadMaxMemorySize
  const middleware: Middleware = async (event, next) => {
    const { req } = event
    const known = Scope.of(site, event) ?? Scope.of(site, req)
    if (known !== undefined) {
      handOver(known, event)
      const given = await next()
      refuseReplacedOn(event.context, known, event)
      return given
    }
    const tooLarge = refuseCookies(req)
    if (tooLarge !== undefined) return tooLarge
    const scope = Scope.open(site, event, new FetchRequestHead(req, limit))
    scope.carriedBy(req)
    handOver(scope, event)
    const { res } = event
    const failure = (error: unknown) => {
      // An error page may look at it, whatever a page has put there.
      handOver(scope, event)
      return failureHead(error, event, res)
    }
    const answer = async (): Promise<AnswerHead<Response>> => {
      const refused = await scope.begin()
      return headOf(refused === undefined ? await next() : responseOf(refused), event)
    }
    const head = await finished(scope, await answer().catch(failure), failure, event.context.session)
    return answerOf(head.response())
  }
  return Object.assign(middleware, { site })
}

/**
 * A guard as a middleware of h3's: who may not pass is sent the guard's answer, and the handler is not called.
 *
 * @example
 * ```ts
 * import { H3 } from 'h3'
 * import { guarded, loginRequired, sojourn } from 'sojourn/h3'
 *
 * const app = new H3()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/account', () => 'Your account', { middleware: [guarded(loginRequired)] })
 * ```
 */
export function guarded(guard: Guard): Middleware {
  return async (event, next) => {
    const refused = await guard(event)
    return refused === null ? next() : answerOf(responseOf(refused))
  }
}

/** An event that was made anew for the same request (a mounted app) gets the same session. */
function handOver(scope: Scope, event: H3Event): void {
  scope.carriedBy(event)
  event.context.session = scope.session
}

/**
 * What the middleware answers. h3 2.0.1-rc.2, which is in Nitro 3.0.0, takes a `Response` of 404 for none at all: it would send what the
 * handler gave, without our cookies, or call a handler that a guard has kept the visitor from.
 */
function answerOf(response: Response): Response | HTTPResponse {
  return response.status === 404 ? new HTTPResponse(response.body, response) : response
}

/**
 * The headers that a page set on `event.res` are in the response by now. That same h3 would put them there again at the end: cookies twice, and
 * a page's `Cache-Control: public` over our `private`.
 */
function forgetPrepared(event: H3Event): void {
  const { headers } = event.res
  for (const name of [...headers.keys()]) headers.delete(name)
}

/** What a handler returned or rejected with, as the response that the app makes of it. */
async function headOf(given: unknown, event: H3Event): Promise<AnswerHead<Response>> {
  // h3 finds in it what crossws needs, and would not in another.
  if (given instanceof Response && isUpgrade(given)) return new UpgradeHead(given)
  const { onError, debug, silent } = event.app?.config ?? {}
  let isTheirs = given instanceof Response
  const asked: typeof onError = (error, failed) => {
    isTheirs = true
    return onError?.(error, failed)
  }
  const response = await toResponse(given, event, { onError: onError && asked, debug, silent })
  forgetPrepared(event)
  // What h3 has just made nobody else holds.
  return new FetchResponseHead(response, isTheirs ? undefined : response.headers)
}

/**
 * The app's own error page, with what was said for errors (CORS) in `said`: an answer that is made uses that up, and an error may come after it.
 * Nitro's page lacks the headers that an error asks for.
 */
async function failureHead(error: unknown, event: H3Event, said: H3Event['res']): Promise<AnswerHead<Response>> {
  if (event.res !== said) for (const [name, value] of said.errHeaders) event.res.errHeaders.append(name, value)
  const head = await headOf(Promise.reject(error), event)
  const { headers = {} } = (error instanceof SojournError ? error : {}) as { headers?: Record<string, string> }
  for (const [name, value] of Object.entries(headers)) if (head.get(name) === undefined) head.set(name, value)
  return head
}
