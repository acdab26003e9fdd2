import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { chain } from '../../core/maybe.js'
import type { MaybePromise, RequestHead, ResponseHead } from '../../core/types.js'
import { fieldOf, type ParsedForm, type SubmittedForm } from '../submitted-form.js'
import { setTrueHeader } from './pretend-sent.js'

/** As much of a request as a head needs: `IncomingMessage` has it, and what frameworks make of one. */
export interface NodeRequest {
  readonly method?: string
  readonly url?: string
  readonly headers: IncomingHttpHeaders
  readonly socket: object
}

type Read<Request> = (request: Request) => MaybePromise<ParsedForm | SubmittedForm | undefined>

/** A Node request as the core sees it. */
export class NodeRequestHead<Request extends NodeRequest> implements RequestHead {
  readonly #request: Request
  readonly #readForm: Read<Request>

  constructor(request: Request, read: Read<Request>) {
    this.#request = request
    this.#readForm = read
  }

  get method(): string {
    return this.#request.method ?? 'GET'
  }

  get url(): string {
    return (this.#request as { originalUrl?: string }).originalUrl ?? this.#request.url ?? '/'
  }

  get encrypted(): boolean {
    return (this.#request.socket as { encrypted?: boolean }).encrypted === true
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** Express, Fastify and Koa call `ip` what their trusted proxies say. */
  get address(): string | undefined {
    const { ip, socket } = this.#request as Request & { readonly ip?: unknown }
    return typeof ip === 'string' ? ip : (socket as { remoteAddress?: string }).remoteAddress
  }

  formField(name: string): MaybePromise<string | undefined> {
    return chain(this.#readForm(this.#request), (form) => fieldOf(form, name))
  }
}

/** A Node response as the core sees it. Headers are set as they can be now: one that is held refuses them (`pretendSent`). */
export class NodeResponseHead implements ResponseHead {
  readonly status: number
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.status = response.statusCode
    this.#response = response
  }

  get(name: string): string | undefined {
    const value = this.#response.getHeader(name)
    return Array.isArray(value) ? value.join(', ') : value?.toString()
  }

  set(name: string, value: string): void {
    setTrueHeader(this.#response, name, value)
  }

  append(name: string, value: string): void {
    const given = this.#response.getHeader(name)
    setTrueHeader(this.#response, name, given === undefined ? value : [given, value].flat().map(String))
  }
}

/** Moves headers given to `writeHead` onto the response, so that what we set joins them instead of being overwritten. */
export function takeHeaders(response: ServerResponse, given: readonly unknown[]): readonly unknown[] {
  const [status, second, third] = given
  const message = typeof second === 'string' ? second : undefined
  const headers = message === undefined ? (second ?? third) : third
  if (Array.isArray(headers)) takeList(response, headers)
  else if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
  }
  response.statusCode = Number(status)
  return message === undefined ? [status] : [status, message]
}

/** `[name, value, name, value]` or `[[name, value], ...]`; a name that is there twice has two lines. */
function takeList(response: ServerResponse, list: readonly unknown[]): void {
  const pairs = Array.isArray(list[0]) ? (list as [string, string][]) : pairUp(list as string[])
  for (const [name] of pairs) response.removeHeader(name)
  for (const [name, value] of pairs) response.appendHeader(name, value)
}

function pairUp(list: readonly string[]): [string, string][] {
  return list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] as string] as [string, string]] : []))
}
