import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { type Pages, SLIDING } from './pages.js'

/** Sets a session library up in an application. */
export type PlugHono = (app: Hono) => void

/** The session as a page uses it: what the library keeps in the context, as a dictionary. */
export type SessionOf = (context: Context) => Record<string, unknown>

const inContext: SessionOf = (context) => context.get('session') as Record<string, unknown>

/** A Hono 4 application of these pages on its server for Node; `sliding` is the library for the page whose reads move the end. */
export function onHono(pages: Pages, plug?: PlugHono, sliding?: PlugHono, sessionOf = inContext): Server {
  const usual = listener(pages, plug, sessionOf)
  if (sliding === undefined) return createServer(usual)
  const slidingOne = listener(pages, sliding, sessionOf)
  return createServer((request, response) => (request.url === SLIDING ? slidingOne : usual)(request, response))
}

function listener(pages: Pages, plug: PlugHono | undefined, sessionOf: SessionOf) {
  const app = new Hono()
  plug?.(app)
  for (const [path, page] of Object.entries(pages)) {
    app.get(path, (context): Response | Promise<Response> => {
      const answer = page(sessionOf(context))
      return typeof answer === 'string' ? reply(context, answer) : answer.then((body) => reply(context, body))
    })
  }
  return getRequestListener(app.fetch)
}

/** With a Content-Length: the server sends a response that a middleware made anew in chunks, which the load generator does not read. */
function reply(context: Context, body: string): Response {
  context.header('Content-Length', String(Buffer.byteLength(body)))
  return context.html(body) as Response
}
