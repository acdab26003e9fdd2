import type { ServerResponse } from 'node:http'

/**
 * While a head is held, the handler is told what Node would tell it: the head has left and cannot be changed, and the
 * response has ended if `hasEnded`. Returns the function that ends the pretence; the status is then what it was.
 */
export function pretendSent(response: ServerResponse, hasEnded: () => boolean): () => void {
  const { statusCode, statusMessage } = response
  const pretence: PropertyDescriptorMap = {
    headersSent: { configurable: true, get: () => true },
    writableEnded: { configurable: true, get: hasEnded },
    setHeader: { configurable: true, value: refuseHeaders },
    appendHeader: { configurable: true, value: refuseHeaders },
    removeHeader: { configurable: true, value: refuseHeaders },
  }
  const before = Object.keys(pretence).map((name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const)
  Object.defineProperties(response, pretence)
  return () => {
    for (const [name, own] of before) {
      if (own === undefined) Reflect.deleteProperty(response, name)
      else Object.defineProperty(response, name, own)
    }
    Object.assign(response, { statusCode, statusMessage })
  }
}

/** What Node throws at whoever sets a header too late. */
export function refuseHeaders(): never {
  throw Object.assign(new Error('Cannot set headers after they are sent to the client'), {
    code: 'ERR_HTTP_HEADERS_SENT',
  })
}
