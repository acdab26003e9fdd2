import { isPromise } from './maybe.js'
import type { MaybePromise, PlainResponse } from './types.js'

/** As much of a Node response as an answer needs. */
interface NodeResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

type Next = (error?: unknown) => void

/**
 * A check before a handler, for every framework. Called with the request alone it gives `null` for whoever may pass, and for anybody else the
 * answer that is to be sent instead; `await` it. Called with `(request, response, next)` it is a middleware of Express and its kin.
 */
export interface Guard {
  (request: object): MaybePromise<PlainResponse | null>
  (request: object, response: NodeResponse, next: Next): void
}

type Check = (request: object) => MaybePromise<PlainResponse | null>

/** Makes a guard of a check. */
export function guard(check: Check): Guard {
  function either(request: object): MaybePromise<PlainResponse | null>
  function either(request: object, response: NodeResponse, next: Next): void
  function either(
    request: object,
    response?: NodeResponse,
    next?: Next,
  ): MaybePromise<PlainResponse | null> | undefined {
    if (response === undefined || next === undefined) return check(request)
    pass(check, request, response, next)
    return undefined
  }
  return either
}

function pass(check: Check, request: object, response: NodeResponse, next: Next): void {
  let refused: MaybePromise<PlainResponse | null>
  try {
    refused = check(request)
  } catch (error) {
    next(error)
    return
  }
  if (isPromise(refused)) refused.then((answer) => proceed(answer, response, next), next)
  else proceed(refused, response, next)
}

function proceed(refused: PlainResponse | null, response: NodeResponse, next: Next): void {
  if (refused === null) {
    next()
    return
  }
  response.statusCode = refused.status
  for (const [name, value] of Object.entries(refused.headers)) response.setHeader(name, value)
  response.end(refused.body)
}
