import { contractHost, listener } from 'sojourn/testing'
import { nestListener } from './nest-app.js'
import { serveOnNode } from './on-node.js'

await serveOnNode(listener(contractHost((site, app) => nestListener('Express', site, app))))
