import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { getToken } from '../../../src/adapters/api.js'
import { sojourn as expressSojourn } from '../../../src/adapters/express.js'
import { sojourn as fetchSojourn } from '../../../src/adapters/fetch.js'
import { sojourn as nodeSojourn } from '../../../src/adapters/node.js'
import type { SettingsInput } from '../../../src/core/settings.js'
import type { PlainResponse } from '../../../src/core/types.js'
import { SECRET } from '../../support/sites.js'
import type { Case, Variant, Verdict } from './case.js'
import { httpSender, serverTls } from './sender.js'
import { verdictOf } from './verdict.js'

/** One site of ours, made for a variant. */
export interface OurSite extends AsyncDisposable {
  ask(asked: Case): Promise<Verdict>
}

export function openSite(variant: Variant): Promise<OurSite> {
  return variant.adapter === 'fetch' ? Promise.resolve(fetchSite(variant)) : nodeSite(variant)
}

function settingsOf({ settings }: Variant): SettingsInput {
  return {
    secretKey: SECRET,
    sessionEngine: 'signed_cookies',
    middleware: ['sessions', 'csrf'],
    csrfFailureView: (_request, reason): PlainResponse => ({
      status: 403,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ reason }),
    }),
    ...settings,
  }
}

/** What the page says to whoever reaches it. */
function pageFor(request: object, path: string | undefined): string {
  if (path === '/token') getToken(request)
  return '{"reason":null}'
}

/** A server with and one without TLS, on the loopback. */
async function nodeSite(variant: Variant): Promise<OurSite> {
  const { listener, close } = variant.adapter === 'express' ? expressListener(variant) : nodeListener(variant)
  const plain = createServer(listener)
  const secure = createSecureServer(serverTls, listener)
  const ports = { plain: await listen(plain), secure: await listen(secure) }
  const sender = httpSender(ports)
  return {
    ask: (asked) => sender.send(asked),
    async [Symbol.asyncDispose]() {
      sender.close()
      for (const server of [plain, secure]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      await close()
    },
  }
}

interface Listening {
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void
  close(): Promise<void>
}

function expressListener(variant: Variant): Listening {
  const middleware = expressSojourn(settingsOf(variant))
  const app = express()
  // Failures are counted by their status; the stack would be a flood.
  app.set('env', 'test')
  if (variant.parsesMultipart)
    app.use((request, _response, next) => void parseMultipart(request).then(() => next(), next))
  app.use(middleware, (request, response) => {
    response.type('json').send(pageFor(request, request.url))
  })
  return { listener: app, close: () => middleware.site.close() }
}

function nodeListener(variant: Variant): Listening {
  const middleware = nodeSojourn(settingsOf(variant))
  const handle = middleware.handle((request, response) => void response.end(pageFor(request, request.url)))
  return {
    listener: (request, response) => {
      if (!variant.parsesMultipart) return handle(request, response)
      parseMultipart(request).then(
        () => handle(request, response),
        (error: unknown) => response.destroy(error as Error),
      )
    },
    close: () => middleware.site.close(),
  }
}

/** A multipart parser by Node's own means, which leaves the form where all of them do. */
async function parseMultipart(request: IncomingMessage & { body?: unknown }): Promise<void> {
  const type = request.headers['content-type'] ?? ''
  if (!/^multipart\/form-data *;/i.test(type)) return
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const form = await new Response(Buffer.concat(chunks), { headers: { 'content-type': type } }).formData()
  request.body = Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)]))
}

/** Requests of the Fetch adapter are made, not sent: its runtimes have no server in common, and methods come in any case. */
function fetchSite(variant: Variant): OurSite {
  const middleware = fetchSojourn(settingsOf(variant))
  const handler = middleware((request) => new Response(pageFor(request, new URL(request.url).pathname)))
  return {
    async ask({ method, tls, asksToken, lines, body }) {
      const url = `${tls ? 'https' : 'http'}://shop.example.com${asksToken ? '/token' : '/'}`
      const hasBody = body !== '' && !/^(get|head)$/i.test(method)
      const bytes = hasBody ? Buffer.from(body, 'latin1') : undefined
      const headers = new Headers()
      for (const [name, value] of lines) headers.append(name, value)
      // RFC 9110 names these methods, and Fetch makes no request of them.
      if (/^(trace|connect)$/i.test(method)) return { status: 0, reason: null, setCookies: [] }
      const response = await handler(new Request(url, { method, headers, body: bytes }))
      const text = await response.text()
      return { ...verdictOf(response.status, text), setCookies: response.headers.getSetCookie() }
    },
    [Symbol.asyncDispose]: () => middleware.site.close(),
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
