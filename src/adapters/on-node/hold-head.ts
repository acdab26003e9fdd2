import type { ServerResponse } from 'node:http'
import { cut } from '../../core/fail-by-node.js'
import { isPromise } from '../../core/maybe.js'
import type { Scope } from '../../core/scope.js'
import { refuseReplaced } from '../one-session.js'
import { NodeResponseHead, takeHeaders } from './heads.js'
import { hasStatusMessage, pretendSent, refuseHeaders, stopPretending } from './pretend-sent.js'
import { restoreHeaders, type Standing, standingHeaders } from './standing-headers.js'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Arguments = readonly unknown[]
type Call = (this: ServerResponse, ...given: unknown[]) => unknown

/**
 * As many bytes of a body may wait before `write` says "no more". No less than what streams buffer: then whatever is below
 * (a compressing stream, the socket) says the same when it gets them, and tells whoever waits when to go on.
 */
const ENOUGH = 64 * 1024

/**
 * Holds the head of a Node response back until the session is stored: `writeHead`, `write`, `end` and `flushHeaders` wait in
 * line, and leave in their order. Where storing takes no time (an engine that answers at once, or nothing to store),
 * nothing waits.
 *
 * Our methods stay on the response and pass through afterwards: someone may have wrapped them since (compression), and putting the old
 * ones back would cut that out. Only when the session cannot be stored are they taken off, with whatever wrapped them:
 * the handler's response is dropped then, and `fail` writes another. Where the handler has not `ended` its own yet, `fail`
 * has to write all of it at once; what the handler still writes goes nowhere. What stood in the head before stays there; it is given back.
 */
export function holdHead(response: ServerResponse, scope: Scope, fail: Fail): Standing {
  if (!response.headersSent) return new HeldHead(response, scope, fail).standing
  scope.tooLate()
  return null
}

type Fail = (error: unknown, ended: boolean) => void

/**
 * The methods by which a response leaves: Node's, or ours. A class and no literal, and so is everything else here that comes to know a
 * request: where many objects of one literal lived long, V8 makes the next ones in its old space, and what they name then stays alive until
 * the next full collection. With each request kept so, the small collections take forty times as long.
 */
class Methods {
  readonly writeHead: Call
  readonly write: Call
  readonly end: Call
  readonly flushHeaders: Call

  constructor(writeHead: Call, write: Call, end: Call, flushHeaders: Call) {
    this.writeHead = writeHead
    this.write = write
    this.end = end
    this.flushHeaders = flushHeaders
  }

  static of({ writeHead, write, end, flushHeaders }: ServerResponse): Methods {
    return new Methods(writeHead as Call, write as Call, end as Call, flushHeaders as Call)
  }

  putOn(response: ServerResponse): void {
    response.writeHead = this.writeHead as ServerResponse['writeHead']
    response.write = this.write as ServerResponse['write']
    response.end = this.end as ServerResponse['end']
    response.flushHeaders = this.flushHeaders as ServerResponse['flushHeaders']
  }
}

class HeldHead {
  readonly #response: ServerResponse
  readonly #scope: Scope
  readonly #fail: Fail
  readonly #below: Methods
  readonly #own: Methods
  readonly standing: Standing
  /** `open`: nothing of the response has left. `holding`: calls wait for the store. `dropped`: another answer is given. */
  #state: 'open' | 'holding' | 'passed' | 'dropped' = 'open'
  #waiting: [Method, Arguments][] | null = null
  #waitingBytes = 0
  #failure: unknown

