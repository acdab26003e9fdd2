import type { MaybePromise, RequestHead } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'

/**
 * A request whose form is looked at only where that takes nothing from whoever reads it next: an urlencoded body of unknown length, or of one
 * that is over the limit, is left alone.
 */
export function leavingBody(head: RequestHead, limit: number | null): RequestHead {
  const isForm = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i.test(head.header('content-type') ?? '')
  const length = head.header('content-length')
  const isShort = length !== undefined && (limit === null || Number(length) <= limit)
  return !isForm || isShort ? head : new Bodiless(head)
}

class Bodiless implements RequestHead {
  readonly #head: RequestHead

  constructor(head: RequestHead) {
    this.#head = head
  }

  get method(): string {
    return this.#head.method
  }

  get url(): string {
    return this.#head.url
  }

  get encrypted(): boolean {
    return this.#head.encrypted
  }

  header(name: string): string | undefined {
    return this.#head.header(name)
  }

  formField(): MaybePromise<string | undefined> {
    throw new BodyNotParsed('The form was left to the page.')
  }
}
