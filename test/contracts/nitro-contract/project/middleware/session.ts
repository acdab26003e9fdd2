import type { H3Event } from 'nitro/h3'
import { sojourn } from 'sojourn/h3'
import { type App, contractHost, fetchHandler } from 'sojourn/testing'

declare module 'h3' {
  interface H3EventContext {
    /** The pages of the case that runs. */
    app: App
  }
}

type Next = Parameters<ReturnType<typeof sojourn>>[1]

const host = contractHost((site, app) => {
  const sessions = sojourn(site)
  return (_request: Request, event: H3Event, next: Next) => {
    event.context.app = app
    return sessions(event, next) as Promise<Response>
  }
})
const answer = fetchHandler(host)

export default (event: H3Event, next: Next) => answer(event.req, event, next)
