import type { ServerResponse } from 'node:http'

const PRETENCE = Symbol('sojourn.pretence')

interface Disguised extends ServerResponse {
  [PRETENCE]?: Pretence
}

type Method = (this: ServerResponse, ...given: unknown[]) => unknown

/** What is pretended of one response, and what is so. */
class Pretence {
  /** Whether the response is to look as if it had ended; `null` while nothing is pretended. */
  hasEnded: (() => boolean) | null = null
  statusCode = 0
  statusMessage = ''
  readonly setHeader: Method
  readonly appendHeader: Method | undefined
  readonly removeHeader: Method

  constructor({ setHeader, appendHeader, removeHeader }: ServerResponse) {
    this.setHeader = setHeader as Method
    this.appendHeader = appendHeader as Method | undefined
    this.removeHeader = removeHeader as Method
  }
}

/**
 * While a head is held, the handler is told what Node would tell it: the head has left and cannot be changed, and the response has ended if
 * `hasEnded`. What is put on the response for that stays there, the same functions for all, and passes through afterwards: to define and
 * delete them for each request took 7 µs instead of 0.2.
 */
export function pretendSent(response: ServerResponse, hasEnded: () => boolean): void {
  const pretence = (response as Disguised)[PRETENCE] ?? disguise(response)
  pretence.hasEnded = hasEnded
  pretence.statusCode = response.statusCode
  if (hasStatusMessage(response)) pretence.statusMessage = response.statusMessage
}

/** Ends the pretence; the status is then what it was. */
export function stopPretending(response: ServerResponse): void {
  const pretence = (response as Disguised)[PRETENCE]
  if (pretence === undefined || pretence.hasEnded === null) return
  pretence.hasEnded = null
  response.statusCode = pretence.statusCode
  if (hasStatusMessage(response)) response.statusMessage = pretence.statusMessage
}

/**
 * Sets a header while the pretence lasts, and lifts it for that: of those who have wrapped `setHeader` some look first whether the head has
 * left, and then do nothing (Next.js).
 */
export function setTrueHeader(response: ServerResponse, name: string, value: string | string[]): void {
  const pretence = (response as Disguised)[PRETENCE]
  const hasEnded = pretence?.hasEnded ?? null
  if (pretence !== undefined) pretence.hasEnded = null
  try {
    response.setHeader(name, value)
  } finally {
    if (pretence !== undefined) pretence.hasEnded = hasEnded
  }
}

/** Only HTTP/1.1 has a message beside the status; Node warns of whoever asks for one of HTTP/2. */
export function hasStatusMessage(response: ServerResponse): boolean {
  return !('stream' in response)
}

/** What Node throws at whoever sets a header too late. */
export function refuseHeaders(): never {
  throw Object.assign(new Error('Cannot set headers after they are sent to the client'), {
    code: 'ERR_HTTP_HEADERS_SENT',
  })
}

function disguise(response: ServerResponse): Pretence {
  const pretence = new Pretence(response)
  ;(response as Disguised)[PRETENCE] = pretence
  Object.defineProperty(response, 'headersSent', HEADERS_SENT)
  Object.defineProperty(response, 'writableEnded', WRITABLE_ENDED)
  response.setHeader = setHeader as ServerResponse['setHeader']
  // HTTP/2 has none on Node 20.
  if (pretence.appendHeader !== undefined) response.appendHeader = appendHeader as ServerResponse['appendHeader']
  response.removeHeader = removeHeader as ServerResponse['removeHeader']
  return pretence
}

const HEADERS_SENT: PropertyDescriptor = {
  configurable: true,
  get(this: Disguised) {
    return this[PRETENCE]?.hasEnded !== null || inherited(this, 'headersSent')
  },
}

const WRITABLE_ENDED: PropertyDescriptor = {
  configurable: true,
  get(this: Disguised) {
    return this[PRETENCE]?.hasEnded?.() ?? inherited(this, 'writableEnded')
  },
}

function inherited(response: ServerResponse, name: 'headersSent' | 'writableEnded'): unknown {
  return Reflect.get(Object.getPrototypeOf(response) as object, name, response)
}

/** What is there below the disguise; throws while the pretence lasts. */
function below(response: Disguised): Pretence {
  const pretence = response[PRETENCE] as Pretence
  return pretence.hasEnded === null ? pretence : refuseHeaders()
}

function setHeader(this: Disguised, ...given: unknown[]): unknown {
  return below(this).setHeader.apply(this, given)
}

function appendHeader(this: Disguised, ...given: unknown[]): unknown {
  return below(this).appendHeader?.apply(this, given)
}

function removeHeader(this: Disguised, ...given: unknown[]): unknown {
  return below(this).removeHeader.apply(this, given)
}
