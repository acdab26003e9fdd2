import type { IncomingMessage, ServerResponse } from 'node:http'
import { failByNode } from '../core/fail-by-node.js'
import { isPromise } from '../core/maybe.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import { sendByNode } from '../core/send.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse, RequestHead } from '../core/types.js'
import { siteOf } from '../sojourn.js'
import { formReader, lastOfEach } from './on-node/form.js'
import { NodeRequestHead } from './on-node/heads.js'
import { holdHead } from './on-node/hold-head.js'
import { refuseOthers } from './one-session.js'

export * from './api.js'

// Without `node:`, as others name it who extend it (@koa/bodyparser): by two names it is two things for TypeScript.
declare module 'http' {
  interface IncomingMessage {
    /** The visitor's session; there once sojourn's middleware has run. */
    session: Session
  }
}

/** `(request, response, next)`, as connect, polka and many others call it. */
export interface NodeMiddleware<T extends object = SessionData> {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  readonly site: Site<T>
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
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): NodeMiddleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): NodeMiddleware<T>
export function sojourn(settings: SettingsInput | Site): NodeMiddleware {
  const site = siteOf(settings)
  const read = formReader(site.settings.dataUploadMaxMemorySize, lastOfEach)
  const run = nodeMiddleware(site, (request) => new NodeRequestHead(request, read), sendFailure(site))
  return Object.assign(run, {
    site,
    handle(listener: (request: IncomingMessage, response: ServerResponse) => unknown): NodeListener {
      return (request, response) => {
        const failed = (error: unknown): void => failByNode(site, response, error)
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
    try {
      refuseOthers(request)
    } catch (error) {
      return failed(error, response, next)
    }
    const scope = Scope.open(site, request, headOf(request))
    // From the start, not from the first touch: `response.end(await page(request))` takes `end` before the page touches the session.
    holdHead(response, scope, (error, ended) => {
      // A page that is still writing would write into whatever an error handler makes later; this is made at once.
      if (ended) failed(error, response, next)
      else failByNode(site, response, error)
    })
    request.session = scope.session
    let answer: MaybePromise<PlainResponse | undefined>
    try {
      answer = scope.begin()
    } catch (error) {
      return failed(error, response, next)
    }
    if (answer === undefined) return next()
    const proceed = (given: PlainResponse | undefined): void => {
      if (given === undefined) next()
      else answerBy(given, response, (error) => failed(error, response, next))
    }
    if (!isPromise(answer)) return proceed(answer)
    answer
      .then(proceed, (error: unknown) => failed(error, response, next))
      // What `next` throws at nobody but a promise. It has been called, so the answer is ours.
      .catch((error: unknown) => failByNode(site, response, error))
  }
}

/** An answer that cannot be sent, as one of a view of the site's own may be, is a failure. */
function answerBy(answer: PlainResponse, response: ServerResponse, failed: (error: unknown) => void): void {
  try {
    sendByNode(response, answer)
  } catch (error) {
    failed(error)
  }
}

function sendFailure(site: Site): (error: unknown, response: ServerResponse) => void {
  return (error, response) => failByNode(site, response, error)
}
