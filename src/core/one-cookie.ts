import { ImproperlyConfigured } from '../errors.js'
import type { ResolvedSettings } from './settings.js'
import type { ResponseHead } from './types.js'

type CookieSettings = Pick<ResolvedSettings, 'sessionCookieName' | 'sessionCookieDomain' | 'sessionCookiePath'>

/** Where lines that were joined begin: a comma within a date is followed by no name of a cookie. */
const BETWEEN_COOKIES = /, (?=[^\s;=,]+=)/

/**
 * Before a session is stored: an answer that already brings the cookie of another one comes from an app that was called with a request of its
 * own, and began a session of its own with that. Of the two the visitor would keep one, and lose what the other one said (a login).
 * `known`: the keys of this request, as it came and as it is now.
 */
export function refuseOther(
  response: ResponseHead,
  { sessionCookieName: name, sessionCookieDomain, sessionCookiePath }: CookieSettings,
  ...known: readonly (string | null | undefined)[]
): void {
  const lines = response.get('Set-Cookie')
  if (lines === undefined) return
  for (const line of lines.split(BETWEEN_COOKIES)) {
    if (!line.startsWith(`${name}=`)) continue
    const [given = '', ...attributes] = line.slice(name.length + 1).split(';')
    // To a browser one with another domain or path is another cookie.
    if (attributeOf(attributes, 'domain') !== (sessionCookieDomain ?? '').replace(/^\./, '').toLowerCase()) continue
    if (attributeOf(attributes, 'path') !== sessionCookiePath.toLowerCase()) continue
    // An empty one takes the cookie away.
    const key = given.replaceAll('"', '') || null
    if (known.every((each) => (each ?? null) !== key)) throw new ImproperlyConfigured(remedy(name))
  }
}

/** Of a cookie, in lower case and without the dot that a domain may begin with; empty where it has none. */
function attributeOf(attributes: readonly string[], name: string): string {
  const found = attributes.map((each) => each.trim().toLowerCase()).find((each) => each.startsWith(`${name}=`)) ?? ''
  return found.slice(name.length + 1).replace(/^\./, '')
}

function remedy(name: string): string {
  return `The answer brings a ${name} cookie of another session already, and sojourn has one to send: of the two the visitor would keep one. Either the page sets that cookie by itself (let the session do it: flush(), cycleKey()), or it called an app with a new Request (by Hono's mount, say), which began a session of its own: hand the same Request on (mount's replaceRequest, or app.route), or mount sojourn on one of the two apps only.`
}
