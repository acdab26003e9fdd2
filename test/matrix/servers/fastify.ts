import { contractHost, listener } from 'sojourn/testing'
import { fastifyReplies, listenerOf } from './fastify-app.js'
import { serveOnNode } from './on-node.js'

await serveOnNode(listener(contractHost((site, app) => listenerOf(fastifyReplies(site, app)))))
