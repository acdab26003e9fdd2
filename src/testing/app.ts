import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { getSession } from '../core/get-session.js'
import { chain } from '../core/maybe.js'
import type { Session } from '../core/session-types.js'
import type { MaybePromise } from '../core/types.js'

/** A request, as a route sees it in every framework. */
export interface Visit {
  /** What the framework calls the request. */
  readonly request: object
  readonly query: URLSearchParams
  session(): MaybePromise<Session>
}

/** What a route answers; text is a page. */
export type Reply = string | Answer

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | AsyncIterable<Uint8Array>
}

/** Pages by path. One page for every framework. */
export type Routes = Readonly<Record<string, (visit: Visit) => MaybePromise<Reply>>>

/** The pages of a contract, in the two ways in which a framework may call them. */
export interface App {
  /** Answers a request of `node:http` and of what stands on it. Rejects if the page does. */
  readonly node: (request: IncomingMessage, response: ServerResponse) => MaybePromise<void>
  /** Answers a Fetch request. */
  readonly fetch: (request: Request) => MaybePromise<Response>
}

/** Makes an app of routes. */
export function appOf(routes: Routes): App {
  const reply = (request: object, address: string): MaybePromise<Answer> => {
    const { pathname, searchParams: query } = new URL(address, 'http://localhost')
    const answer = routes[pathname]?.({ request, query, session: () => getSession(request) })
    return chain(answer ?? { status: 404, body: 'no such page' }, (given) =>
      typeof given === 'string' ? { body: given } : given,
    )
  }
  return {
    node: (request, response) => chain(reply(request, request.url ?? '/'), (answer) => send(response, answer)),
    fetch: (request) =>
      chain(reply(request, request.url), ({ body, ...rest }) => {
        return new Response(
          typeof body === 'object' ? (Readable.toWeb(Readable.from(body)) as ReadableStream) : body,
          rest,
        )
      }),
  }
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): MaybePromise<void> {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (typeof body === 'object') {
    // A body that has not begun must not keep its head back.
    response.flushHeaders()
    return pipeline(Readable.from(body), response)
  }
  response.end(body)
}
