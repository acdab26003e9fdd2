import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Session } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { isUnreadForm, parsedForm, readForm, tooLong } from './form.js'
import { nodeMiddleware } from './node.js'
import { NodeRequestHead } from './node-heads.js'

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
export interface ExpressMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  readonly site: Site
}

/**
 * Sessions for Express 4 and 5: `request.session`, protected forms, login and messages. Where it is mounted among other
 * middleware does not matter, as long as it is before the handlers; a body parser with options of its own goes first, since
 * a form that nobody has parsed is parsed here with Express's defaults, to look for its token. Failures of the store go to
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
export function sojourn(settings: SettingsInput | Site): ExpressMiddleware {
  const site = siteOf(settings)
  const read = formReader(site.settings.dataUploadMaxMemorySize)
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

type Form = Readonly<Record<string, unknown>>

/** Reads a form by Express's own parser with its defaults: a later `express.urlencoded()` finds it done. */
function formReader(limit: number | null) {
  return (request: IncomingMessage): MaybePromise<Form | undefined> =>
    parsedForm(request) === undefined && isUnreadForm(request)
      ? parseWithExpress(request, limit)
      : readForm(request, limit)
}

async function parseWithExpress(request: IncomingMessage, limit: number | null): Promise<Form | undefined> {
  const { default: express } = await import('express')
  const parse = express.urlencoded({ extended: false, limit: limit ?? Number.POSITIVE_INFINITY }) as unknown as Parse
  await new Promise<void>((resolve, reject) => {
    parse(request, (request as { res?: unknown }).res, (error) => {
      if (error === undefined) resolve()
      else if (limit !== null && (error as { type?: string }).type === 'entity.too.large') reject(tooLong(limit))
      else reject(new BodyNotParsed('The submitted form cannot be parsed.', { cause: error }))
    })
  })
  return parsedForm(request)
}

type Parse = (request: IncomingMessage, response: unknown, next: (error?: unknown) => void) => void
