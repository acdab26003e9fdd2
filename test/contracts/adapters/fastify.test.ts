import { adapterContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'
import { fastifyReplies, listenerOf } from '../../matrix/servers/fastify-app.js'

const start: Start = (site, app) => serve(listenerOf(fastifyReplies(site, app)))

for (const { name, run } of adapterContract(start, { places: true, crossing: true, counts: quickCounts }))
  test(name, run, 120_000)
