import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http'
import { pipeline } from 'node:stream'

/** Of one connection only (RFC 9110, section 7.6.1). How a request's body is framed is told anew, so `transfer-encoding` stays there. */
const HOP_BY_HOP = /^(?:connection|keep-alive|proxy-connection|te|trailer|upgrade|expect)$/
/** What the visitor says of proxies is hearsay. */
const FORWARDED = /^(?:x-)?forwarded/

/** A reverse proxy: `portOf` names, by the path, the port of this machine that a request goes to. Host stays as the visitor wrote it. */
export function reverseProxy(portOf: (path: string) => number): Server {
  return createServer((incoming, outgoing) => {
    const { url = '/', method } = incoming
    const forwarded = request({
      host: '127.0.0.1',
      port: portOf(url),
      path: url,
      method,
      headers: forwardedHeaders(incoming),
      agent: false,
    })
    const fail = (): void => {
      if (outgoing.headersSent) outgoing.destroy()
      else
        outgoing.writeHead(502, { 'Content-Type': 'text/plain' }).end('Bad gateway: nobody answers behind the proxy.\n')
    }
    forwarded.on('error', fail)
    forwarded.on('response', (answer) => {
      const { 'transfer-encoding': _, ...headers } = without(HOP_BY_HOP, answer.headers)
      outgoing.writeHead(answer.statusCode as number, headers)
      pipeline(answer, outgoing, () => undefined)
    })
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
}

function forwardedHeaders({ headers, socket }: IncomingMessage): IncomingHttpHeaders {
  return {
    ...without(FORWARDED, without(HOP_BY_HOP, headers)),
    'x-forwarded-for': socket.remoteAddress,
    'x-forwarded-proto': 'encrypted' in socket ? 'https' : 'http',
  }
}

function without(unwanted: RegExp, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !unwanted.test(name)))
}
