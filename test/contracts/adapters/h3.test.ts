import { appendCorsHeaders, H3, toNodeHandler } from 'h3'
import { sojourn } from 'sojourn/h3'
import { adapterContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'

const start: Start = (site, app) => {
  const h3 = new H3({ silent: true })
  h3.use((event) => appendCorsHeaders(event, { origin: '*' }))
  h3.use(sojourn(site))
  h3.all('/**', async (event) =>
    begun(await app.fetch(event.req, { request: event, session: () => event.context.session })),
  )
  return serve(toNodeHandler(h3) as Parameters<typeof serve>[0])
}

/** The server below h3 sends no head before a piece of the body is there, be it empty. */
function begun(response: Response): Response {
  const start = new TransformStream<Uint8Array, Uint8Array>({ start: (body) => body.enqueue(new Uint8Array(0)) })
  return response.headers.get('content-type') === 'text/event-stream'
    ? new Response(response.body?.pipeThrough(start), response)
    : response
}

for (const { name, run } of adapterContract(start, { places: true, crossing: true, counts: quickCounts }))
  test(name, run, 120_000)
