import type { PlainResponse } from '../../core/types.js'
import type { Droppable } from './finished.js'

export function responseOf({ status, headers, body }: PlainResponse): Response {
  return new Response(body, { status, headers })
}

/** The head of what a handler answers on Fetch. */
export interface AnswerHead<Answer> extends Droppable {
  /** The answer with what was set; the given one where nothing was, or where it has to be that one. */
  response(): Answer
}

/** A Fetch response as the core sees it. */
export class FetchResponseHead implements AnswerHead<Response> {
  readonly #given: Response
  readonly #own: Headers | undefined
  #headers: Headers | undefined

  /** `own`: the headers of a response that nobody else holds; they are changed where they are. */
  constructor(response: Response, own?: Headers) {
    this.#given = response
    this.#own = own
    this.#headers = own
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
    if (this.#headers === this.#own) return this.#given
    const { status, statusText, body } = this.#given
    return new Response(body, { status, statusText, headers: this.#headers })
  }

  drop(): void {
    void this.#given.body?.cancel().catch(() => undefined)
  }

  /**
   * A copy, since the headers of a redirect or a fetched response cannot be changed, and those of a response that a page gives to all its
   * visitors must not.
   */
  #writable(): Headers {
    this.#headers ??= new Headers(this.#given.headers)
    return this.#headers
  }
}
