import express from 'express4'
import { sojourn } from 'sojourn/express'
import { contractHost, listener } from 'sojourn/testing'
import { serveOnNode } from './on-node.js'

// Express 4 does not look at what a handler returns; its users hand rejections on like this.
const host = contractHost((site, app) =>
  express()
    .use(sojourn(site))
    .use(async (request, response, next) => {
      try {
        await app.node(request, response, { session: () => request.session })
      } catch (error) {
        next(error)
      }
    }),
)

await serveOnNode(listener(host))
