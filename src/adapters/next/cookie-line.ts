import type { NextCookieOptions } from './framework.js'

/** One of our own Set-Cookie lines, taken apart again. */
export interface CookieLine {
  readonly name: string
  readonly value: string
  readonly options: NextCookieOptions
}

/** What each attribute of a line is to Next. */
const OPTIONS: Readonly<Record<string, (value: string) => NextCookieOptions>> = {
  domain: (domain) => ({ domain }),
  expires: (date) => ({ expires: new Date(date) }),
  httponly: () => ({ httpOnly: true }),
  'max-age': (seconds) => ({ maxAge: Number(seconds) }),
  partitioned: () => ({ partitioned: true }),
  path: (path) => ({ path }),
  samesite: (sameSite) => ({ sameSite: sameSite.toLowerCase() as 'lax' }),
  secure: () => ({ secure: true }),
}

/** No value of ours holds a `;`: those that would are quoted (`setCookie`). */
export function parseCookieLine(line: string): CookieLine {
  const [[name = '', value = ''] = [], ...attributes] = line.split('; ').map(halves)
  const options = attributes.map(([attribute = '', given = '']) => OPTIONS[attribute.toLowerCase()]?.(given))
  return { name, value, options: Object.assign({}, ...options) }
}

/** What stands before the first `=` of a pair, and what behind it. */
export function halves(pair: string): [string, string] {
  const equals = pair.indexOf('=')
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
}
