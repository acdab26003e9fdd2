import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionData } from '../core/session-types.js'
import type { MaybePromise } from '../core/types.js'
import { ImproperlyConfigured } from '../errors.js'
import { Client, type ClientOptions } from './client.js'
import { type Served, serve, serveFetch } from './serve.js'

/** A function of Node's request and response, such as an Express app. */
export type NodeApp = (request: IncomingMessage, response: ServerResponse) => void

/** What has a Fetch handler: a Hono or h3 app, what Bun, Deno and Workers serve, or one made by hand. */
export interface FetchApp {
  fetch(request: Request): MaybePromise<Response>
}

/** A server that need not listen: Nest's `app.getHttpServer()`, Fastify's `app.server` once it is ready. */
export interface ServerApp {
  emit(event: 'request', request: IncomingMessage, response: ServerResponse): unknown
}

/** A Fastify app, which is made ready. */
export interface FastifyApp {
  readonly routing: NodeApp
  ready(): PromiseLike<unknown>
}

/** A Koa app. */
export interface KoaApp {
  callback(): NodeApp
}

/** A Nest app, which is initialized. */
export interface NestApp {
  init(): Promise<unknown>
  getHttpAdapter(): { getInstance(): unknown }
}

export type TestApp = NodeApp | FetchApp | ServerApp | FastifyApp | KoaApp | NestApp

/** A Fetch handler: a function of the request alone. One that takes more is given as `{ fetch: handler }`. */
export type FetchFunction = (request: Request) => MaybePromise<Response>

const TAKES =
  "testClient takes an app of Express, Koa, Fastify, Nest, Hono or h3, a server of node:http, a function of Node's request and response, whatever has `fetch`, or a Fetch handler: a function of the request alone."

/** Serves an app, whatever kind it is of; `failed` hears of what it throws instead of answering. */
async function serveApp(app: TestApp | FetchFunction, failed: (error: unknown) => void): Promise<Served> {
  if (typeof app === 'function') return takesRequestAlone(app) ? fetched(app, failed) : listening(app, failed)
  if (typeof app !== 'object' || app === null) throw new ImproperlyConfigured(TAKES)
  if ('getHttpAdapter' in app) {
    await app.init()
    return serveApp(app.getHttpAdapter().getInstance() as NodeApp | FastifyApp, failed)
  }
  if ('routing' in app && 'ready' in app) {
    await app.ready()
    return listening(app.routing, failed)
  }
  if ('callback' in app) return listening(app.callback(), failed)
  if ('fetch' in app) return fetched((request) => app.fetch(request), failed)
  if (!('emit' in app)) throw new ImproperlyConfigured(TAKES)
  return listening((request, response) => void app.emit('request', request, response), failed)
}

/** A listener of Node's could not answer with one. */
function takesRequestAlone(app: NodeApp | FetchFunction): app is FetchFunction {
  return app.length === 1
}

function fetched(handler: FetchFunction, failed: (error: unknown) => void): Promise<Served> {
  return serveFetch(async (request) => {
    try {
      return await handler(request)
    } catch (error) {
      failed(error)
      throw error
    }
  })
}

function listening(listener: NodeApp, failed: (error: unknown) => void): Promise<Served> {
  return serve((request, response) => {
    void answered(listener, request, response).catch((error: unknown) => {
      // Nobody waits for it any more: it is the process's, as it would be in production.
      if (response.writableEnded) throw error
      // An answer that has begun breaks off; whoever reads it sees that.
      if (!response.headersSent) failed(error)
      response.destroy()
    })
  })
}

async function answered(listener: NodeApp, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Fetch handlers that take more than a request look like listeners, until they answer.
  const given: unknown = await listener(request, response)
  if (given instanceof Response) throw new ImproperlyConfigured(`This is a Fetch handler: { fetch: handler }. ${TAKES}`)
}

class ServedClient<T extends object> extends Client<T> {
  readonly #served: Served
  readonly #failures: unknown[]

  constructor(served: Served, failures: unknown[], options: ClientOptions<T> | undefined) {
    super(served.origin, options)
    this.#served = served
    this.#failures = failures
  }

  override async open(...given: Parameters<Client['open']>): Promise<IncomingMessage> {
    try {
      return await super.open(...given)
    } catch (error) {
      throw this.#failures.shift() ?? error
    }
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#served.close()
  }
}

/**
 * A visitor of an app, which it serves by itself on the loopback, at a port the system chooses. Close it when the test is over; the app and
 * its site stay open. A request that the app fails to answer rejects with what it threw. More visitors of the same app are `new Client(client.origin, { site })`.
 *
 * @example
 * ```ts
 * import { getUser, sojourn, userBackend } from 'sojourn/fetch'
 * import { testClient, testClock } from 'sojourn/testing'
 *
 * const clock = testClock()
 * const sessions = sojourn({ secretKey: 'a secret of tests', databases: { default: 'sqlite::memory:' }, clock })
 * const app = { fetch: sessions(async (request) => new Response((await getUser(request))?.username ?? 'nobody')) }
 *
 * const client = await testClient(app, { site: sessions.site })
 * await client.forceLogin(await userBackend(sessions.site).createUser('ann'))
 * console.log((await client.get('/')).text) // ann
 * clock.turn(15 * 86_400)
 * console.log((await client.get('/')).text) // nobody
 * await client.close()
 * ```
 */
export function testClient<T extends object = SessionData>(
  app: FetchFunction,
  options?: ClientOptions<T>,
): Promise<Client<T>>
export function testClient<T extends object = SessionData>(app: TestApp, options?: ClientOptions<T>): Promise<Client<T>>
export async function testClient<T extends object = SessionData>(
  app: TestApp | FetchFunction,
  options?: ClientOptions<T>,
): Promise<Client<T>> {
  const failures: unknown[] = []
  const served = await serveApp(app, (error) => failures.push(error))
  return new ServedClient(served, failures, options)
}
