import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionData } from '../core/session-types.js'
import type { MaybePromise } from '../core/types.js'
import { Client, type ClientOptions } from './client.js'
import { type Served, serve, serveFetch } from './serve.js'

/** A function of Node's request and response, such as an Express app, or Koa's `app.callback()`. */
export type NodeApp = (request: IncomingMessage, response: ServerResponse) => void

/** What has a Fetch handler: a Hono or h3 app, what Bun, Deno and Workers serve, or one made by hand. */
export interface FetchApp {
  fetch(request: Request): MaybePromise<Response>
}

/** A server that need not listen: Fastify's `app.server` once it is ready, Nest's `app.getHttpServer()`. */
export interface ServerApp {
  emit(event: 'request', request: IncomingMessage, response: ServerResponse): unknown
}

export type TestApp = NodeApp | FetchApp | ServerApp

/** Serves an app, whatever kind it is of. */
function serveApp(app: TestApp): Promise<Served> {
  if (typeof app === 'function') return serve(app)
  if ('fetch' in app) return serveFetch((request) => app.fetch(request))
  return serve((request, response) => void app.emit('request', request, response))
}

class ServedClient<T extends object> extends Client<T> {
  readonly #served: Served

  constructor(served: Served, options: ClientOptions<T> | undefined) {
    super(served.origin, options)
    this.#served = served
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#served.close()
  }
}

/**
 * A visitor of an app, which it serves by itself on the loopback, at a port the system chooses. Close it when the test is over; the app and
 * its site stay open. More visitors of the same app are `new Client(client.origin, { site })`.
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
export async function testClient<T extends object = SessionData>(
  app: TestApp,
  options?: ClientOptions<T>,
): Promise<Client<T>> {
  return new ServedClient(await serveApp(app), options)
}
