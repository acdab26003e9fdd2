import { Scope } from '../../core/scope.js'
import type { Site } from '../../core/site.js'
import { CsrfFailed } from '../../errors.js'
import { cookiesAfter } from './cookies-after.js'
import { nextCookies, nextHeaders } from './framework.js'
import { NextHead } from './request-heads.js'
import { NextResponseHead } from './response-head.js'
import { leaving } from './thrown.js'
import { NextVisit, type Visits } from './visit.js'

/** A server action: `request` first, then what Next gives every action. Called from a route handler, it has the request of that. */
export type NextAction<Given extends unknown[], Result> = (request: NextVisit, ...given: Given) => Promise<Result>

/**
 * Runs a server action with the visitor's session. It is stored, and its cookie set, before the action's result, its `redirect()` or its error
 * reaches Next. An action that another action or a route handler calls is a part of that one, which stores what both have written.
 */
export async function runAction<Given extends unknown[], Result>(
  site: Site,
  visits: Visits,
  action: NextAction<Given, Result>,
  given: Given,
): Promise<Result> {
  const headers = await nextHeaders()
  const caller = openVisit(site, visits, headers)
  if (caller !== undefined) return action(caller, ...given)
  const jar = await nextCookies()
  const lines = linesFor(headers)
  const request = new NextVisit(headers)
  const scope = Scope.open(site, request, new NextHead(headersAfter(headers, lines), 'POST'))
  if ((await scope.begin()) !== undefined)
    throw new CsrfFailed('nothing says that this server action was called by a page of this site')
  // The page that Next makes after the action, in the same answer, sees what the action left.
  visits.set(headers, request)
  try {
    const result = await action(request, ...given)
    await finish(scope, new NextResponseHead(jar, 200, lines))
    return result
  } catch (thrown) {
    // Once only: what `finish` itself threw comes by here too.
    await finish(scope, new NextResponseHead(jar, leaving(thrown)?.status ?? 500, lines))
    throw thrown
  }
}

/** The lines of Set-Cookie of all actions of one request. */
const linesOf = new WeakMap<Headers, string[]>()

function linesFor(headers: Headers): string[] {
  const lines = linesOf.get(headers) ?? []
  linesOf.set(headers, lines)
  return lines
}

/** A second action of a request, after the first and not within it, begins with the cookies that the first has set. */
function headersAfter(headers: Headers, lines: readonly string[]): Headers {
  if (lines.length === 0) return headers
  const after = new Headers(headers)
  after.set('cookie', cookiesAfter(headers.get('cookie') ?? '', lines))
  return after
}

/** The visit of an action or route handler that is under way. */
function openVisit(site: Site, visits: Visits, headers: Headers): NextVisit | undefined {
  const known = visits.get(headers)
  return known === undefined || Scope.of(site, known)?.finished !== false ? undefined : known
}

async function finish(scope: Scope, head: NextResponseHead): Promise<void> {
  try {
    await scope.finish(head)
  } catch (error) {
    scope.salvage(head)
    throw error
  }
}
