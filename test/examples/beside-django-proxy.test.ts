/** The reverse proxy of the example, before servers that say what they were asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { reverseProxy } from '../../examples/beside-django/proxy.js'

const opened: Server[] = []

afterEach(async () => {
  for (const server of opened.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function listen(server: Server): Promise<number> {
  opened.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A proxy before one server; the proxy's port. */
async function before(listener: RequestListener): Promise<number> {
  const port = await listen(createServer(listener))
  return listen(reverseProxy(() => port))
}

async function ask(
  port: number,
  headers: Readonly<Record<string, string>> = {},
  path = '/',
): Promise<{ answer: IncomingMessage; body: string }> {
  const sent = request({ port, path, headers, host: '127.0.0.1', agent: false }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { answer, body: await text(answer) }
}

test('Host stays as the visitor wrote it, and what a visitor says of proxies is replaced', async () => {
  const port = await before((incoming, outgoing) => outgoing.end(JSON.stringify(incoming.headers)))
  const lies = {
    'X-Forwarded-For': '1.2.3.4',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil',
    Forwarded: 'x',
  }
  const { body } = await ask(port, { Host: 'shop.example:8000', Cookie: 'a=1; b=2', ...lies })
  expect(JSON.parse(body)).toEqual({
    host: 'shop.example:8000',
    cookie: 'a=1; b=2',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    connection: 'close',
  })
})

test('status, several cookies and the body come back as they were sent', async () => {
  const port = await before((_, outgoing) => {
    outgoing.writeHead(403, { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Cookie' }).end('no')
  })
  const { answer, body } = await ask(port)
  const { statusCode, headers } = answer
  expect([statusCode, headers['set-cookie'], headers.vary, body]).toEqual([403, ['a=1', 'b=2'], 'Cookie', 'no'])
})

test('each path goes where it belongs', async () => {
  const one = await listen(createServer((_, outgoing) => outgoing.end('one')))
  const two = await listen(createServer(({ url }, outgoing) => outgoing.end(`two ${url}`)))
  const port = await listen(reverseProxy((path) => (path.startsWith('/two') ? two : one)))
  expect([(await ask(port)).body, (await ask(port, {}, '/two?x=%20')).body]).toEqual(['one', 'two /two?x=%20'])
})

test('both ways stream: each part arrives before the next is sent', async () => {
  const port = await before((incoming, outgoing) => void incoming.pipe(outgoing))
  const sent = request({ port, host: '127.0.0.1', method: 'POST', agent: false })
  sent.write('first')
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const parts = answer.setEncoding('utf8')[Symbol.asyncIterator]()
  expect(await parts.next()).toEqual({ done: false, value: 'first' })
  sent.end('second')
  expect(await parts.next()).toEqual({ done: false, value: 'second' })
  expect((await parts.next()).done).toBe(true)
})

test('a body behind a GET is no second request', async () => {
  const seen: string[] = []
  const port = await before(async (incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url} ${await text(incoming)}`)
    outgoing.end()
  })
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
  socket.write(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`)
  await text(socket)
  expect(seen).toEqual([`GET / ${smuggled}`])
})

test('nobody behind the proxy is a 502', async () => {
  const port = await listen(createServer())
  await new Promise((resolve) => opened.pop()?.close(resolve))
  const { answer, body } = await ask(await listen(reverseProxy(() => port)))
  expect([answer.statusCode, body]).toEqual([502, expect.stringContaining('Bad gateway')])
})

test('an answer that breaks off is not taken for a whole one', async () => {
  const port = await before((_, outgoing) => {
    outgoing.writeHead(200, { 'Content-Length': '100' }).write('some', () => outgoing.destroy())
  })
  await expect(ask(port)).rejects.toThrow('aborted')
})

test('a visitor who leaves ends the work behind the proxy', async () => {
  let left: Promise<unknown> | undefined
  let asked: () => void = () => undefined
  const arrived = new Promise<void>((resolve) => (asked = resolve))
  const port = await before((_, outgoing) => {
    left = once(outgoing, 'close')
    asked()
  })
  const sent = request({ port, host: '127.0.0.1', agent: false })
  sent.on('error', () => undefined)
  sent.end()
  await arrived
  sent.destroy()
  await left
})
