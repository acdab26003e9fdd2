import { getHost } from '../core/host.js'
import { scopeOf } from '../core/scope.js'

/** Scheme and host as written, before any parser has mended them. */
const PREFIX = /^(?:([a-z][a-z0-9+.-]*):)?(\/\/[^/?#]*)?/i
/** Browsers drop these, or take the backslash for a slash, so that a path becomes another host. A blank or any control may not come first. */
const UNSAFE = /[\\\x00-\x1f\x7f]|^[\s\p{C}]/u
const MAX_LENGTH = 2048

/**
 * Where to go after login: `url` if it leads to this site, else `fallback` (default `loginRedirectUrl`). For everything that a
 * visitor can name, such as `?next=`. Refuses all that Django's `url_has_allowed_host_and_scheme` refuses, and takes the URL only
 * as a browser would read it: the answer is a path of this site, encoded, with nothing in it that ends a header line.
 *
 * @example
 * ```ts
 * import { safeNext } from 'sojourn/auth'
 *
 * const after = (request: Request, next: unknown): string => safeNext(request, next, '/')
 * ```
 */
export function safeNext(request: object, url: unknown, fallback?: string): string {
  const { head, secure, site } = scopeOf(request)
  const host = getHost(head, site.settings)
  const here = `${secure ? 'https' : 'http'}://${host}`
  return pathHere(url, here, host, head.url) ?? fallback ?? site.settings.loginRedirectUrl
}

/** The path that a URL names on this site, `null` if it leads anywhere else. */
function pathHere(url: unknown, here: string, host: string, page: string): string | null {
  if (typeof url !== 'string' || url === '' || url.length > MAX_LENGTH || UNSAFE.test(url)) return null
  const [, scheme, authority] = PREFIX.exec(url) as unknown as [string, string | undefined, string | undefined]
  if (scheme !== undefined && authority === undefined) return null
  // Without a scheme it counts as plain HTTP, as in Django.
  if (authority !== undefined && scheme === undefined && here.startsWith('https:')) return null
  // Exactly this host: user names, other ports and letters that only look alike are different texts.
  if (authority !== undefined && authority !== `//${host}`) return null
  const origin = parse('/', here)?.origin
  const target = parse(url, parse(page, here)?.href ?? here)
  if (origin === undefined || target === null || target.origin !== origin) return null
  // `/..//host` is a path until it is normalised, so what came out is read once more.
  const path = target.pathname + target.search + target.hash
  return parse(path, here)?.origin === origin ? path : null
}

function parse(url: string, base: string): URL | null {
  return URL.canParse(url, base) ? new URL(url, base) : null
}
