import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, createSecureServer, type Http2SecureServer } from 'node:http2'
import { request as http1 } from 'node:https'
import type { AddressInfo } from 'node:net'
import { csrfInput, type NodeListener, sojourn } from 'sojourn/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificate } from '../support/certificate.js'

let server: Http2SecureServer
let port: number
let client: ClientHttp2Session

const sessions = sojourn({
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  sessionEngine: 'memory',
  allowedHosts: ['localhost'],
})
const listener: NodeListener = sessions.handle((request, response) => {
  request.session.visits = Number(request.session.get('visits', 0)) + 1
  response.end(`${request.session.visits} ${csrfInput(request)}`)
})

beforeAll(async () => {
  server = createSecureServer({ ...(await certificate()), allowHTTP1: true }, listener as never)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  client = connect(`https://localhost:${port}`, { rejectUnauthorized: false, lookup })
}, 120_000)

afterAll(async () => {
  client?.destroy()
  await new Promise((resolve) => server.close(resolve))
  await sessions.site.close()
})

/** `localhost` may be an address that the server does not listen at. */
function lookup(_name: string, _options: object, tell: (error: null, list: LookupAddress[]) => void): void {
  tell(null, [{ address: '127.0.0.1', family: 4 }])
}

interface Answer {
  readonly status: number
  readonly cookies: readonly string[]
  readonly text: string
}

async function ask(headers: Record<string, string>, body?: string): Promise<Answer> {
  const stream = client.request({ ':method': body === undefined ? 'GET' : 'POST', ...headers })
  stream.end(body)
  const [received] = (await once(stream, 'response')) as [Record<string, string | string[]>]
  const text = String(Buffer.concat(await stream.toArray()))
  return { status: Number(received[':status']), cookies: [received['set-cookie'] ?? []].flat(), text }
}

describe('HTTP/2 over TLS', () => {
  test('the cookies are Secure by themselves, and the session lives on', async () => {
    const first = await ask({})
    expect(first.cookies.map((line) => line.slice(0, line.indexOf('=')))).toEqual(['csrftoken', 'sessionid'])
    for (const line of first.cookies) expect(line).toMatch(/; Secure/)
    const cookie = first.cookies.map((line) => line.slice(0, line.indexOf(';'))).join('; ')
    expect((await ask({ cookie })).text).toMatch(/^2 /)
  })

  test('a form is checked against the authority that the request names: https and its port', async () => {
    const { cookies, text } = await ask({})
    const cookie = cookies.map((line) => line.slice(0, line.indexOf(';'))).join('; ')
    const token = / value="(\w+)"/.exec(text)?.[1]
    const form = { cookie, 'content-type': 'application/x-www-form-urlencoded' }
    const send = (origin: string) => ask({ ...form, origin }, `csrfmiddlewaretoken=${token}`)
    expect((await send(`https://localhost:${port}`)).status).toBe(200)
    expect((await send(`http://localhost:${port}`)).status).toBe(403)
    expect((await send('https://evil.example')).status).toBe(403)
  })

  test('an authority that allowedHosts does not name is refused', async () => {
    expect((await ask({ ':authority': 'evil.example' })).status).toBe(400)
  })

  test('a visitor who speaks HTTP/1.1 to the same server is served too', async () => {
    const sent = http1({ port, host: 'localhost', lookup: lookup as never, rejectUnauthorized: false }).end()
    const [response] = await once(sent, 'response')
    response.resume()
    expect([response.statusCode, response.headers['set-cookie'].length]).toEqual([200, 2])
    sent.destroy()
  })
})
