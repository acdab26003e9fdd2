import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { getSession } from '../core/get-session.js'
import { chain } from '../core/maybe.js'
import type { Session } from '../core/session-types.js'
import type { MaybePromise } from '../core/types.js'

/** What a framework has besides the request of its platform. */
export interface Place {
  /** What its people hold in their hands, and give to sojourn's functions: `c`, `ctx`, `event` (default: the request itself). */
  readonly request?: object
  /** The session, where its people look for it: `() => c.var.session`. */
  readonly session?: () => unknown
}

/** A request, as a route sees it in every framework. */
export interface Visit {
  /** What the framework calls the request. */
  readonly request: object
  readonly method: string
  readonly query: URLSearchParams
  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined
  session(): MaybePromise<Session>
  /** Where the framework keeps the session, if it keeps one. */
  readonly kept: (() => unknown) | undefined
}

/** What a route answers; text is a page. */
export type Reply = string | Answer

export interface Answer {
  readonly status?: number
  /** A list is as many lines of that name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | AsyncIterable<Uint8Array>
}

/** Pages by path. One page for every framework. */
export type Routes = Readonly<Record<string, (visit: Visit) => MaybePromise<Reply>>>

/** The pages of a contract, in the two ways in which a framework may call them. */
export interface App {
  /** Answers a request of `node:http` and of what stands on it. Rejects if the page does. The `next` of a framework is left alone. */
  readonly node: (request: IncomingMessage, response: ServerResponse, place?: Place | Next) => MaybePromise<void>
  /** Answers a Fetch request. */
  readonly fetch: (request: Request, place?: Place) => MaybePromise<Response>
}

type Next = (error?: never) => unknown

/** Makes an app of routes. */
export function appOf(routes: Routes): App {
  const reply = (address: string, visit: Omit<Visit, 'query' | 'session'>): MaybePromise<Answer> => {
    const { pathname, searchParams: query } = new URL(address, 'http://localhost')
    const answer = routes[pathname]?.({ ...visit, query, session: () => getSession(visit.request) })
    return chain(answer ?? { status: 404, body: 'no such page' }, (given) =>
      typeof given === 'string' ? { body: given } : given,
    )
  }
  return {
    node: (raw, response, place) => {
      const { request = raw, session: kept } = placeOf(place)
      const header = (name: string) => raw.headers[name] as string | undefined
      const visit = { request, method: raw.method ?? 'GET', header, kept }
      return chain(reply(raw.url ?? '/', visit), (answer) => send(response, answer))
    },
    fetch: (raw, place) => {
      const { request = raw, session: kept } = placeOf(place)
      const header = (name: string) => raw.headers.get(name) ?? undefined
      return chain(reply(raw.url, { request, method: raw.method, header, kept }), responseOf)
    },
  }
}

function placeOf(given: Place | Next | undefined): Place {
  return typeof given === 'object' ? given : {}
}

function responseOf({ status, headers = {}, body }: Answer): Response {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, each]),
  )
  return new Response(typeof body === 'object' ? streamOf(body) : body, { status, headers: lines })
}

/** A stream that asks for a piece when its reader does, and not before. */
function streamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel(): Promise<void> {
      await pieces.return?.()
    },
  }
  return new ReadableStream(source, { highWaterMark: 0 })
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
