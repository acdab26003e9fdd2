import type { Site } from '../../core/site.js'
import type { MaybePromise } from '../../core/types.js'
import { SojournError } from '../../errors.js'
import { fetchMiddleware } from '../fetch.js'
import { nextHeaders } from './framework.js'
import { NextRequestHead } from './request-heads.js'
import { type Leaving, leaving } from './thrown.js'
import type { Visits } from './visit.js'

/** A route handler, or a function like it; `rest` is what Next gives besides. */
export type NextHandler<Asked extends Request, Rest extends unknown[]> = (
  request: Asked,
  ...rest: Rest
) => MaybePromise<Response>

/** Wraps route handlers. */
export type WithSession = <Asked extends Request, Rest extends unknown[]>(
  handler: NextHandler<Asked, Rest>,
) => (request: Asked, ...rest: Rest) => Promise<Response>

export function routes(site: Site, visits: Visits): WithSession {
  const { dataUploadMaxMemorySize: limit } = site.settings
  const run = fetchMiddleware(site, (request) => new NextRequestHead(request, limit))
  return (handler) =>
    async (request, ...rest) => {
      const headers = await nextHeaders()
      let failed: { readonly error: unknown } | null = null
      const kept = run(async (): Promise<Response> => {
        visits.set(headers, request)
        try {
          return await handler(request, ...rest)
        } catch (error) {
          const left = leaving(error)
          if (left !== null) return answerOf(left)
          failed = { error }
          throw error
        }
      })
      const response = await kept(request)
      if (failed !== null) hearOf(failed, response)
      return response
    }
}

/** Here and not by Next, whose answers to `notFound()` and its kin leave without cookies. */
function answerOf({ status, location }: Leaving): Response {
  return new Response(null, { status, headers: location === undefined ? {} : { Location: location } })
}

/** Next shall hear of errors, and answers them; but then no cookie goes with them, and one of a changed key must. */
function hearOf({ error }: { readonly error: unknown }, response: Response): void {
  const isOurs = error instanceof SojournError
  if (!isOurs && response.headers.getSetCookie().length === 0) throw error
}
