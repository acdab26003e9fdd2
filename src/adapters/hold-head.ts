import type { ServerResponse } from 'node:http'
import { isPromise } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { ResponseHead } from '../core/types.js'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Arguments = readonly unknown[]
type Call = (this: ServerResponse, ...given: unknown[]) => unknown

/**
 * Holds the head of a Node response back until the session is stored: `writeHead`, `write`, `end` and `flushHeaders` wait in
 * line, and leave in their order. Where storing takes no time (an engine that answers at once, or nothing to store),
 * nothing waits.
 *
 * Our methods stay on the response and pass through afterwards: someone may have wrapped them since (compression), and putting the old
 * ones back would cut that out. Only when the session cannot be stored are they taken off, with whatever wrapped them:
 * the handler's response is dropped then, and `fail` writes another.
 */
export function holdHead(response: ServerResponse, scope: Scope, fail: (error: unknown) => void): void {
  new HeldHead(response, scope, fail)
}

class HeldHead {
  readonly #response: ServerResponse
  readonly #scope: Scope
  readonly #fail: (error: unknown) => void
  readonly #below: Readonly<Record<Method, Call>>
  /** `open`: nothing of the response has left. `holding`: calls wait for the store. `dropped`: another answer is given. */
  #state: 'open' | 'holding' | 'passed' | 'dropped' = 'open'
  #waiting: [Method, Arguments][] = []

  constructor(response: ServerResponse, scope: Scope, fail: (error: unknown) => void) {
    this.#response = response
    this.#scope = scope
    this.#fail = fail
    const { writeHead, write, end, flushHeaders } = response
    this.#below = { writeHead, write, end, flushHeaders } as Readonly<Record<Method, Call>>
    response.writeHead = ((...given: unknown[]) => this.#call('writeHead', given, response)) as typeof writeHead
    response.write = ((...given: unknown[]) => this.#call('write', given, false)) as typeof write
    response.end = ((...given: unknown[]) => this.#call('end', given, response)) as typeof end
    response.flushHeaders = () => {
      this.#call('flushHeaders', [], undefined)
    }
  }

  #call(method: Method, given: Arguments, whileHeld: unknown): unknown {
    if (this.#state === 'passed') return this.#below[method].apply(this.#response, given as unknown[])
    if (this.#state === 'dropped') return whileHeld
    if (this.#state === 'holding') {
      this.#waiting.push([method, given])
      return whileHeld
    }
    return this.#begin(method, given, whileHeld)
  }

  /** The first byte wants to leave: finish the session first. */
  #begin(method: Method, given: Arguments, whileHeld: unknown): unknown {
    // Whatever `finish` may call on the response must not come back here.
    this.#state = 'holding'
    let finishing: void | Promise<void>
    let passed: Arguments = given
    try {
      if (method === 'writeHead') passed = takeHeaders(this.#response, given)
      finishing = this.#scope.finish(new NodeResponseHead(this.#response))
    } catch (error) {
      this.#drop(error)
      return whileHeld
    }
    if (!isPromise(finishing)) {
      this.#state = 'passed'
      this.#replay()
      return this.#below[method].apply(this.#response, passed as unknown[])
    }
    this.#waiting.push([method, passed])
    Object.defineProperty(this.#response, 'headersSent', { configurable: true, get: () => true })
    finishing.then(
      () => this.#release(),
      (error: unknown) => this.#drop(error),
    )
    return whileHeld
  }

  /** The session is stored: what waited leaves in its order. */
  #release(): void {
    const response = this.#response
    Reflect.deleteProperty(response, 'headersSent')
    this.#state = 'passed'
    const more = this.#replay()
    // `write` said "wait" to whoever pipes into the response; nobody else will tell them to go on.
    if (more && !response.writableEnded) response.emit('drain')
  }

  #replay(): boolean {
    let more = true
    for (const [method, given] of this.#waiting) {
      const result = this.#below[method].apply(this.#response, given as unknown[])
      if (method === 'write') more = result !== false
    }
    this.#waiting = []
    return more
  }

  /** The session was not stored, so nothing the handler said may be seen. */
  #drop(error: unknown): void {
    const response = this.#response
    Reflect.deleteProperty(response, 'headersSent')
    this.#state = 'dropped'
    this.#waiting = []
    Object.assign(response, this.#below)
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.statusCode = 200
    response.statusMessage = ''
    this.#fail(error)
  }
}

/** Moves headers given to `writeHead` onto the response, so that what we set joins them instead of being overwritten. */
function takeHeaders(response: ServerResponse, given: Arguments): Arguments {
  const [status, second, third] = given
  const message = typeof second === 'string' ? second : undefined
  const headers = message === undefined ? (second ?? third) : third
  if (Array.isArray(headers)) takeList(response, headers)
  else if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
  }
  response.statusCode = Number(status)
  return message === undefined ? [status] : [status, message]
}

/** `[name, value, name, value]` or `[[name, value], ...]`; a name that is there twice has two lines. */
function takeList(response: ServerResponse, list: readonly unknown[]): void {
  const pairs = Array.isArray(list[0]) ? (list as [string, string][]) : pairUp(list as string[])
  for (const [name] of pairs) response.removeHeader(name)
  for (const [name, value] of pairs) response.appendHeader(name, value)
}

function pairUp(list: readonly string[]): [string, string][] {
  return list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] as string] as [string, string]] : []))
}

class NodeResponseHead implements ResponseHead {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get status(): number {
    return this.#response.statusCode
  }

  get(name: string): string | undefined {
    const value = this.#response.getHeader(name)
    return Array.isArray(value) ? value.join(', ') : value?.toString()
  }

  set(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }

  append(name: string, value: string): void {
    this.#response.appendHeader(name, value)
  }
}
