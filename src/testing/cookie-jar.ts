import type { Clock } from '../core/types.js'

interface Kept {
  readonly name: string
  readonly value: string
  readonly path: string
  /** Milliseconds since 1970; infinite for a cookie that ends with the browser. */
  readonly expires: number
}

/** The cookies of one visitor to one host: RFC 6265 section 5, as far as names, paths and ends go. */
export class CookieJar {
  readonly #clock: Clock
  /** By name and path, which together say which cookie a new one replaces. */
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock = Date.now) {
    this.#clock = clock
  }

  /** Takes over a Set-Cookie line of a response to this path; one that has ended deletes. */
  take(line: string, from = '/'): void {
    const [pair = '', ...rest] = line.split(';')
    const [name, value] = split(pair)
    const attributes = new Map(rest.map((each) => split(each)).map(([key, text]) => [key.toLowerCase(), text]))
    const given = attributes.get('path') ?? ''
    const path = given.startsWith('/') ? given : folderOf(from)
    const expires = this.#end(attributes)
    if (expires <= this.#clock()) this.#kept.delete(`${name}\n${path}`)
    else this.#kept.set(`${name}\n${path}`, { name, value, path, expires })
  }

  /** Puts a cookie into the jar by hand, for the whole host. */
  set(name: string, value: string): void {
    this.take(`${name}=${value}; Path=/`)
  }

  /** The value that a request to this path sends under a name. */
  get(name: string, path = '/'): string | undefined {
    return this.#for(path).find((each) => each.name === name)?.value
  }

  delete(name: string): void {
    for (const [id, kept] of this.#kept) if (kept.name === name) this.#kept.delete(id)
  }

  /** Forgets all cookies. */
  clear(): void {
    this.#kept.clear()
  }

  /** The Cookie header of a request to this path; empty if there is none to send. */
  header(path = '/'): string {
    return this.#for(path)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  #for(path: string): readonly Kept[] {
    const now = this.#clock()
    return [...this.#kept.values()]
      .filter((kept) => kept.expires > now && matches(path, kept.path))
      .sort((a, b) => b.path.length - a.path.length)
  }

  /** Max-Age wins over Expires. */
  #end(attributes: ReadonlyMap<string, string>): number {
    const age = attributes.get('max-age')
    if (age !== undefined && /^-?\d+$/.test(age)) return Number(age) <= 0 ? 0 : this.#clock() + Number(age) * 1000
    const date = Date.parse(attributes.get('expires') ?? '')
    return Number.isNaN(date) ? Number.POSITIVE_INFINITY : date
  }
}

function split(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1))
}

function matches(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/')
}
