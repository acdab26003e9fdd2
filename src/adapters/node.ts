import type { IncomingMessage, ServerResponse } from 'node:http'
import { failureResponse } from '../core/failure.js'
import { isPromise } from '../core/maybe.js'
import { Scope } from '../core/scope.js'
import type { Session } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse, RequestHead } from '../core/types.js'
import { siteOf } from '../sojourn.js'
import { readForm } from './form.js'
import { holdHead } from './hold-head.js'
import { NodeRequestHead } from './node-heads.js'

export * from './api.js'

declare module 'node:http' {
  interface IncomingMessage {
    /** The visitor's session; there once sojourn's middleware has run. */
    session: Session
  }
}

/** `(request, response, next)`, as connect, polka and many others call it. */
export interface NodeMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  readonly site: Site
  /** A listener for `http.createServer`. What it throws or rejects with becomes an error response. */
  handle(listener: (request: IncomingMessage, response: ServerResponse) => unknown): NodeListener
}

export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Sessions for `node:http`.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { sojourn } from 'sojourn/node'
 *
 * const sessions = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 * const server = createServer(
 *   sessions.handle((request, response) => {
 *     request.session.visits = Number(request.session.get('visits', 0)) + 1
 *     response.end(`visit ${request.session.visits}`)
 *   }),
 * )
 * ```
 */
export function sojourn(settings: SettingsInput | Site): NodeMiddleware {
  const site = siteOf(settings)
  const { dataUploadMaxMemorySize: limit } = site.settings
  const read = (request: IncomingMessage) => readForm(request, limit)
  const run = nodeMiddleware(site, (request) => new NodeRequestHead(request, read), sendFailure(site))
  return Object.assign(run, {
    site,
    handle(listener: (request: IncomingMessage, response: ServerResponse) => unknown): NodeListener {
      return (request, response) => {
        const failed = (error: unknown): void => fail(site, response, error)
        run(request, response, (error) => {
          if (error !== undefined) return failed(error)
          try {
            const result = listener(request, response)
            if (isPromise(result)) result.catch(failed)
          } catch (thrown) {
            failed(thrown)
          }
        })
      }
    },
  })
}

type Next = (error?: unknown) => void

/** What both Node adapters do; they differ in how a form is read and in who answers a failure. */
export function nodeMiddleware<Request extends IncomingMessage, Response extends ServerResponse>(
  site: Site,
  headOf: (request: Request) => RequestHead,
  failed: (error: unknown, response: Response, next: Next) => void,
): (request: Request, response: Response, next: Next) => void {
  return (request, response, next) => {
    if (Scope.of(site, request) !== undefined) return next()
    const scope = Scope.open(site, request, headOf(request))
    // From the start, not from the first touch: `response.end(await page(request))` takes `end` before the page touches the session.
    holdHead(response, scope, (error, ended) => {
      // A page that is still writing would write into whatever an error handler makes later; this is made at once.
      if (ended) failed(error, response, next)
      else fail(site, response, error)
    })
    request.session = scope.session
    let answer: MaybePromise<PlainResponse | undefined>
    try {
      answer = scope.begin()
    } catch (error) {
      return failed(error, response, next)
    }
    if (answer === undefined) return next()
    const proceed = (given: PlainResponse | undefined): void => (given === undefined ? next() : send(response, given))
    if (!isPromise(answer)) return proceed(answer)
    answer.then(proceed, (error: unknown) => failed(error, response, next))
  }
}

function sendFailure(site: Site): (error: unknown, response: ServerResponse) => void {
  return (error, response) => fail(site, response, error)
}

function fail(site: Site, response: ServerResponse, error: unknown): void {
  site.failed(error, response.req)
  // What is left of a body that nobody reads would be taken for the next request.
  if (!response.req.complete) response.shouldKeepAlive = false
  // An answer that is whole leaves, whatever its page does afterwards.
  if (response.writableEnded) return
  if (response.headersSent) response.destroy()
  else send(response, failureResponse(error, site.settings.debug))
}

function send(response: ServerResponse, { status, headers, body }: PlainResponse): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}
