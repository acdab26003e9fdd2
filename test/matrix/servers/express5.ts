import express from 'express'
import { sojourn } from 'sojourn/express'
import { contractHost, listener } from 'sojourn/testing'
import { serveOnNode } from './on-node.js'

const host = contractHost((site, app) =>
  express()
    .use(sojourn(site))
    .use((request, response) => app.node(request, response, { session: () => request.session })),
)

await serveOnNode(listener(host))
