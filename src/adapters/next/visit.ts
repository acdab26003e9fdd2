import { Scope } from '../../core/scope.js'
import type { Site } from '../../core/site.js'
import { nextHeaders } from './framework.js'
import { NextHead } from './request-heads.js'

/**
 * What stands for the request where Next gives none, in server components and server actions: to be handed to `getSession`, `getUser`,
 * `csrfField` and all the others.
 */
export class NextVisit {
  readonly headers: Headers

  constructor(headers: Headers) {
    this.headers = headers
  }
}

/** The requests that a site is answering, by the headers that Next has of each: one visit for all who ask in one request. */
export type Visits = WeakMap<Headers, NextVisit>

/** The request that is being answered: that of a route handler or action that has begun, or else that of a page, which can only read. */
export async function currentRequest(site: Site, visits: Visits): Promise<NextVisit> {
  const headers = await nextHeaders()
  const known = visits.get(headers)
  if (known !== undefined) return known
  const visit = new NextVisit(headers)
  visits.set(headers, visit)
  const scope = Scope.open(site, visit, new NextHead(headers, 'GET'))
  const fetching = scope.look()
  scope.onlyRead()
  await fetching
  return visit
}
