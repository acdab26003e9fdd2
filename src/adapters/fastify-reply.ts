import type { ServerResponse } from 'node:http'
import { failByNode } from '../core/fail-by-node.js'
import { isPromise } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { MaybePromise, ResponseHead } from '../core/types.js'

type Headers = Readonly<Record<string, unknown>>

/** What hooks said in a reply's head before its handler began. */
export const BEFORE: unique symbol = Symbol('sojourn.before')

/** As much of Fastify's reply as is needed here. */
export interface Reply {
  readonly raw: ServerResponse
  readonly statusCode: number
  /** The response has ended, or is somebody else's (`reply.hijack()`). */
  readonly sent: boolean
  code(status: number): unknown
  getHeader(name: string): unknown
  getHeaders(): Headers
  header(name: string, value: string | readonly string[]): unknown
  headers(values: Headers): unknown
  removeHeader(name: string): unknown
  removeTrailer(name: string): unknown
  send(body: unknown): unknown
  [BEFORE]?: Headers | null
}

/** A reply of Fastify as the core sees it. */
class ReplyHead implements ResponseHead {
  readonly #reply: Reply

  constructor(reply: Reply) {
    this.#reply = reply
  }

  get status(): number {
    return this.#reply.statusCode
  }

  get(name: string): string | undefined {
    const value = this.#reply.getHeader(name)
    return Array.isArray(value) ? value.join(', ') : value?.toString()
  }

  set(name: string, value: string): void {
    this.#reply.header(name, value)
  }

  /** What the raw response has of this name moves to the reply, whose own would else be sent instead of it. */
  append(name: string, value: string): void {
    const given = this.#reply.getHeader(name)
    this.#reply.removeHeader(name)
    this.#reply.header(name, given === undefined ? value : [given, value].flat().map(String))
  }
}

/** Says to the reply what an error says of its answer. */
export function foretell(reply: Reply, error: unknown): void {
  const { status = 500, headers = {} } = (error ?? {}) as { status?: number; headers?: Headers }
  reply.code(status)
  reply.headers(headers)
}

/** A held answer is dropped, since the session could not be stored: the app's error handler gives another. */
export function answerFailure(reply: Reply, scope: Scope, error: unknown, ended: boolean): void {
  // Whoever goes on writing, or has taken the response over, would write into what the error handler sends.
  if (!ended || reply.sent) failByNode(scope.site, reply.raw, error)
  else handOn(reply, scope, error)
}

function handOn(reply: Reply, scope: Scope, error: unknown): void {
  takeBack(reply, scope, error)
  try {
    reply.send(error)
  } catch (thrown) {
    failByNode(scope.site, reply.raw, thrown)
  }
}

/**
 * Nothing that the handler said may be seen; what hooks said before it stays, since it holds for every answer (CORS, security). Without that
 * a script of another origin would not be told of the 503.
 */
function takeBack(reply: Reply, scope: Scope, error: unknown): void {
  // Whoever is to come has a body of a known length, and trailers are for one without.
  for (const name of String(reply.getHeader('trailer') ?? '').split(/[\s,]+/)) reply.removeTrailer(name)
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name)
  reply.headers(reply[BEFORE] ?? {})
  foretell(reply, error)
  scope.salvage(new ReplyHead(reply))
}

/** A stream of Node or of the web. */
interface Stream {
  readonly pipe?: unknown
  readonly getReader?: unknown
  once?(event: 'error', listener: () => void): unknown
  destroy?(): unknown
  cancel?(): Promise<unknown>
}

export function isStream(payload: unknown): payload is Stream {
  if (typeof payload !== 'object' || payload === null) return false
  const { pipe, getReader } = payload as Stream
  return typeof pipe === 'function' || typeof getReader === 'function'
}

/** Stores the session, and then lets the stream begin. */
export function finishBefore<T extends Stream>(
  payload: T,
  reply: Reply,
  scope: Scope,
  done: (error: Error | null, payload?: T) => void,
): void {
  const failed = (error: unknown): void => {
    takeBack(reply, scope, error)
    // Nobody will read it; whatever makes it may stop.
    payload.destroy?.()
    void payload.cancel?.().catch(() => undefined)
    done(error as Error)
  }
  let finishing: MaybePromise<void>
  try {
    finishing = scope.finish(new ReplyHead(reply))
  } catch (error) {
    failed(error)
    return
  }
  if (isPromise(finishing)) {
    // Fastify listens only once it sends: an error nobody hears of would end the process. It asks for it then.
    payload.once?.('error', () => undefined)
    finishing.then(() => done(null, payload), failed)
  } else done(null, payload)
}
