import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import formbody from '@fastify/formbody'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/fastify'
import type { App } from 'sojourn/testing'

/** A contract's pages, answered as Fastify's own people answer: what a handler returns is the payload. */
export function fastifyReplies(site: Site, app: App): FastifyInstance {
  return appWith(site, async (request, reply) => {
    const visit = new Request(`http://localhost${request.url}`, { method: request.method, headers: headersOf(request) })
    return replyWith(await app.fetch(visit, { request, session: () => request.session }), reply)
  })
}

/** A contract's pages, answered with Node's response behind Fastify's back. */
export function fastifyRaw(site: Site, app: App): FastifyInstance {
  return appWith(site, (request, reply) => {
    Object.assign(request.raw, { session: request.session })
    return app.node(request.raw, reply.raw, { request, session: () => request.session })
  })
}

/** What a server of Node calls. */
export function listenerOf(app: FastifyInstance): (request: IncomingMessage, response: ServerResponse) => void {
  const ready = app.ready()
  return (request, response) => {
    ready.then(() => app.routing(request, response))
  }
}

function appWith(site: Site, handler: (request: FastifyRequest, reply: FastifyReply) => unknown): FastifyInstance {
  const app = fastify()
  // What @fastify/cors does.
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('Access-Control-Allow-Origin', '*')
    done()
  })
  app.register(sojourn(site))
  app.register(formbody)
  app.all('/*', handler)
  return app
}

function headersOf({ headers }: FastifyRequest): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, each]),
  )
}

/** Text as a text, events as those write them who take the response over, any other body as the stream that it is. */
async function replyWith(answer: Response, reply: FastifyReply): Promise<unknown> {
  reply.code(answer.status)
  for (const [name, value] of answer.headers) reply.header(name, value)
  const type = answer.headers.get('content-type') ?? ''
  if (answer.body === null) return reply.send()
  // Of a text, Response says the charset by itself.
  if (type.endsWith('charset=UTF-8')) return answer.text()
  if (!type.startsWith('text/event-stream')) return answer.body
  reply.hijack()
  reply.raw.writeHead(answer.status, { 'Content-Type': type })
  reply.raw.flushHeaders()
  Readable.fromWeb(answer.body as never).pipe(reply.raw)
  return undefined
}
