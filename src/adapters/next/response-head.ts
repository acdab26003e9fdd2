import type { ResponseHead } from '../../core/types.js'
import { parseCookieLine } from './cookie-line.js'
import type { NextCookies } from './framework.js'

/**
 * The response that Next makes to a server action: its status is known, its cookies can be set, and its other headers are Next's own, which
 * let nobody keep it.
 */
export class NextResponseHead implements ResponseHead {
  readonly status: number
  readonly #jar: NextCookies
  readonly #lines: string[]

  /** `lines`: where each line of Set-Cookie is noted besides. */
  constructor(jar: NextCookies, status: number, lines: string[] = []) {
    this.#jar = jar
    this.status = status
    this.#lines = lines
  }

  get(): undefined {
    return undefined
  }

  set(): void {}

  append(name: string, line: string): void {
    if (name !== 'Set-Cookie') return
    this.#lines.push(line)
    const { name: cookie, value, options } = parseCookieLine(line)
    this.#jar.set(cookie, value, options)
  }
}
