import { sojourn } from 'sojourn/fetch'
import { adapterContract, type Start, serveFetch } from 'sojourn/testing'
import { test } from 'vitest'

const start: Start = (site, app) => serveFetch(sojourn(site)(app.fetch))

for (const { name, run } of adapterContract(start)) test(name, run, 120_000)
