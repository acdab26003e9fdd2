import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Answer, Connection, cookiesOf, requestBytes } from '../../bench/client.js'

/** A server that answers every request with these pieces, each in a packet of its own. */
async function ask(...pieces: readonly string[]): Promise<Answer> {
  const server = createServer((socket: Socket) => {
    socket.setNoDelay(true)
    socket.once('data', () => sendAll(socket, pieces))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = new Connection((server.address() as AddressInfo).port)
  onTestFinished(() => {
    connection.close()
    server.close()
  })
  return connection.ask(requestBytes('/', null))
}

function sendAll(socket: Socket, [piece, ...rest]: readonly string[]): void {
  if (piece !== undefined) socket.write(piece, 'latin1', () => setImmediate(sendAll, socket, rest))
}

const HEAD = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nContent-Length: 8\r\n\r\n'

test('an answer is read in one piece', async () => {
  expect(await ask(`${HEAD}john_doe`)).toMatchObject({ status: 200, body: 'john_doe' })
})

test('an answer is read whole, however it is cut', async () => {
  const pieces = [HEAD.slice(0, 10), HEAD.slice(10, -2), HEAD.slice(-2), 'john_', 'doe']
  expect(await ask(...pieces)).toMatchObject({ status: 200, body: 'john_doe' })
})

test('the cookies of an answer are taken without their attributes', async () => {
  expect(cookiesOf(await ask(`${HEAD}john_doe`))).toBe('a=1; b=2')
})

test('of cookies of one name the last one is taken', async () => {
  expect(cookiesOf(await ask(`${HEAD.replace('a=1', 'b=1')}john_doe`))).toBe('b=2')
})

test('a server that goes away is an error', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const connection = new Connection((server.address() as AddressInfo).port)
  await expect(connection.ask(requestBytes('/', null))).rejects.toThrow()
})

test('a request is the bytes of a GET with its cookie', () => {
  expect(requestBytes('/read', 'sessionid=abc').toString()).toBe(
    'GET /read HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nCookie: sessionid=abc\r\n\r\n',
  )
})

test('a connection that was closed while it was idle is an error too', async () => {
  const server = createServer((socket) => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const connection = new Connection((server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  if (!socket.closed) await once(socket, 'close')
  await expect(connection.ask(requestBytes('/', null))).rejects.toThrow('closed')
})
