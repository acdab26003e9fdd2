import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { standsForFailure } from '../standing.js'

/**
 * What stands in the head of a response before its page runs: it holds for every answer (CORS, security), also for one that takes the place of
 * the page's. Without it a script of another origin would not even be told of a 503.
 */
export type Standing = Readonly<OutgoingHttpHeaders> | null

export function standingHeaders(response: ServerResponse): Standing {
  const names = response.getHeaderNames()
  if (names.length === 0) return null
  return ownHeaders(response.getHeaders())
}

/** Those of them that hold for the answer to a failure too. Node and Fastify add to a list that they have given away, so each is copied. */
export function ownHeaders(headers: object): Readonly<OutgoingHttpHeaders> {
  const standing = Object.entries(headers).filter(([name]) => standsForFailure(name))
  return Object.fromEntries(standing.map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]))
}

/** Takes back whatever was said since. */
export function restoreHeaders(response: ServerResponse, standing: Standing): void {
  for (const name of response.getHeaderNames()) if (standing?.[name] === undefined) response.removeHeader(name)
  if (standing === null) return
  for (const [name, value] of Object.entries(standing)) {
    if (value !== undefined && response.getHeader(name) !== value) response.setHeader(name, value)
  }
}
