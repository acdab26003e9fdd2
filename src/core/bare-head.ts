import { ImproperlyConfigured } from '../errors.js'
import type { RequestHead } from './types.js'

/** A request whose headers are of Node, of Fetch, a plain object, a Map or a list of pairs: names in any case, values perhaps lists. */
interface Headed {
  readonly headers?: unknown
  readonly method?: unknown
  readonly url?: unknown
  readonly originalUrl?: unknown
  readonly socket?: { readonly encrypted?: boolean; readonly remoteAddress?: string }
}

/** What AWS Lambda is given: the cookies by themselves (format 2.0), or lists beside the headers, which hold the last of each (1.0). */
interface LambdaEvent {
  readonly cookies?: unknown
  readonly multiValueHeaders?: unknown
}

type Wrapped = Readonly<Record<'raw' | 'req' | 'request', (Headed & { readonly raw?: Headed }) | undefined>>

type Pair = readonly [name: string, value: string | readonly string[] | undefined]

/**
 * The head of a request that no middleware has seen: of Node, of Fetch, an event of AWS Lambda, or inside of what a framework hands over
 * (Hono's `c` has it under `req.raw`). Throws `ImproperlyConfigured` for what is no request, which would pass for a visitor without a session.
 */
export class BareHead implements RequestHead {
  readonly method: string
  readonly url: string
  readonly encrypted: boolean
  readonly address: string | undefined
  readonly #pairs: readonly Pair[]
  readonly #host: string | undefined

  constructor(given: object) {
    const { raw, req, request: inner } = given as Wrapped
    const { cookies, multiValueHeaders } = given as LambdaEvent
    const lists = isObject(multiValueHeaders) ? { headers: multiValueHeaders } : undefined
    const listed = Array.isArray(cookies)
      ? { headers: { ...((given as Headed).headers as object), cookie: cookies } }
      : undefined
    const all: readonly (Headed | undefined)[] = [listed, lists, given, raw, req, inner, req?.raw]
    const request = all.find((each) => isObject(each?.headers))
    const pairs = request === undefined ? undefined : pairsOf(request.headers as object)
    if (request === undefined || pairs === undefined) {
      throw new ImproperlyConfigured(
        'A request has headers, and this has none (sessions.open also takes a session key).',
      )
    }
    this.#pairs = pairs
    const { method, socket } = request
    const url = String(request.originalUrl ?? request.url ?? '/')
    // Of Node it is what the request line has, of Fetch all of it.
    const whole = /^https?:/.test(url) ? new URL(url) : null
    this.method = typeof method === 'string' ? method : 'GET'
    this.url = whole === null ? url : whole.pathname + whole.search
    this.encrypted = whole === null ? socket?.encrypted === true : whole.protocol === 'https:'
    this.address = socket?.remoteAddress
    this.#host = whole?.host
  }

  header(name: string): string | undefined {
    const lines = this.#pairs.filter(([each]) => each.toLowerCase() === name).flatMap(([, value]) => value ?? [])
    if (lines.length === 0) return name === 'host' ? this.#host : undefined
    return lines.join(name === 'cookie' ? '; ' : ', ')
  }

  /** Nobody has read its body, if it has any. */
  formField(): undefined {
    return undefined
  }
}

/** Fetch's `Headers`, a Map and a list are iterated alike; `undefined` for a list of anything but pairs. */
function pairsOf(headers: object): readonly Pair[] | undefined {
  const pairs: unknown[] = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers)
  return pairs.every(isPair) ? pairs : undefined
}

function isPair(pair: unknown): pair is Pair {
  return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
