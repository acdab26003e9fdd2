import express from 'express'
import express4 from 'express4'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onFetch } from 'sojourn/fetch'
import { sojourn as onNode } from 'sojourn/node'
import { adapterContract, nodeContract, type Start, serve, serveFetch } from 'sojourn/testing'
import { describe, test } from 'vitest'

const node: Start = (site, app) => serve(onNode(site).handle(app.node))
const express5: Start = (site, app) => serve(express().use(onExpress(site)).use(app.node))
const fetch: Start = (site, app) => serveFetch(onFetch(site)(app.fetch))
// Express 4 does not look at what a handler returns; its users hand rejections on like this.
const before5: Start = (site, app) =>
  serve(
    express4()
      .use(onExpress(site))
      .use(async (request, response, next) => {
        try {
          await app.node(request, response)
        } catch (error) {
          next(error)
        }
      }),
  )

describe.each([
  ['node:http', [...adapterContract(node), ...nodeContract(node)]],
  ['Express 4', [...adapterContract(before5), ...nodeContract(before5)]],
  ['Express 5', [...adapterContract(express5), ...nodeContract(express5)]],
  ['Fetch', adapterContract(fetch)],
])('%s', (_, cases) => {
  for (const { name, run } of cases) test(name, run, 120_000)
})
