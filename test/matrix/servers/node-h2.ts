import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { sojourn } from 'sojourn/node'
import { contractHost, listener } from 'sojourn/testing'
import { listen } from './on-node.js'

const host = contractHost((site, app) =>
  sojourn(site).handle((request, response) => app.node(request, response, { session: () => request.session })),
)
// The driver asks by HTTP/1.1, which a server of HTTP/2 without encryption does not speak.
const door = await listen(createServer(listener(host)))
type Listener = Parameters<typeof createHttp2Server>[1]
const served = await listen(createHttp2Server(listener(host) as unknown as Listener))
console.log(`contract at ${served}, door at ${door}`)
