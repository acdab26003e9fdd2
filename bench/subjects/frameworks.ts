import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import express from 'express'
import { type Pages, SLIDING } from './pages.js'

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Puts a session library around a listener. */
export type Wrap = (listener: Listener) => Listener

/** A plain server of these pages; `wrap` puts a session library around it, `wrapSliding` around the page whose reads move the end. */
export function onNode(pages: Pages, wrap: Wrap = (listener) => listener, wrapSliding?: Wrap): Server {
  const listener: Listener = (request, response) => {
    const page = pages[request.url ?? '']
    if (page === undefined) return reply(response, 404, 'no such page')
    const answer = page((request as unknown as WithSession).session)
    if (typeof answer === 'string') return reply(response, 200, answer)
    answer.then(
      (body) => reply(response, 200, body),
      (error) => reply(response, 500, String(error)),
    )
  }
  const usual = wrap(listener)
  if (wrapSliding === undefined) return createServer(usual)
  const sliding = wrapSliding(listener)
  return createServer((request, response) => (request.url === SLIDING ? sliding : usual)(request, response))
}

/** A middleware of connect's form on a plain server, as its documentation has it. */
export function calledFirst(middleware: Middleware): Wrap {
  return (listener) => (request, response) =>
    middleware(request, response, (error) => {
      if (error === undefined || error === null) listener(request, response)
      else reply(response, 500, String(error))
    })
}

/** An Express 5 application of these pages behind this middleware; `sliding` is that of the page whose reads move the end. */
export function onExpress(pages: Pages, middleware?: Middleware, sliding?: Middleware): Server {
  const app = express()
  const add = (path: string, ...before: readonly Middleware[]): void => {
    const page = pages[path] as Pages[string]
    app.get(path, ...before, (request, response, next) => {
      const answer = page((request as unknown as WithSession).session)
      if (typeof answer === 'string') response.send(answer)
      else answer.then((body) => response.send(body), next)
    })
  }
  if (sliding !== undefined) add(SLIDING, sliding)
  if (middleware !== undefined) app.use(middleware)
  for (const path of Object.keys(pages)) add(path)
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
