import type { RequestHandler } from './$types'

export const fallback: RequestHandler = (event) =>
  event.locals.app.fetch(event.request, { request: event, session: () => event.locals.session })
