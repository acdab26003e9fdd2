import Koa from 'koa'
import { sojourn } from 'sojourn/koa'
import { contractHost, listener } from 'sojourn/testing'
import { serveOnNode } from './on-node.js'

const host = contractHost((site, app) => {
  const koa = new Koa()
  // Koa itself does nothing for a page that fails when its head has left, and the visitor would wait.
  koa.on('error', (_error, ctx) => {
    if (ctx.headerSent && !ctx.res.writableEnded) ctx.res.destroy()
  })
  koa.use(sojourn(site))
  koa.use(async (ctx) => {
    ctx.respond = false
    ctx.status = 200
    ctx.req.session = ctx.session
    await app.node(ctx.req, ctx.res, { request: ctx, session: () => ctx.session })
  })
  return koa.callback()
})

await serveOnNode(listener(host))
