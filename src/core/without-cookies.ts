import { keepPrivate } from './keep-private.js'
import type { ResponseHead } from './types.js'

/** The head of an answer to whoever keeps no cookies: those of sojourn are left out. It is for this one visitor all the same. */
export class WithoutCookies implements ResponseHead {
  readonly status: number
  readonly #response: ResponseHead

  constructor(response: ResponseHead) {
    this.status = response.status
    this.#response = response
    keepPrivate(response)
  }

  get(name: string): string | undefined {
    return this.#response.get(name)
  }

  set(name: string, value: string): void {
    this.#response.set(name, value)
  }

  append(name: string, value: string): void {
    if (name.toLowerCase() !== 'set-cookie') this.#response.append(name, value)
  }
}
