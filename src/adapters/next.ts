import type { IncomingMessage, ServerResponse } from 'node:http'
import { getSession } from '../core/get-session.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import { type NextAction, runAction } from './next/action.js'
import { oneSite } from './next/one-site.js'
import { type PagesContext, type PagesHandler, runPages, runProps } from './next/pages.js'
import { type NextProxy, runProxy } from './next/proxy.js'
import type { ReadonlySession } from './next/readonly-session.js'
import { routes, type WithSession } from './next/route.js'
import { currentRequest } from './next/visit.js'
import { sojourn as nodeSojourn } from './node.js'

export * from './api.js'
export type { NextAction } from './next/action.js'
export type { PagesContext, PagesHandler } from './next/pages.js'
export type { NextProxy } from './next/proxy.js'
export type { Frozen, ReadonlySession } from './next/readonly-session.js'
export type { NextHandler, WithSession } from './next/route.js'
export type { NextVisit } from './next/visit.js'

/** What a Next application's parts are made with; each can be taken out by itself: `const { action, withSession } = sojourn(settings)`. */
export interface NextSessions<T extends object = SessionData> {
  readonly site: Site<T>

  /** A route handler: `export const POST = withSession(async (request) => ...)`. The session is stored before its response, `redirect()` or error leaves. */
  readonly withSession: WithSession

  /**
   * A server action: `export const add = action(async (request, form: FormData) => ...)`, which Next calls with what follows `request`. The
   * session is stored before its result, `redirect()` or error leaves. Throws `CsrfFailed` unless the browser says that a page of this site
   * calls: as `csrfMode: 'header-only'`, with no token.
   */
  action<Given extends unknown[], Result>(action: NextAction<Given, Result>): (...given: Given) => Promise<Result>

  /**
   * What `proxy.ts` exports: `export default proxy()`, or `proxy(async (request) => ...)` to look at the session before a page, and to change
   * it. Gives visitors the cookie that forms' tokens need.
   */
  proxy<Asked extends Request, Rest extends unknown[]>(
    proxy?: NextProxy<Asked, Rest>,
  ): (request: Asked, ...rest: Rest) => Promise<Response>

  /** In a server component: the visitor's session, to be read. Loaded once for all components of a page. Throws `StoreUnavailable`. */
  getSession<T extends object = SessionData>(): Promise<ReadonlySession<T>>

  /**
   * In a server component: what to hand to `getUser`, `csrfField`, `takeMessages` and the like, where others have a request. Below a route handler
   * or action it is the request of that.
   */
  getRequest(): Promise<object>

  /** A handler of `pages/api`, with `request.session`: `export default pagesApi((request, response) => ...)`. */
  pagesApi<Asked extends IncomingMessage, Answer extends ServerResponse>(
    handler: PagesHandler<Asked, Answer>,
  ): (request: Asked, response: Answer) => Promise<void>

  /** `getServerSideProps` of the Pages Router, with `context.req.session`. */
  pagesProps<Context extends PagesContext, Result>(
    props: (context: Context) => Promise<Result>,
  ): (context: Context) => Promise<Result | { props: Record<string, never> }>
}

/**
 * Sessions for Next.js 16, in a module of their own that pages, route handlers, actions and `proxy.ts` import. Next evaluates that module several
 * times in one process; the site is made once for each `name`.
 *
 * Needs `serverExternalPackages: ['sojourn']` in `next.config`. Throws `ImproperlyConfigured` for wrong settings, and for other settings under a
 * name that is taken.
 *
 * @example
 * ```ts
 * import { getSession, sojourn } from 'sojourn/next'
 *
 * const { withSession } = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 * // app/visits/route.ts
 * export const POST = withSession(async (request) => {
 *   const session = await getSession(request)
 *   session.visits = Number(session.get('visits', 0)) + 1
 *   return Response.json({ visits: session.visits })
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(
  settings: SchemaSettings<S>,
  name?: string,
): NextSessions<SchemaData<S>>
export function sojourn<T extends object = SessionData>(
  settings: SettingsInput | Site<T>,
  name?: string,
): NextSessions<T>
export function sojourn(settings: SettingsInput | Site, name = 'default'): NextSessions {
  const { site, visits } = oneSite(settings, name)
  const node = nodeSojourn(site)
  return {
    site,
    withSession: routes(site, visits),
    action:
      (action) =>
      (...given) =>
        runAction(site, visits, action, given),
    proxy:
      (proxy) =>
      (request, ...rest) =>
        runProxy(site, proxy, request, rest),
    getSession: async <T extends object>() =>
      (await getSession<T>(await currentRequest(site, visits))) as unknown as ReadonlySession<T>,
    getRequest: () => currentRequest(site, visits),
    pagesApi: (handler) => (request, response) => runPages(node, handler, request, response),
    pagesProps: (props) => (context) => runProps(node, props, context),
  }
}
