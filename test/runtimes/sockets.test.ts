import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Started, starts } from './start.js'

describe.each([
  ['bun', []],
  ['deno', ['sessionid']],
  ['workerd', ['sessionid']],
] as const)('on %s, a request that becomes a WebSocket', (name, cookies) => {
  let started: Started
  beforeAll(async () => {
    started = await starts[name]('sockets.ts')
    return () => started[Symbol.asyncDispose]()
  }, 300_000)

  test('opens its socket, and what it changed of the session is stored', async () => {
    const first = await get(started.origin)
    const cookie = first.headers['set-cookie']?.[0]?.split(';')[0] as string
    const { status, said } = await upgrade(started.origin, cookie)
    expect([status, said]).toEqual([101, expect.stringContaining('hello')])
    expect(JSON.parse((await get(started.origin, cookie)).text)).toEqual({ n: 3, failed: [] })
  })

  test(`tells the visitor of a new session ${cookies.length > 0 ? 'by its cookie' : 'nothing'}`, async () => {
    const { status, headers } = await upgrade(started.origin)
    expect(status).toBe(101)
    expect((headers['set-cookie'] ?? []).map((line) => line.slice(0, line.indexOf('=')))).toEqual(cookies)
  })
})

interface Answer {
  readonly status?: number | undefined
  readonly headers: IncomingMessage['headers']
}

async function get(origin: string, cookie?: string): Promise<Answer & { readonly text: string }> {
  const asked = request(origin, { agent: false, headers: cookie === undefined ? {} : { cookie } }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const text = (await response.setEncoding('utf8').toArray()).join('')
  return { status: response.statusCode, headers: response.headers, text }
}

/** The head of the answer, and the first frame. */
async function upgrade(origin: string, cookie?: string): Promise<Answer & { readonly said: string }> {
  const asked = request(origin, {
    agent: false,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...(cookie === undefined ? {} : { cookie }),
    },
  }).end()
  const refused = once(asked, 'response').then(([{ statusCode }]) => {
    throw new Error(`no socket, but ${statusCode}`)
  })
  const [response, socket, head] = (await Promise.race([once(asked, 'upgrade'), refused])) as [
    IncomingMessage,
    Socket,
    Buffer,
  ]
  const said = head.length > 0 ? head : ((await once(socket, 'data'))[0] as Buffer)
  socket.destroy()
  return { status: response.statusCode, headers: response.headers, said: said.toString('latin1') }
}
