/**
 * What was said in a head before its page ran holds for every answer (CORS, security), but for what tells of a body and of how long it may be
 * kept: the answer to a failure has another body, and no cache may give that to anybody.
 */
export function standsForFailure(name: string): boolean {
  return !/^(?:content-(?!security-policy)|etag$|last-modified$|expires$|cache-control$|transfer-encoding$|trailer$)/i.test(
    name,
  )
}
