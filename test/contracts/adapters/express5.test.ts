import express from 'express'
import { sojourn } from 'sojourn/express'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'

const start: Start = (site, app) =>
  serve(
    express()
      .use((_request, response, next) => {
        response.set('Access-Control-Allow-Origin', '*')
        next()
      })
      .use(sojourn(site))
      .use((request, response) => app.node(request, response, { session: () => request.session })),
  )

for (const { name, run } of [...adapterContract(start, { places: true, crossing: true }), ...nodeContract(start)])
  test(name, run, 120_000)
