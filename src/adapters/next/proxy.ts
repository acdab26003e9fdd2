import { failureResponse } from '../../core/failure.js'
import { Scope } from '../../core/scope.js'
import type { Site } from '../../core/site.js'
import type { MaybePromise } from '../../core/types.js'
import type { CsrfPart } from '../../csrf/part.js'
import { FetchResponseHead, responseOf } from '../on-fetch/response.js'
import { cookiesAfter } from './cookies-after.js'
import { nextResponse } from './framework.js'
import { NextRequestHead } from './request-heads.js'

/** What `proxy.ts` does with a request: answers it, or gives nothing (or `NextResponse.next()`) and lets it go on. */
export type NextProxy<Asked extends Request, Rest extends unknown[]> = (
  request: Asked,
  ...rest: Rest
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is a proxy too
) => MaybePromise<Response | undefined | void>

/**
 * Runs what stands before the pages. The session is fetched only when it is asked for, and no form is checked: whatever answers the request
 * does that. Visitors who have no cookie for forms' tokens get one, since a server component can set none.
 */
export async function runProxy<Asked extends Request, Rest extends unknown[]>(
  site: Site,
  proxy: NextProxy<Asked, Rest> | undefined,
  request: Asked,
  rest: Rest,
): Promise<Response> {
  const scope = Scope.open(site, request, new NextRequestHead(request, null))
  try {
    scope.identify()
    if (request.method === 'GET' || request.method === 'HEAD') await site.part<CsrfPart>('csrf').provide(scope)
    const head = new FetchResponseHead((await proxy?.(request, ...rest)) ?? (await nextResponse()))
    await scope.finish(head)
    const location = head.get('Location')
    // Next takes no other.
    if (location?.startsWith('/')) head.set('Location', new URL(location, request.url).href)
    if (head.get(GOES_ON) !== undefined || head.get(REWRITTEN) !== undefined) await goOn(request, head)
    return head.response()
  } catch (error) {
    site.failed(error, request)
    const head = new FetchResponseHead(responseOf(failureResponse(error, site.settings.debug)))
    scope.salvage(head)
    return head.response()
  }
}

/** What a response of a proxy says to Next, as `NextResponse` writes it. */
const GOES_ON = 'x-middleware-next'
const REWRITTEN = 'x-middleware-rewrite'
const GIVEN_NAMES = 'x-middleware-override-headers'
const GIVEN = 'x-middleware-request-'

/** What Next says of a page that is made for one visitor. */
const FOR_ONE = 'private, no-cache, no-store, max-age=0, must-revalidate'

/**
 * What answers the request sees the cookies that this response sets, as if the visitor had sent them. Nobody may keep the answer, though
 * Next has made its page for everybody: what a proxy says of caches takes the place of what the page says (T22).
 */
async function goOn(request: Request, head: FetchResponseHead): Promise<void> {
  const lines = head.response().headers.getSetCookie()
  if (lines.length === 0) return
  head.set('Cache-Control', FOR_ONE)
  const headers = givenHeaders(head) ?? new Headers(request.headers)
  headers.set('cookie', cookiesAfter(headers.get('cookie') ?? '', lines))
  for (const [name, value] of (await nextResponse({ request: { headers } })).headers) {
    if (name !== GOES_ON) head.set(name, value)
  }
}

/** The request's headers as the proxy has changed them, if it has. */
function givenHeaders(head: FetchResponseHead): Headers | undefined {
  const names = head.get(GIVEN_NAMES)
  return names === undefined
    ? undefined
    : new Headers(names.split(',').map((name): [string, string] => [name, head.get(GIVEN + name) ?? '']))
}
