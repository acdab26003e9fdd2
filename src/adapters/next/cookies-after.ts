import { halves, parseCookieLine } from './cookie-line.js'

/** A request's Cookie header as the visitor's next one will be, after these lines of Set-Cookie. */
export function cookiesAfter(header: string, lines: readonly string[]): string {
  const set = new Map(lines.map(parseCookieLine).map((line) => [line.name, line]))
  const kept = header.split(';').filter((pair) => pair.trim() !== '' && !set.has(halves(pair)[0].trim()))
  const added = [...set.values()].filter(({ options }) => options.maxAge !== 0)
  return [...kept.map((pair) => pair.trim()), ...added.map(({ name, value }) => `${name}=${value}`)].join('; ')
}
