import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import express from 'express'
import type { Pages } from './pages.js'

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** A plain server of these pages; `wrap` puts a session library around it. */
export function onNode(pages: Pages, wrap: (listener: Listener) => Listener = (listener) => listener): Server {
  return createServer(
    wrap((request, response) => {
      const page = pages[request.url ?? '']
      if (page === undefined) return reply(response, 404, 'no such page')
      reply(response, 200, page((request as unknown as WithSession).session))
    }),
  )
}

/** A middleware of connect's form on a plain server, as its documentation has it. */
export function calledFirst(middleware: Middleware): (listener: Listener) => Listener {
  return (listener) => (request, response) =>
    middleware(request, response, (error) => {
      if (error === undefined || error === null) listener(request, response)
      else reply(response, 500, String(error))
    })
}

/** An Express 5 application of these pages behind this middleware. */
export function onExpress(pages: Pages, ...middleware: readonly Middleware[]): Server {
  const app = express()
  for (const each of middleware) app.use(each)
  for (const [path, page] of Object.entries(pages)) {
    app.get(path, (request, response) => {
      response.send(page((request as unknown as WithSession).session))
    })
  }
  return createServer(app)
}

interface WithSession {
  readonly session: Record<string, unknown>
}

/** With a Content-Length: without one express-session, which splits bodies to win time for its store, would answer in chunks. */
export function reply(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(body)
}
