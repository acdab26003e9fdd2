import type { MaybePromise, RequestHead } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'

/** A request whose form is looked at only where something before us has parsed it: reading it here could take it from the page. */
export function leavingBody(head: RequestHead): RequestHead {
  return head.hasForm?.() === false ? new Bodiless(head) : head
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