  constructor(response: ServerResponse, scope: Scope, fail: Fail) {
    this.#response = response
    this.#scope = scope
    this.#fail = fail
    this.standing = standingHeaders(response)
    this.#below = Methods.of(response)
    // As arguments: V8 makes a function that is written into a property in its old space, at once.
    this.#own = new Methods(
      (...given) => this.#call('writeHead', given),
      (...given) => this.#call('write', given),
      (...given) => this.#call('end', given),
      () => this.#call('flushHeaders', []),
    )
    this.#own.putOn(response)
  }

  #call(method: Method, given: Arguments): unknown {
    if (this.#state === 'passed') return this.#below[method].apply(this.#response, given as unknown[])
    if (this.#state === 'dropped') return this.#discard(method, given, this.#failure)
    return this.#state === 'holding' ? this.#queue(method, given) : this.#begin(method, given)
  }

  /** What the handler calls while the store is asked. */
  #queue(method: Method, given: Arguments): unknown {
    // A head of nothing but a status is what compression and others ask for before each write; the first one counts.
    if (method === 'writeHead') return given.length > 1 ? refuseHeaders() : this.#response
    if (method !== 'flushHeaders' && this.#hasEnded()) return this.#discard(method, given, afterEnd())
    return this.#wait(method, given)
  }

  #wait(method: Method, given: Arguments): unknown {
    this.#waiting ??= []
    this.#waiting.push([method, given])
    if (method !== 'write') return this.#response
    this.#waitingBytes += (given[0] as string | Uint8Array | undefined)?.length ?? 0
    return this.#waitingBytes < ENOUGH
  }

  /** The first byte wants to leave: finish the session first. */
  #begin(method: Method, given: Arguments): unknown {
    // Whatever `finish` may call on the response must not come back here.
    this.#state = 'holding'
    let finishing: void | Promise<void>
    let passed: Arguments = given
    try {
      if (method === 'writeHead') passed = takeHeaders(this.#response, given)
      refuseReplaced(this.#scope)
      finishing = this.#scope.finish(new NodeResponseHead(this.#response))
    } catch (error) {
      finishing = Promise.reject(error)
    }
    if (!isPromise(finishing)) {
      this.#state = 'passed'
      this.#replay()
      return this.#below[method].apply(this.#response, passed as unknown[])
    }
    const answer = this.#wait(method, passed)
    pretendSent(this.#response, () => this.#hasEnded())
    finishing.then(
      () => this.#release(),
      // Not before whoever writes a head and then its end has done both, and has returned: then an error handler may answer.
      (error: unknown) => setImmediate(() => this.#drop(error)),
    )
    return answer
  }

  #hasEnded(): boolean {
    return this.#waiting?.some(([method]) => method === 'end') ?? false
  }

  /** The session is stored: what waited leaves in its order. */
  #release(): void {
    const response = this.#response
    stopPretending(response)
    this.#state = 'passed'
    try {
      const more = this.#replay()
      // `write` said "wait" to whoever pipes into the response; nobody else will tell them to go on.
      if (more && !response.writableEnded) response.emit('drain')
    } catch (error) {
      // What Node would have thrown at the handler: a status or a body that cannot be sent.
      if (response.headersSent) cut(response)
      else this.#drop(error)
    }
  }

  #replay(): boolean {
    let more = true
    for (const [method, given] of this.#waiting ?? []) {
      const result = this.#below[method].apply(this.#response, given as unknown[])
      if (method === 'write') more = result !== false
    }
    this.#waiting = null
    return more
  }

  /** The session was not stored, so nothing the handler said may be seen. */
  #drop(error: unknown): void {
    const response = this.#response
    const ended = this.#hasEnded()
    const dropped = this.#waiting ?? []
    stopPretending(response)
    this.#state = 'dropped'
    this.#failure = error
    this.#waiting = null
    this.#below.putOn(response)
    restoreHeaders(response, this.standing)
    // An error page that sets no status of its own must not make a success of it.
    response.statusCode = (error as { status?: number } | undefined)?.status ?? 500
    if (hasStatusMessage(response)) response.statusMessage = ''
    this.#scope.salvage(new NodeResponseHead(response))
    this.#fail(error, ended)
    for (const [method, given] of dropped) this.#discard(method, given, error)
    if (ended) return
    this.#own.putOn(response)
    // A source that is piped in runs dry, instead of waiting for ever with its file open.
    response.on('unpipe', (source: { resume(): unknown }) => source.resume())
    response.emit('drain')
  }

  /** For a handler that goes on writing what nobody will read: it must not wait for ever. */
  #discard(method: Method, given: Arguments, error: unknown): unknown {
    const callback = given.findLast((each) => typeof each === 'function') as ((error: unknown) => void) | undefined
    if (callback !== undefined) queueMicrotask(() => callback(error))
    return method === 'write' ? true : this.#response
  }
}

/** What Node tells the callback of whoever writes into a response that has ended. */
function afterEnd(): Error {
  return Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })
}
