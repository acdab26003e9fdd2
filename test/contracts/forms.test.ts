import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, createServer } from 'node:http2'
import { type AddressInfo, connect as dial, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import express from 'express'
import Koa from 'koa'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn'
import { sojourn as onExpress, getToken as tokenOfExpress } from 'sojourn/express'
import { sojourn as onFetch, getToken as tokenOfFetch } from 'sojourn/fetch'
import { sojourn as onKoa, getToken as tokenOfKoa } from 'sojourn/koa'
import { sojourn as onNode, getToken as tokenOfNode } from 'sojourn/node'
import { Client, type Served, serve, serveFetch } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'

const LIMIT = 20_000

/** One page that gives a token, and answers a form with what it read of it. */
const starts: Record<string, (site: Site) => Promise<Served>> = {
  'node:http': (site) =>
    serve(
      onNode(site).handle(async (request, response) => {
        response.end(request.method === 'POST' ? await textOf(request) : tokenOfNode(request))
      }),
    ),
  Express: (site) =>
    serve(
      express()
        .use(onExpress(site), async (req, res) => {
          res.send(req.method === 'POST' ? await textOf(req) : tokenOfExpress(req))
        })
        // Express's own error page waits until all of the request is there.
        .use(((error, _req, res, _next) => void res.sendStatus(error.status)) as express.ErrorRequestHandler),
    ),
  Koa: (site) => {
    const app = new Koa({ env: 'test' })
    app.use(onKoa(site))
    app.use(async (ctx) => {
      ctx.body = ctx.method === 'POST' ? await textOf(ctx.req) : tokenOfKoa(ctx)
    })
    app.silent = true
    return serve(app.callback())
  },
  Fetch: (site) =>
    serveFetch(
      onFetch(site)(
        async (request) => new Response(request.method === 'POST' ? await request.text() : tokenOfFetch(request)),
      ),
    ),
}

/** The head of a form, by hand; its body is for whoever asks. */
function begin(client: Client, length: string): Socket {
  const { hostname, port } = new URL(client.origin)
  const socket = dial(Number(port), hostname)
  const type = 'Content-Type: application/x-www-form-urlencoded'
  const cookie = `Cookie: ${client.cookies.header('/')}`
  socket.write(`${['POST / HTTP/1.1', 'Host: x', cookie, type, length].join('\r\n')}\r\n\r\n`)
  return socket
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat((await request.toArray()) as Buffer[]).toString()
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

  test('whatever was looked at for a token is there for the page, to the last byte', () =>
    standing(async (client, token) => {
      for (const size of [0, 1, LIMIT / 2]) {
        const body = `csrfmiddlewaretoken=${token}&long=${'x'.repeat(size)}`
        expect((await send(client, body)).text).toBe(body)
      }
    }))

  test('a form over the limit with its token in the header arrives whole, whether or not it says its length', () =>
    standing(async (client, token) => {
      const body = `long=${'x'.repeat(3 * LIMIT)}`
      expect((await send(client, body, { 'X-CSRFToken': token })).text).toBe(body)
      const unmeasured = await fetch(client.origin, {
        method: 'POST',
        headers: { ...headers, 'X-CSRFToken': token, Cookie: client.cookies.header('/') },
        body: new Blob([body]).stream(),
        duplex: 'half',
      } as RequestInit)
      expect(await unmeasured.text()).toBe(body)
    }))

  test('a form that does not say its length and does not end is refused once it is over the limit', () =>
    standing(async (client) => {
      const socket = begin(client, 'Transfer-Encoding: chunked')
      const piece = 'x'.repeat(LIMIT)
      for (let n = 0; n < 3; n++) socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
      expect(String((await once(socket, 'data'))[0])).toContain('HTTP/1.1 400')
      socket.destroy()
    }))

  test('a form with files is read for its token too, and left', () =>
    standing(async (client, token) => {
      const post = async (given: string): Promise<Response> => {
        const form = new FormData()
        form.append('csrfmiddlewaretoken', given)
        form.append('file', new Blob(['the file']), 'a.txt')
        return fetch(client.origin, {
          method: 'POST',
          headers: { Cookie: client.cookies.header('/') },
          body: form,
        })
      }
      expect(await (await post(token)).text()).toContain('the file')
      expect((await post('wrong')).status).toBe(403)
    }))

  test('of two token fields the last counts, as in Django', () =>
    standing(async (client, token) => {
      const form = (...tokens: string[]) => tokens.map((each) => `csrfmiddlewaretoken=${each}`).join('&')
      expect((await send(client, form('wrong', token))).status).toBe(200)
      expect((await send(client, form(token, 'wrong'))).status).toBe(403)
    }))
})

const settings = {
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  sessionEngine: 'memory',
  dataUploadMaxMemorySize: LIMIT,
} as const
const SECRET = 'a'.repeat(32)
const asked = { 'Content-Type': 'application/x-www-form-urlencoded', Cookie: `csrftoken=${SECRET}` }

