import { ImproperlyConfigured } from '../errors.js'
import { type FailingResponse, failByNode } from './fail-by-node.js'
import { isPromise } from './maybe.js'
import { findScope } from './scope.js'
import { type NodeResponse, type Reply, sendByNode, sendByReply } from './send.js'
import type { MaybePromise, PlainResponse } from './types.js'

type Next = (error?: Error) => void

/**
 * A check before a handler, for every framework. Called with the request alone it gives `null` for whoever may pass, and for anybody else the
 * answer that is to be sent instead; `await` it. Called with `(request, response, next)` it is a middleware of Express and its kin, and a hook
 * of Fastify.
 */
export interface Guard {
  (request: object): MaybePromise<PlainResponse | null>
  (request: object, response: NodeResponse | Reply, next: Next): void
}

/** Koa, Hono and h3 call a middleware with `(context, next)`, and take what it gives for an answer: `null`, for who may pass, is an empty one. */
const NO_MIDDLEWARE =
  "A guard is a middleware of Express, Fastify and `node:http` only. For Hono, Koa and h3 make one of it: `import { guarded } from 'sojourn/hono'` ('sojourn/koa', 'sojourn/h3'), and `guarded(loginRequired)`."

type Check = (request: object) => MaybePromise<PlainResponse | null>

/** Makes a guard of a check. */
export function guard(check: Check): Guard {
  function either(request: object): MaybePromise<PlainResponse | null>
  function either(request: object, response: NodeResponse | Reply, next: Next): void
  function either(
    request: object,
    response?: NodeResponse | Reply,
    next?: Next,
  ): MaybePromise<PlainResponse | null> | undefined {
    if (typeof response === 'function') throw new ImproperlyConfigured(NO_MIDDLEWARE)
    if (response === undefined || next === undefined) return check(request)
    pass(check, request, response, next)
    return undefined
  }
  return either
}

function pass(check: Check, request: object, response: NodeResponse | Reply, next: Next): void {
  let refused: MaybePromise<PlainResponse | null>
  try {
    refused = check(request)
  } catch (error) {
    next(error as Error)
    return
  }
  if (!isPromise(refused)) {
    proceed(refused, response, next)
    return
  }
  refused
    .then((answer) => proceed(answer, response, next), next)
    // What `next` throws at nobody but a promise, in a chain without a framework. It has been called, so the answer is ours.
    .catch((error: unknown) => {
      const site = findScope(request)?.site
      if (site === undefined || !('setHeader' in response)) throw error
      failByNode(site, response as FailingResponse, error)
    })
}

/** An answer that cannot be sent is an error. Only what comes from here is: what `next` throws must not call it again. */
function proceed(refused: PlainResponse | null, response: NodeResponse | Reply, next: Next): void {
  if (refused === null) {
    next()
    return
  }
  try {
    if ('setHeader' in response) sendByNode(response, refused)
    else sendByReply(response, refused)
  } catch (error) {
    next(error as Error)
  }
}
