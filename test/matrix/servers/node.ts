import { sojourn } from 'sojourn/node'
import { contractHost, listener } from 'sojourn/testing'
import { serveOnNode } from './on-node.js'

const host = contractHost((site, app) =>
  sojourn(site).handle((request, response) => app.node(request, response, { session: () => request.session })),
)

await serveOnNode(listener(host))
