import { Hono } from 'hono'
import { sojourn } from 'sojourn/hono'
import { contractHost, fetchHandler } from 'sojourn/testing'
import { serveOnFetch } from './on-fetch.js'

const host = contractHost((site, app) => {
  const hono = new Hono()
  hono.use(sojourn(site))
  hono.all('*', (c) => app.fetch(c.req.raw, { request: c, session: () => c.var.session }))
  return (request: Request) => hono.fetch(request)
})

export default await serveOnFetch(fetchHandler(host))
