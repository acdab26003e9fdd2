import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'
import { fastifyRaw, listenerOf } from '../../matrix/servers/fastify-app.js'

const start: Start = (site, app) => serve(listenerOf(fastifyRaw(site, app)))

for (const { name, run } of [...adapterContract(start, { places: true, counts: quickCounts }), ...nodeContract(start)])
  test(name, run, 120_000)
