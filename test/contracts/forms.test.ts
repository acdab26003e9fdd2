import express from 'express'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn'
import { sojourn as onExpress, getToken as tokenOfExpress } from 'sojourn/express'
import { sojourn as onFetch, getToken as tokenOfFetch } from 'sojourn/fetch'
import { sojourn as onNode, getToken as tokenOfNode } from 'sojourn/node'
import { Client, type Served, serve, serveFetch } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'

const LIMIT = 20_000

/** One page that gives a token, and takes forms. */
const starts: Record<string, (site: Site) => Promise<Served>> = {
  'node:http': (site) => serve(onNode(site).handle((request, response) => response.end(tokenOfNode(request)))),
  Express: (site) => serve(express().use(onExpress(site), (req, res) => void res.send(tokenOfExpress(req)))),
  Fetch: (site) => serveFetch(onFetch(site)((request) => new Response(tokenOfFetch(request)))),
}

describe.each(Object.entries(starts))('%s', (_name, start) => {
  async function standing(use: (client: Client, token: string) => Promise<void>): Promise<void> {
    const site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: 'memory',
      dataUploadMaxMemorySize: LIMIT,
    })
    const served = await start(site)
    const client = new Client(served.origin)
    try {
      await use(client, (await client.get('/')).text)
    } finally {
      client.close()
      await served.close()
      await site.close()
    }
  }
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const send = (client: Client, body: string, more = {}) =>
    client.request('POST', '/', { body, headers: { ...headers, ...more } })

  test('a form of up to dataUploadMaxMemorySize is read for its token, a larger one is refused', () =>
    standing(async (client, token) => {
      const form = `csrfmiddlewaretoken=${token}&long=`
      expect((await send(client, form + 'x'.repeat(LIMIT - form.length))).status).toBe(200)
      const refused = await send(client, form + 'x'.repeat(LIMIT + 1 - form.length))
      expect(refused.status).toBe(400)
      expect((await send(client, form)).status).toBe(200)
    }))

  test('a token in the header needs no reading', () =>
    standing(async (client, token) => {
      const response = await send(client, 'x'.repeat(2 * LIMIT), { 'X-CSRFToken': token })
      expect(response.status).toBe(200)
    }))

  test('of two token fields the last counts, as in Django', () =>
    standing(async (client, token) => {
      const form = (...tokens: string[]) => tokens.map((each) => `csrfmiddlewaretoken=${each}`).join('&')
      expect((await send(client, form('wrong', token))).status).toBe(200)
      expect((await send(client, form(token, 'wrong'))).status).toBe(403)
    }))
})

test('report-only leaves a form of any size to the page', async () => {
  const app = express()
  const settings = {
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    sessionEngine: 'memory',
    csrfMode: 'report-only',
    dataUploadMaxMemorySize: 1000,
  } as const
  app.use(onExpress(settings))
  app.use(express.urlencoded({ extended: false, limit: '10mb' }))
  app.post('/', (req, res) => void res.send(String(req.body.text?.length)))
  const served = await serve(app)
  try {
    for (const size of [10, 500, 100_000]) {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Cookie: `csrftoken=${'a'.repeat(32)}` }
      const body = `text=${'x'.repeat(size)}`
      expect(await (await fetch(`${served.origin}/`, { method: 'POST', headers, body })).text()).toBe(String(size))
    }
  } finally {
    await served.close()
  }
})
