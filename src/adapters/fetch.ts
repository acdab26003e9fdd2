import { failureResponse } from '../core/failure.js'
import { chain } from '../core/maybe.js'
import { Scope } from '../core/scope.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse, RequestHead, ResponseHead } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { tooLong, urlencoded } from './form.js'

export * from './api.js'

/** What Node refuses with 431 by itself; here nobody else does (T34). */
const MAX_COOKIE_HEADER = 16 * 1024

/** A handler of Bun, Deno, Workers and every framework that speaks Fetch; `rest` is whatever the runtime adds. */
export type FetchHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => MaybePromise<Response>

/** Wraps a handler; `.site` is the site behind it. */
export interface FetchMiddleware {
  <Rest extends unknown[]>(handler: FetchHandler<Rest>): (request: Request, ...rest: Rest) => Promise<Response>
  readonly site: Site
}

/**
 * Sessions for `(Request) => Response`. The session is stored before the response is handed to the runtime.
 *
 * @example
 * ```ts
 * import { getSession, sojourn } from 'sojourn/fetch'
 *
 * const withSession = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 * const handler = withSession(async (request) => {
 *   const session = await getSession(request)
 *   session.visits = Number(session.get('visits', 0)) + 1
 *   return new Response(`visit ${session.visits}`)
 * })
 * ```
 */
export function sojourn(settings: SettingsInput | Site): FetchMiddleware {
  const site = siteOf(settings)
  const middleware = <Rest extends unknown[]>(handler: FetchHandler<Rest>) => {
    return async (request: Request, ...rest: Rest): Promise<Response> => {
      if (Scope.of(site, request) !== undefined) return handler(request, ...rest)
      if ((request.headers.get('cookie')?.length ?? 0) > MAX_COOKIE_HEADER) return new Response(null, { status: 431 })
      const { dataUploadMaxMemorySize, debug } = site.settings
      const failure = (error: unknown): Response => {
        site.failed(error, request)
        return responseOf(failureResponse(error, debug))
      }
      const scope = Scope.open(site, request, new FetchRequestHead(request, dataUploadMaxMemorySize))
      const answer = async (): Promise<Response> => {
        const refused = await scope.begin()
        return refused === undefined ? handler(request, ...rest) : responseOf(refused)
      }
      try {
        // A page that failed is finished too: a key that changed before it failed has to reach the visitor.
        return await finished(scope, await answer().catch(failure))
      } catch (error) {
        const head = new FetchResponseHead(failure(error))
        scope.salvage(head)
        return head.response()
      }
    }
  }
  return Object.assign(middleware, { site })
}

async function finished(scope: Scope, response: Response): Promise<Response> {
  const head = new FetchResponseHead(response)
  try {
    await scope.finish(head)
  } catch (error) {
    // Nobody will read it; whatever makes it may stop.
    void response.body?.cancel().catch(() => undefined)
    throw error
  }
  return head.response()
}

function responseOf({ status, headers, body }: PlainResponse): Response {
  return new Response(body, { status, headers })
}

/** A Fetch request as the core sees it. */
class FetchRequestHead implements RequestHead {
  readonly #request: Request
  readonly #address: URL
  readonly #formLimit: number | null
  #form: Promise<URLSearchParams | FormData | undefined> | null = null

  constructor(request: Request, formLimit: number | null) {
    this.#request = request
    this.#formLimit = formLimit
    this.#address = new URL(request.url)
  }

  get method(): string {
    return this.#request.method
  }

  get url(): string {
    return this.#address.pathname + this.#address.search
  }

  get encrypted(): boolean {
    return this.#address.protocol === 'https:'
  }

  header(name: string): string | undefined {
    // Some runtimes keep the host in the URL only.
    return this.#request.headers.get(name) ?? (name === 'host' ? this.#address.host : undefined)
  }

  formField(name: string): MaybePromise<string | undefined> {
    this.#form ??= readForm(this.#request, this.#formLimit)
    return chain(this.#form, (form) => {
      // As in Django the last of a name counts.
      const value = form?.getAll(name).at(-1)
      return typeof value === 'string' ? value : undefined
    })
  }
}

/** A clone is read, so that the handler can still read the request. */
async function readForm(request: Request, limit: number | null): Promise<URLSearchParams | FormData | undefined> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i.test(type.trim())) return undefined
  if (request.bodyUsed) {
    throw new BodyNotParsed('The body was read before sojourn looked for the form token: wrap the outermost handler.')
  }
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (limit !== null && bytes > limit) controller.error(tooLong(limit))
      else controller.enqueue(chunk)
    },
  })
  const clone = new Response(request.clone().body?.pipeThrough(counted), { headers: { 'content-type': type } })
  try {
    return /^multipart/i.test(type.trim()) ? await clone.formData() : urlencoded(await clone.text())
  } catch (cause) {
    if (limit !== null && bytes > limit) throw tooLong(limit)
    throw new BodyNotParsed('The submitted form cannot be parsed.', { cause })
  }
}

class FetchResponseHead implements ResponseHead {
  readonly #given: Response
  #headers: Headers | null = null

  constructor(response: Response) {
    this.#given = response
  }

  get status(): number {
    return this.#given.status
  }

  get(name: string): string | undefined {
    return (this.#headers ?? this.#given.headers).get(name) ?? undefined
  }

  set(name: string, value: string): void {
    this.#writable().set(name, value)
  }

  append(name: string, value: string): void {
    this.#writable().append(name, value)
  }

  /** The response with what was set; the given one where nothing was. */
  response(): Response {
    const { status, statusText, body } = this.#given
    return this.#headers === null ? this.#given : new Response(body, { status, statusText, headers: this.#headers })
  }

  /** The headers of a redirect or a fetched response cannot be changed, so a copy is. */
  #writable(): Headers {
    this.#headers ??= new Headers(this.#given.headers)
    return this.#headers
  }
}