test('a refusal of a form whose body nobody reads closes the connection, or the body would be the next request', async () => {
  const sessions = onNode(settings)
  const served = await serve(sessions.handle((request, response) => response.end(tokenOfNode(request))))
  const client = new Client(served.origin)
  try {
    await client.get('/')
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
    const socket = begin(client, `Content-Length: ${LIMIT + 1}`)
    socket.write(hidden)
    const answered = Buffer.concat(await socket.toArray()).toString()
    expect(answered.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
    expect(answered).toContain('Connection: close')
  } finally {
    client.close()
    await served.close()
    await sessions.site.close()
  }
})

test('a visitor who leaves while a form is read is no failure of the site', async () => {
  const sessions = onNode(settings)
  const failures: unknown[] = []
  sessions.site.on('request_failed', ({ error }) => failures.push(error))
  let closed = Promise.resolve<unknown>(undefined)
  const served = await serve((request, response) => {
    if (request.method === 'POST') closed = once(response, 'close')
    sessions(request, response, () => void response.end(tokenOfNode(request)))
  })
  const client = new Client(served.origin)
  try {
    await client.get('/')
    const socket = begin(client, 'Content-Length: 100')
    socket.write('csrfmiddlewaretoken=')
    await client.get('/')
    socket.destroy()
    await expect.poll(() => closed.then(() => 'closed')).toBe('closed')
    await client.get('/')
    expect(failures).toEqual([])
  } finally {
    client.close()
    await served.close()
    await sessions.site.close()
  }
})

test.each(['before', 'behind'])(
  'report-only leaves a form of any size to a parser %s it, and tells of it',
  async (where) => {
    const sessions = onExpress({ ...settings, csrfMode: 'report-only' })
    const told: unknown[] = []
    sessions.site.on('csrf_failed', ({ code }) => told.push(code))
    const parser = express.urlencoded({ extended: true, limit: '10mb' })
    const app = express().use(where === 'before' ? [parser, sessions] : [sessions, parser])
    app.post('/', (req, res) => void res.send(String(req.body.text?.deep.length)))
    const served = await serve(app)
    try {
      for (const size of [10, 500, 3 * LIMIT]) {
        const body = `text[deep]=${'x'.repeat(size)}`
        const answer = await fetch(`${served.origin}/`, { method: 'POST', headers: asked, body })
        expect(await answer.text()).toBe(String(size))
      }
      // Of one that is over the limit and unparsed there is nothing to tell.
      expect(told).toEqual(Array(where === 'before' ? 3 : 2).fill('no_token'))
    } finally {
      await served.close()
      await sessions.site.close()
    }
  },
)

test.each([
  ['node:http', 'b'],
  ['Express', ['a', 'b']],
])('without a parser, %s has the form on request.body', async (name, twice) => {
  const page = (request: IncomingMessage): string => JSON.stringify((request as { body?: unknown }).body)
  const sessions = name === 'Express' ? onExpress(settings) : onNode(settings)
  const served = await serve((request, response) => {
    sessions(request, response, () => void response.end(page(request)))
  })
  try {
    const headers = { ...asked, 'X-CSRFToken': SECRET }
    const send = (body: string) => fetch(`${served.origin}/`, { method: 'POST', headers, body })
    expect(await (await send('one=1&twice=a&twice=b&?=%20')).json()).toEqual({ one: '1', twice, '?': ' ' })
    expect(await (await send('')).json()).toEqual({})
  } finally {
    await served.close()
    await sessions.site.close()
  }
})

test('a compressed form is for a parser before us, or has its token in the header', async () => {
  const sessions = onExpress(settings)
  const echo: express.RequestHandler = (req, res) => void res.json(req.body)
  const parser = express.urlencoded({ extended: false })
  const app = express().set('env', 'test').use('/before', parser, sessions, echo).use('/behind', sessions, parser, echo)
  const served = await serve(app)
  try {
    const send = (path: string, more = {}) =>
      fetch(`${served.origin}${path}`, {
        method: 'POST',
        headers: { ...asked, 'Content-Encoding': 'gzip', ...more },
        body: gzipSync(`csrfmiddlewaretoken=${SECRET}&a=1`),
      })
    expect(await (await send('/before')).json()).toMatchObject({ a: '1' })
    expect((await send('/behind')).status).toBe(400)
    expect(await (await send('/behind', { 'X-CSRFToken': SECRET })).json()).toMatchObject({ a: '1' })
  } finally {
    await served.close()
    await sessions.site.close()
  }
})

test('a form by HTTP/2 is put back as well, whether or not it says its length', async () => {
  const sessions = onNode(settings)
  const handle = sessions.handle(async (request, response) => void response.end(await textOf(request)))
  const server = createServer(handle as unknown as Parameters<typeof createServer>[1]).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const send = async (pieces: readonly string[], more = {}): Promise<string> => {
    const stream = connection.request({
      ':method': 'POST',
      cookie: asked.Cookie,
      'content-type': asked['Content-Type'],
      ...more,
    })
    for (const piece of pieces) stream.write(piece)
    stream.end()
    return Buffer.concat((await stream.toArray()) as Buffer[]).toString()
  }
  try {
    const start = `csrfmiddlewaretoken=${SECRET}&long=`
    for (const pieces of [[start], [start, 'x'.repeat(LIMIT / 2), 'y']]) {
      const body = pieces.join('')
      expect(await send(pieces)).toBe(body)
      expect(await send(pieces, { 'content-length': body.length })).toBe(body)
    }
    const long = 'x'.repeat(10 * LIMIT)
    expect(await send([long], { 'x-csrftoken': SECRET })).toBe(long)
    expect(await send([], { 'x-csrftoken': SECRET })).toBe('')
    expect(await send([long])).toContain('400 Bad request')
  } finally {
    connection.destroy()
    server.close()
    await sessions.site.close()
  }
})
