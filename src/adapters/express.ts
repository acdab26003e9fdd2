import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SchemaSettings } from '../core/schema-settings.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import { siteOf } from '../sojourn.js'
import { nodeMiddleware } from './node.js'
import { formReader, listsOfMany } from './on-node/form.js'
import { NodeRequestHead } from './on-node/heads.js'

export * from './api.js'

declare global {
  // biome-ignore lint/style/noNamespace: where Express's types are extended
  namespace Express {
    interface Request {
      /** The visitor's session; there once sojourn's middleware has run. */
      session: Session
    }
  }
}

/** Express's own types are not needed to use it: a middleware is a function of these three. */
export interface ExpressMiddleware<T extends object = SessionData> {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  readonly site: Site<T>
}

/**
 * Sessions for Express 4 and 5: `request.session`, protected forms, login and messages. Where it is mounted among other
 * middleware does not matter, body parsers included, as long as it is before the handlers. A form that nobody has parsed is
 * read for its token, left on `request.body`, and put back for whoever parses it again. Failures of the store go to
 * `next(error)`, with `error.status` and `error.headers` for Express's own error page.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/', (req, res) => {
 *   req.session.visits = Number(req.session.get('visits', 0)) + 1
 *   res.send(`visit ${req.session.visits}`)
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): ExpressMiddleware<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): ExpressMiddleware<T>
export function sojourn(settings: SettingsInput | Site): ExpressMiddleware {
  const site = siteOf(settings)
  const read = formReader(site.settings.dataUploadMaxMemorySize, listsOfMany)
  const run = nodeMiddleware(
    site,
    (request) => new NodeRequestHead(request, read),
    (error, _response, next) => next(error),
  )
  const middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    // Django's context processor `request`: templates say `{{ request.session.username }}` and `{% csrf_token %}`.
    const { locals } = response as ServerResponse & { locals?: Record<string, unknown> }
    if (locals !== undefined) locals.request ??= request
    run(request, response, next)
  }
  return Object.assign(middleware, { site })
}
