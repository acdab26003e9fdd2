import { createServer, type Server } from 'node:http'
import Koa from 'koa'
import { type Pages, SLIDING } from './pages.js'

/** Sets a session library up in an application. */
export type PlugKoa = (app: Koa) => void

/** A Koa 3 application of these pages; `sliding` is the library for the page whose reads move the end. Koa has no router of its own. */
export function onKoa(pages: Pages, plug?: PlugKoa, sliding?: PlugKoa): Server {
  const usual = listener(pages, plug)
  if (sliding === undefined) return createServer(usual)
  const slidingOne = listener(pages, sliding)
  return createServer((request, response) => (request.url === SLIDING ? slidingOne : usual)(request, response))
}

function listener(pages: Pages, plug: PlugKoa | undefined): ReturnType<Koa['callback']> {
  const app = new Koa()
  plug?.(app)
  app.use((ctx) => {
    const page = pages[ctx.path]
    if (page === undefined) return undefined
    ctx.type = 'text/html; charset=utf-8'
    // koa-session opens a session when it is asked for one.
    const answer = page(ctx.path === '/untouched' ? {} : sessionOf(ctx))
    if (typeof answer === 'string') {
      ctx.body = answer
      return undefined
    }
    return answer.then((body) => {
      ctx.body = body
    })
  })
  return app.callback()
}

function sessionOf(ctx: Koa.Context): Record<string, unknown> {
  return ctx['session'] as Record<string, unknown>
}
