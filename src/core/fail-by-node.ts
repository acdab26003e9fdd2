import { failureResponse } from './failure.js'
import { type NodeResponse, sendByNode } from './send.js'
import type { Site } from './site.js'

/** As much of a Node response as is needed to give it up. */
export interface FailingResponse extends NodeResponse {
  readonly req: { readonly complete: boolean }
  readonly headersSent: boolean
  readonly writableEnded: boolean
  shouldKeepAlive: boolean
  removeHeader(name: string): unknown
  destroy(): unknown
}

/** What the page may have said of a body that now is another one. */
const OF_BODY = ['Content-Length', 'Content-Encoding', 'Transfer-Encoding', 'Trailer', 'ETag', 'Last-Modified']

/** Answers a failure by Node's means alone, as far as an answer can still be given. */
export function failByNode(site: Site, response: FailingResponse, error: unknown): void {
  site.failed(error, response.req)
  // What is left of a body that nobody reads would be taken for the next request.
  if (!response.req.complete) response.shouldKeepAlive = false
  // An answer that is whole leaves, whatever its page does afterwards.
  if (response.writableEnded) return
  if (response.headersSent) cut(response)
  else {
    for (const name of OF_BODY) response.removeHeader(name)
    sendByNode(response, failureResponse(error, site.settings.debug))
  }
}

/**
 * Gives up a response whose head has left, so that its visitor notices: destroyed as one of HTTP/1.1 is, a stream of HTTP/2 would end as if
 * it were whole. With an error it ends by INTERNAL_ERROR (RFC 9113 section 7), on Bun too, which does not heed `stream.close(code)`.
 */
export function cut(response: Pick<FailingResponse, 'destroy'>): void {
  const { stream } = response as { readonly stream?: { destroy(error: Error): void } }
  if (stream === undefined) response.destroy()
  else stream.destroy(new Error('The answer was given up.'))
}
