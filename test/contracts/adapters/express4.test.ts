import express from 'express4'
import { sojourn } from 'sojourn/express'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'

// Express 4 does not look at what a handler returns; its users hand rejections on like this.
const start: Start = (site, app) =>
  serve(
    express()
      .use(sojourn(site))
      .use(async (request, response, next) => {
        try {
          await app.node(request, response)
        } catch (error) {
          next(error)
        }
      }),
  )

for (const { name, run } of [...adapterContract(start), ...nodeContract(start)]) test(name, run, 120_000)
