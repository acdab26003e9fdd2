import express from 'express4'
import { sojourn } from 'sojourn/express'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'
import { quickCounts } from '../../matrix/quick.js'

// Express 4 does not look at what a handler returns; its users hand rejections on like this.
const start: Start = (site, app) =>
  serve(
    express()
      .use((_request, response, next) => {
        response.set('Access-Control-Allow-Origin', '*')
        next()
      })
      .use(sojourn(site))
      .use(async (request, response, next) => {
        try {
          await app.node(request, response, { session: () => request.session })
        } catch (error) {
          next(error)
        }
      }),
  )

for (const { name, run } of [
  ...adapterContract(start, { places: true, crossing: true, counts: quickCounts }),
  ...nodeContract(start),
])
  test(name, run, 120_000)
