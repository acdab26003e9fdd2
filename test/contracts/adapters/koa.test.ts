import { Readable } from 'node:stream'
import Koa, { type Context } from 'koa'
import { sojourn } from 'sojourn/koa'
import { adapterContract, nodeContract, type Place, type Start, serve } from 'sojourn/testing'
import { describe, test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'

/** Pages that answer by Node's response, which Koa is told to leave alone. */
const raw: Start = (site, app) => {
  const koa = patientKoa()
  koa.use(sojourn(site))
  koa.use(async (ctx) => {
    ctx.respond = false
    ctx.status = 200
    ctx.req.session = ctx.session
    await app.node(ctx.req, ctx.res, placeOf(ctx))
  })
  return serve(koa.callback())
}

/** Pages that answer as Koa's do, with a body. */
const bodies: Start = (site, app) => {
  const koa = patientKoa()
  koa.use(sojourn(site))
  koa.use(async (ctx) => {
    const request = new Request(ctx.href, { method: ctx.method, headers: ctx.headers as Record<string, string> })
    const answer = await app.fetch(request, placeOf(ctx))
    ctx.body = answer.body === null ? '' : Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0])
    ctx.status = answer.status
    ctx.remove('Content-Type')
    for (const [name, value] of answer.headers) ctx.append(name, value)
    // A body that has not begun must not keep its head back.
    if (ctx.type === 'text/event-stream') ctx.flushHeaders()
  })
  return serve(koa.callback())
}

const placeOf = (ctx: Context): Place => ({ request: ctx, session: () => ctx.session })

function patientKoa(): Koa {
  const koa = new Koa()
  // Koa itself does nothing for a page that fails when its head has left, and the visitor would wait.
  koa.on('error', (_error, ctx) => {
    if (ctx.headerSent && !ctx.res.writableEnded) ctx.res.destroy()
  })
  // What @koa/cors does: Koa takes every header off before it answers an error, and puts on those that the error brings.
  koa.use(async (ctx, next) => {
    ctx.set('Access-Control-Allow-Origin', '*')
    await next().catch((error) => {
      error.headers = { ...error.headers, 'Access-Control-Allow-Origin': '*' }
      throw error
    })
  })
  return koa
}

describe('by ctx.res', () => {
  for (const { name, run } of [
    ...adapterContract(raw, { places: true, crossing: true, counts: quickCounts }),
    ...nodeContract(raw),
  ])
    test(name, run, 120_000)
})

describe('by ctx.body', () => {
  for (const { name, run } of adapterContract(bodies, { places: true, crossing: true, counts: quickCounts }))
    test(name, run, 120_000)
})
