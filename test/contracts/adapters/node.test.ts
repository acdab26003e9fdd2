import { sojourn } from 'sojourn/node'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'

const start: Start = (site, app) => {
  const handle = sojourn(site).handle((request, response) =>
    app.node(request, response, { session: () => request.session }),
  )
  return serve((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    handle(request, response)
  })
}

for (const { name, run } of [...adapterContract(start, { places: true, crossing: true }), ...nodeContract(start)])
  test(name, run, 120_000)
