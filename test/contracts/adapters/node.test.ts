import { sojourn } from 'sojourn/node'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'

const start: Start = (site, app) => serve(sojourn(site).handle(app.node))

for (const { name, run } of [...adapterContract(start), ...nodeContract(start)]) test(name, run, 120_000)
