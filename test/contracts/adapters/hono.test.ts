import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { sojourn } from 'sojourn/hono'
import { adapterContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'

const start: Start = (site, app) => {
  const hono = new Hono()
  hono.use(cors())
  hono.use(sojourn(site))
  hono.all('*', (c) => app.fetch(c.req.raw, { request: c, session: () => c.var.session }))
  // Hono's own answer, without the line that it prints.
  hono.onError((error, c) => ('getResponse' in error ? (error.getResponse as () => Response)() : c.text('failed', 500)))
  return serve(getRequestListener(hono.fetch))
}

for (const { name, run } of adapterContract(start, { places: true, crossing: true, counts: quickCounts }))
  test(name, run, 120_000)
