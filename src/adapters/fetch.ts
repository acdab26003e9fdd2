import { failureResponse } from '../core/failure.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, RequestHead } from '../core/types.js'
import { siteOf } from '../sojourn.js'
import { finished } from './on-fetch/finished.js'
import { refuseCookies } from './on-fetch/refuse-cookies.js'
import { FetchRequestHead } from './on-fetch/request.js'
import { type AnswerHead, FetchResponseHead, responseOf } from './on-fetch/response.js'
import { answerHead } from './on-fetch/upgrade-head.js'

export * from './api.js'

/**
 * A handler of Bun, Deno, Workers and every framework that speaks Fetch; `rest` is whatever the runtime adds. On Bun it answers nothing once
 * `server.upgrade(request)` has made a WebSocket of the request.
 */
export type FetchHandler<Rest extends unknown[], Answer extends Response | undefined = Response> = (
  request: Request,
  ...rest: Rest
) => MaybePromise<Answer>

/** Wraps a handler; `.site` is the site behind it. */
export interface FetchMiddleware<T extends object = SessionData> {
  <Rest extends unknown[], Answer extends Response | undefined>(
    handler: FetchHandler<Rest, Answer>,
  ): (request: Request, ...rest: Rest) => Promise<Answer | Response>
  readonly site: Site<T>
}

/**
 * Sessions for `(Request) => Response`. The session is stored before the response is handed to the runtime.
 *
 * @example
 * ```ts
 * import { getSession, sojourn } from 'sojourn/fetch'
 *
 * const withSession = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 * const handler = withSession(async (request) => {
 *   const session = await getSession(request)
 *   session.visits = Number(session.get('visits', 0)) + 1
 *   return new Response(`visit ${session.visits}`)
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): FetchMiddleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): FetchMiddleware<T>
export function sojourn(settings: SettingsInput | Site): FetchMiddleware {
  const site = siteOf(settings)
  const { dataUploadMaxMemorySize: limit } = site.settings
  return fetchMiddleware(site, (request) => new FetchRequestHead(request, limit))
}

/** The same for frameworks that hand over Fetch requests of their own kind. */
export function fetchMiddleware(site: Site, headOf: (request: Request) => RequestHead): FetchMiddleware {
  const middleware = <Rest extends unknown[], Answer extends Response | undefined>(
    handler: FetchHandler<Rest, Answer>,
  ) => {
    return async (request: Request, ...rest: Rest): Promise<Answer | Response> => {
      if (Scope.of(site, request) !== undefined) return handler(request, ...rest)
      const tooLarge = refuseCookies(request)
      if (tooLarge !== undefined) return tooLarge
      const failure = (error: unknown): AnswerHead<Response> => {
        site.failed(error, request)
        return new FetchResponseHead(responseOf(failureResponse(error, site.settings.debug)))
      }
      const scope = Scope.open(site, request, headOf(request))
      const answer = async (): Promise<AnswerHead<Answer | Response>> => {
        const refused = await scope.begin()
        return answerHead(refused === undefined ? await handler(request, ...rest) : responseOf(refused))
      }
      // A page that failed is finished too: a key that changed before it failed has to reach the visitor.
      const head = await finished(scope, await answer().catch(failure), failure, scope.session)
      return head.response()
    }
  }
  return Object.assign(middleware, { site })
}
