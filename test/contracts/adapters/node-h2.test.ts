import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { sojourn } from 'sojourn/node'
import { adapterContract, nodeContract, type Start } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'

/** The requests of Node's HTTP/2 are like those of HTTP/1.1, and so they go through the same adapter. */
const start: Start = async (site, app) => {
  const handle = sojourn(site).handle((request, response) =>
    app.node(request, response, { session: () => request.session }),
  )
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    handle(request as never, response as never)
  })
  const connections = new Set<ServerHttp2Session>()
  server.on('session', (connection) => connections.add(connection))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const connection of connections) connection.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const options = { protocol: 'h2', places: true, crossing: true, counts: quickCounts } as const
for (const { name, run } of [...adapterContract(start, options), ...nodeContract(start, options)]) {
  test(name, run, 120_000)
}
