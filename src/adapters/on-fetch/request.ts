import { chain } from '../../core/maybe.js'
import type { MaybePromise, RequestHead } from '../../core/types.js'
import { BodyNotParsed } from '../../errors.js'
import { fieldOf, isForm, parseForm, type SubmittedForm, tooLong } from '../submitted-form.js'

/** A Fetch request as the core sees it. */
export class FetchRequestHead implements RequestHead {
  readonly #request: Request
  readonly #formLimit: number | null
  #parsed: URL | null = null
  #form: MaybePromise<SubmittedForm | undefined> | null = null

  constructor(request: Request, formLimit: number | null) {
    this.#request = request
    this.#formLimit = formLimit
  }

  get #address(): URL {
    this.#parsed ??= new URL(this.#request.url)
    return this.#parsed
  }

  get method(): string {
    return this.#request.method
  }

  get url(): string {
    return this.#address.pathname + this.#address.search
  }

  get encrypted(): boolean {
    // A URL of Fetch's is in its normal form, and reading all of it costs as much as the rest of a cookie.
    return this.#request.url.startsWith('https:')
  }

  /** srvx, on which h3 and Nitro stand, calls it `ip`. */
  get address(): string | undefined {
    return (this.#request as { ip?: string }).ip
  }

  header(name: string): string | undefined {
    // Some runtimes keep the host in the URL only.
    return this.#request.headers.get(name) ?? (name === 'host' ? this.#address.host : undefined)
  }

  formField(name: string): MaybePromise<string | undefined> {
    this.#form ??= this.readForm(this.#request, this.#formLimit)
    return chain(this.#form, (form) => fieldOf(form, name))
  }

  /** Reads a clone, so that the handler can still read the request. */
  protected readForm(request: Request, limit: number | null): MaybePromise<SubmittedForm | undefined> {
    const type = request.headers.get('content-type') ?? ''
    if (!isForm(type)) return undefined
    if (request.bodyUsed) {
      throw new BodyNotParsed('The body was read before sojourn looked for the form token: let sojourn come first.')
    }
    return readClone(request, type, limit)
  }
}

async function readClone(request: Request, type: string, limit: number | null): Promise<SubmittedForm> {
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (limit !== null && bytes > limit) controller.error(tooLong(limit))
      else controller.enqueue(chunk)
    },
  })
  try {
    return await parseForm(request.clone().body?.pipeThrough(counted), type)
  } catch (error) {
    throw limit !== null && bytes > limit ? tooLong(limit) : error
  }
}
