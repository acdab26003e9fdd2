import { connect } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import Koa, { type Middleware } from 'koa'
import { sojourn as onExpress, getToken as tokenOfExpress } from 'sojourn/express'
import { sojourn as onKoa, getToken as tokenOfKoa } from 'sojourn/koa'
import { Client, type ClientResponse, type Served, serve } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'

const SETTINGS = {
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  sessionEngine: 'memory',
} as const
const URLENCODED = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW'

/** A form in either encoding. */
const written: Readonly<Record<string, (token: string) => string>> = {
  [URLENCODED]: (token) => `a=1&csrfmiddlewaretoken=${token}`,
  [MULTIPART]: (token) => {
    const line = '------WebKitFormBoundary7MA4YWxkTrZu0gW'
    const part = (name: string, value: string) =>
      `${line}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    return `${part('a', '1')}${part('csrfmiddlewaretoken', token)}${line}--\r\n`
  },
}

const post = (client: Client, type: string, token: string): Promise<ClientResponse> =>
  client.request('POST', '/', { headers: { 'Content-Type': type }, body: written[type]?.(token) })

async function standing(served: Served, use: (client: Client, token: string) => Promise<void>): Promise<void> {
  const client = new Client(served.origin)
  try {
    await use(client, (await client.get('/')).text)
  } finally {
    client.close()
    await served.close()
  }
}

describe.each([
  ['Express 4', express4 as unknown as typeof express],
  ['Express 5', express],
])('%s', (_, make) => {
  const json = make.json()
  const form = make.urlencoded({ extended: true })
  const encoded: RequestHandler = (request, _response, next) => {
    request.setEncoding('utf8')
    next()
  }
  /** Reads whatever no parser has read, as a parser of forms with files does. */
  const page: RequestHandler = async (request, response) => {
    if (request.method !== 'POST') return void response.send(tokenOfExpress(request))
    const rest = request.readableEnded ? '' : Buffer.concat((await request.toArray()) as Buffer[]).toString()
    response.send(`${JSON.stringify(request.body ?? null)} ${rest}`)
  }
  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status).send(error.message)
  }
  const open = (...mounted: readonly RequestHandler[]): Promise<Served> => serve(make().use(...mounted, page, failed))

  test.each<[string, RequestHandler[]]>([
    ['none', []],
    ['json', [json]],
    ['urlencoded', [form]],
    ['json and urlencoded', [json, form]],
    ['text', [make.text({ type: () => true })]],
    ['raw', [make.raw({ type: () => true })]],
  ])('with these parsers before it, forms of both kinds are read for their token: %s', async (_name, before) => {
    const sessions = onExpress(SETTINGS)
    await standing(await open(...before, sessions), async (client, token) => {
      for (const type of [URLENCODED, MULTIPART]) {
        expect((await post(client, type, token)).status).toBe(200)
        expect((await post(client, type, 'wrong')).status).toBe(403)
      }
    })
    await sessions.site.close()
  })

  test('in every order with its parsers a form gets through, and its page has it', async () => {
    const sessions = onExpress(SETTINGS)
    const orders = [
      [json, form, sessions],
      [json, sessions, form],
      [form, json, sessions],
      [form, sessions, json],
      [sessions, form, json],
      [sessions, json, form],
    ]
    for (const order of orders) {
      await standing(await open(...order), async (client, token) => {
        expect((await post(client, URLENCODED, token)).text).toContain('"a":"1"')
        expect((await post(client, MULTIPART, token)).text).toContain(written[MULTIPART]?.(token))
        expect((await post(client, URLENCODED, 'wrong')).status).toBe(403)
      })
    }
    await sessions.site.close()
  })

  test('an empty form of unknown length that a parser has read is not waited for', async () => {
    const sessions = onExpress(SETTINGS)
    await standing(await open(form, sessions), async (client, token) => {
      const socket = connect(Number(new URL(client.origin).port), '127.0.0.1')
      const lines = [
        'POST / HTTP/1.1',
        'Host: x',
        `Cookie: ${client.cookies.header('/')}`,
        `Content-Type: ${URLENCODED}`,
      ]
      socket.write(`${[...lines, 'Transfer-Encoding: chunked', 'Connection: close'].join('\r\n')}\r\n\r\n0\r\n\r\n`)
      expect(String(Buffer.concat(await socket.toArray()))).toContain('HTTP/1.1 403')
      expect(token).not.toBe('')
    })
    await sessions.site.close()
  })

  test('after setEncoding a form is a 400 that says what to do, and the process lives on', async () => {
    const sessions = onExpress(SETTINGS)
    await standing(await open(encoded, sessions), async (client, token) => {
      for (const type of [URLENCODED, MULTIPART]) {
        const refused = await post(client, type, token)
        expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('setEncoding()')])
      }
      expect((await client.get('/')).status).toBe(200)
    })
    await sessions.site.close()
  })
})

test.each([
  ['before', (sessions: Middleware) => [bodyParser(), sessions]],
  ['behind', (sessions: Middleware) => [sessions, bodyParser()]],
])('Koa with @koa/bodyparser %s it: forms of both kinds are read for their token', async (_, order) => {
  const sessions = onKoa(SETTINGS)
  const app = new Koa()
  app.silent = true
  for (const each of order(sessions)) app.use(each)
  app.use(async (ctx) => {
    const isForm = ctx.method === 'POST' && ctx.is('multipart') !== false
    ctx.body = isForm ? Buffer.concat((await ctx.req.toArray()) as Buffer[]).toString() : tokenOfKoa(ctx)
  })
  await standing(await serve(app.callback()), async (client, token) => {
    expect((await post(client, MULTIPART, token)).text).toBe(written[MULTIPART]?.(token))
    expect((await post(client, URLENCODED, token)).status).toBe(200)
    for (const type of [URLENCODED, MULTIPART]) expect((await post(client, type, 'wrong')).status).toBe(403)
  })
  await sessions.site.close()
})
